//! Streams of a scripted client.

use super::body::{Body, quoted};
use super::client::Client;
use super::frame::{Frame, kind};

/// A session that this client has asked for and that is not acked yet.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// The packet id of the Session.
    pub packet: u64,
    /// Its negotiate id.
    pub negotiate: u64,
}

impl Client {
    /// Asks for a stream to `peer`: a service name, or a decimal edge id.
    #[track_caller]
    pub fn open(&mut self, peer: &str) -> Opening {
        let opening = Opening { packet: self.fresh(), negotiate: self.fresh() };
        let json = Body::new().json("peer", &quoted(peer)).text();
        let mut body = vec![0, 0x10];
        body.extend(opening.negotiate.to_be_bytes());
        body.extend(json.as_bytes());
        self.send(kind::SESSION, opening.packet, &body);
        opening
    }

    /// Waits for the ack of an opening; returns the session id.
    #[track_caller]
    pub fn opened(&mut self, opening: Opening) -> u64 {
        let ack = self.reply(kind::SESSION_ACK, opening.packet);
        assert_eq!(ack.number_at(2), opening.negotiate, "the ack echoes the negotiate id");
        assert!(ack.json().is_object(), "{ack:?}");
        let session = ack.number_at(10);
        assert!(session > 1, "session {session} is not a fresh one");
        session
    }

    /// Takes a Session of the gateway without acknowledging it.
    #[track_caller]
    pub fn offered(&mut self) -> Frame {
        let offer = self.expect(kind::SESSION);
        assert_eq!(offer.body[1] & 0x10, 0, "the gateway does not ask for a session id");
        offer
    }

    /// Acknowledges a Session of the gateway; returns the session id.
    #[track_caller]
    pub fn accept_offer(&mut self, offer: &Frame) -> u64 {
        let session = offer.number_at(2);
        let mut body = vec![0, 0];
        body.extend(session.to_be_bytes());
        body.extend(session.to_be_bytes());
        body.extend(b"{}");
        self.send(kind::SESSION_ACK, offer.id, &body);
        session
    }

    /// Takes a Session of the gateway and acknowledges it; returns the session id.
    #[track_caller]
    pub fn accept(&mut self) -> u64 {
        let offer = self.offered();
        self.accept_offer(&offer)
    }

    /// Sends raw bytes on a session.
    #[track_caller]
    pub fn write(&mut self, session: u64, bytes: &[u8]) {
        let id = self.fresh();
        self.send(kind::STREAM, id, &[session.to_be_bytes().as_slice(), bytes].concat());
    }

    /// Reads exactly `count` raw bytes of a session, however they were cut.
    ///
    /// # Panics
    /// When fewer come, or more in the last frame.
    #[track_caller]
    pub fn read(&mut self, session: u64, count: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(count);
        while out.len() < count {
            let what = format!("raw bytes {} of {count} on session {session:#x}", out.len());
            let frame = self.find(&what, |frame| frame.kind == kind::STREAM && frame.session() == session);
            out.extend(frame.data());
        }
        assert_eq!(out.len(), count, "more bytes came than were sent");
        out
    }

    /// Sends our Dismiss of a session; returns its packet id.
    #[track_caller]
    pub fn dismiss(&mut self, session: u64) -> u64 {
        let id = self.fresh();
        self.send(kind::DISMISS, id, &Body::new().on(session));
        id
    }

    /// Takes the gateway's Dismiss of a session and acknowledges it.
    #[track_caller]
    pub fn take_dismiss(&mut self, session: u64) {
        let theirs = self.find("Dismiss", |frame| frame.kind == kind::DISMISS && frame.session() == session);
        self.send(kind::DISMISS_ACK, theirs.id, &Body::new().on(session));
    }

    /// Takes the gateway's ack of our Dismiss.
    #[track_caller]
    pub fn dismiss_acked(&mut self, session: u64, dismiss: u64) {
        let ack = self.reply(kind::DISMISS_ACK, dismiss);
        assert_eq!(ack.session(), session);
    }

    /// Ends a session from our side: all four packets.
    #[track_caller]
    pub fn end_session(&mut self, session: u64) {
        let ours = self.dismiss(session);
        self.dismiss_acked(session, ours);
        self.take_dismiss(session);
    }

    /// Lets the gateway end a session: all four packets.
    #[track_caller]
    pub fn session_ended(&mut self, session: u64) {
        self.take_dismiss(session);
        let ours = self.dismiss(session);
        self.dismiss_acked(session, ours);
    }
}
