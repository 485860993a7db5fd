use std::sync::Arc;

use super::*;
use crate::body::SessionData;
use crate::conn::{Role, Settings, Transmit};
use crate::id::{ClientId, IdGenerator, PacketId};
use crate::wire::{Cut, Frames, MAX_PAYLOAD};

/// Both ends of a link, and what they said.
struct Link {
    now: Instant,
    client: Connection<()>,
    server: Connection<()>,
    ended: Vec<(Role, SessionId)>,
    /// Why, as far as it was told.
    reasons: Vec<Box<str>>,
    /// Raw bytes that arrived.
    arrived: usize,
    offered: Option<SessionId>,
}

impl Link {
    fn new(settings: Settings) -> Self {
        let (now, settings) = (Instant::now(), Arc::new(settings));
        let client =
            Connection::client(now, Arc::clone(&settings), IdGenerator::new(1, 0), ClientId::default(), Vec::new());
        let server = Connection::server(now, settings, IdGenerator::new(2, 0));
        let mut link = Self { now, client, server, ended: Vec::new(), reasons: Vec::new(), arrived: 0, offered: None };
        link.exchange();
        link.server.accept(link.now, ClientId(7));
        link.exchange();
        link
    }

    /// A stream that the client opened and nobody has used.
    fn stream(&mut self) -> SessionId {
        self.client.open_session(self.now, PacketId(9), SessionData::default(), ());
        self.exchange();
        let session = self.offered.take().expect("offered");
        self.server.confirm(self.now, session, Vec::new());
        self.exchange();
        session
    }

    /// Hands frames over until neither end has any.
    fn exchange(&mut self) {
        loop {
            let to_server = take(&mut self.client, self.now);
            let to_client = take(&mut self.server, self.now);
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            self.give(Role::Server, &to_server);
            self.give(Role::Client, &to_client);
        }
    }

    fn give(&mut self, role: Role, bytes: &[u8]) {
        let conn = if role == Role::Client { &mut self.client } else { &mut self.server };
        let mut frames = Frames::new(bytes, MAX_PAYLOAD);
        let mut events = Vec::new();
        while let Ok(Cut::Frame(header, payload)) = frames.cut() {
            events.extend(conn.handle_frame(self.now, header, payload));
            events.extend(std::iter::from_fn(|| conn.poll_event()));
        }
        assert!(frames.rest().is_empty(), "whole frames");
        for event in events {
            match event {
                Event::Offered { session, .. } => self.offered = Some(session),
                Event::Ended { session, error } => {
                    self.ended.push((role, session));
                    self.reasons.extend(error);
                }
                Event::Data { data, .. } => self.arrived += data.len(),
                _ => {}
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.client.handle_timeout(self.now);
        self.server.handle_timeout(self.now);
        self.exchange();
    }
}

fn take(conn: &mut Connection<()>, now: Instant) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(transmit) = conn.poll_transmit(now) {
        match transmit {
            Transmit::Encoded { bytes: frame, .. } => bytes.extend_from_slice(&frame),
            Transmit::Data(data) => {
                bytes.extend_from_slice(&data.prefix());
                match data.text {
                    Text::Whole(text) => bytes.extend_from_slice(&text),
                    Text::Parts(parts) => parts.iter().for_each(|part| bytes.extend_from_slice(part)),
                }
            }
        }
    }
    bytes
}

#[test]
fn a_dismissal_waits_for_bytes_that_the_peer_does_not_take_but_not_for_ever() {
    let settings = Settings { stream_window: 1000, ..Settings::default() };
    let patience = settings.dismiss;
    let mut link = Link::new(settings);
    let session = link.stream();
    assert!(link.client.send_data(session, Bytes::from(vec![0; 1001])));
    link.client.dismiss(link.now, session, "");
    link.exchange();
    link.pass(patience - Duration::from_secs(10));
    // Heartbeats keep the link meanwhile.
    link.pass(Duration::from_secs(9));
    assert_eq!(link.ended, [], "one byte waits for credit");
    link.pass(Duration::from_secs(1));
    assert_eq!(link.ended, [(Role::Client, session), (Role::Server, session)]);
    assert_eq!((link.client.session_count(), link.server.session_count()), (0, 0));
    assert_eq!(link.reasons, ["the last bytes of the stream were not taken in time".into()], "told to the reader");
}

#[test]
fn a_dismissal_waits_for_a_slow_reader_as_long_as_it_reads() {
    let settings = Settings { stream_window: 1000, ..Settings::default() };
    let mut link = Link::new(settings);
    let session = link.stream();
    assert!(link.client.send_data(session, Bytes::from(vec![0; 3000])));
    link.client.dismiss(link.now, session, "");
    link.exchange();
    for _ in 0..2 {
        assert_eq!(link.ended, []);
        link.pass(Duration::from_secs(20));
        link.server.grant(session, 1000);
        link.exchange();
    }
    assert_eq!(link.arrived, 3000);
    assert_eq!(link.ended, [(Role::Client, session), (Role::Server, session)]);
    assert!(link.reasons.is_empty(), "an end in order: {:?}", link.reasons);
}

#[test]
fn a_dismissal_follows_bytes_that_are_taken_late() {
    let settings = Settings { stream_window: 1000, ..Settings::default() };
    let mut link = Link::new(settings);
    let session = link.stream();
    assert!(link.client.send_data(session, Bytes::from(vec![0; 1001])));
    link.client.end_data(link.now, session);
    link.client.dismiss(link.now, session, "");
    link.exchange();
    link.pass(Duration::from_secs(20));
    assert_eq!(link.ended, []);
    link.server.grant(session, 1000);
    link.exchange();
    assert_eq!(link.ended, [(Role::Client, session), (Role::Server, session)]);
    // The time that the bytes would have had passes without an effect.
    link.pass(Duration::from_secs(15));
    assert!(link.client.is_open() && link.server.is_open());
}
