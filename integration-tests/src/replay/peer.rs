//! One played link: its socket, and what has come over it and was not expected yet.

use std::collections::HashMap;
use std::time::Duration;

use super::anatomy::{Anatomy, Role};
use super::recording::Way;
use crate::raw::{Client, Frame, Lost, kind};

/// A frame that came, with its anatomy.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) frame: Frame,
    pub(super) anatomy: Anatomy,
}

#[derive(Debug)]
pub(super) struct Peer {
    /// None once it was cut or reset by the conversation.
    client: Option<Client>,
    role: Role,
    /// The way of what comes.
    way: Way,
    /// In order of arrival; raw bytes apart.
    pub(super) came: Vec<Came>,
    /// Raw bytes by session: how they were cut into frames is not compared.
    pub(super) bytes: HashMap<u64, Vec<u8>>,
    /// Whether the other side has ended the connection.
    pub(super) ended: bool,
}

impl Peer {
    pub(super) fn new(client: Client, role: Role, way: Way) -> Self {
        Self { client: Some(client), role, way, came: Vec::new(), bytes: HashMap::new(), ended: false }
    }

    /// Takes in what has come, waiting for the first frame for at most `patience`.
    pub(super) fn read(&mut self, patience: Duration) {
        let mut patience = patience;
        while let Some(client) = self.client.as_mut().filter(|_| !self.ended) {
            match client.try_next(patience) {
                Ok(frame) => self.file(frame),
                Err(Lost::TimedOut) => return,
                Err(Lost::Ended) => self.ended = true,
            }
            patience = Duration::ZERO;
        }
    }

    fn file(&mut self, frame: Frame) {
        if frame.kind == kind::STREAM {
            self.bytes.entry(frame.session()).or_default().extend(frame.data());
        } else {
            let anatomy = Anatomy::of(&frame, self.way, self.role);
            self.came.push(Came { frame, anatomy });
        }
    }

    /// Sends to a side that may have left.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if let Some(client) = &mut self.client {
            // Whether it still listens shows in what it answers.
            let _ = client.try_send_bytes(bytes);
        }
    }

    pub(super) fn finish_writing(&mut self) {
        if let Some(client) = self.client.as_ref().filter(|_| !self.ended) {
            // It may have ended in the meantime.
            let _ = client.try_finish_writing();
        }
    }

    /// Ends the connection without a goodbye. What it had not been asked for is lost with it.
    pub(super) fn cut(&mut self) {
        self.client = None;
        self.ended = true;
        self.came.clear();
    }

    pub(super) fn reset(&mut self) {
        if let Some(client) = self.client.take() {
            client.reset();
        }
        self.cut();
    }

    /// Whether the connection stands, as far as is known here.
    pub(super) fn is_open(&self) -> bool {
        self.client.is_some() && !self.ended
    }

    /// A packet id that no recording has.
    pub(super) fn fresh(&mut self) -> u64 {
        self.client.as_mut().map_or(0, Client::fresh)
    }
}
