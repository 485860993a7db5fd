//! Calls, messages and registrations of a scripted client.

use super::body::Body;
use super::client::Client;
use super::frame::{Frame, kind};

/// The session that every link has from the start.
const FIRST: u64 = 1;

impl Client {
    /// Registers a method and waits for the ack.
    #[track_caller]
    pub fn register(&mut self, method: &str) {
        self.register_on(FIRST, method);
    }

    /// Registers a method on a session and waits for the ack.
    #[track_caller]
    pub fn register_on(&mut self, session: u64, method: &str) {
        let id = self.fresh();
        let body = [session.to_be_bytes().as_slice(), method.as_bytes()].concat();
        self.send(kind::REGISTER, id, &body);
        let ack = self.reply(kind::REGISTER_ACK, id);
        assert_eq!((ack.session(), ack.text("error")), (session, String::new()));
    }

    /// Sends a request; returns its packet id.
    #[track_caller]
    pub fn request(&mut self, body: &Body) -> u64 {
        self.request_on(FIRST, body)
    }

    /// Sends a request on a session; returns its packet id.
    #[track_caller]
    pub fn request_on(&mut self, session: u64, body: &Body) -> u64 {
        let id = self.fresh();
        self.send(kind::REQUEST, id, &body.on(session));
        id
    }

    /// Sends a message; returns its packet id.
    #[track_caller]
    pub fn message(&mut self, body: &Body) -> u64 {
        self.message_on(FIRST, body)
    }

    /// Sends a message on a session; returns its packet id.
    #[track_caller]
    pub fn message_on(&mut self, session: u64, body: &Body) -> u64 {
        let id = self.fresh();
        self.send(kind::MESSAGE, id, &body.on(session));
        id
    }

    /// Waits for the response to a request of ours.
    ///
    /// # Errors
    /// The error text of the response.
    #[track_caller]
    pub fn answer(&mut self, request: u64) -> Result<Vec<u8>, String> {
        self.reply(kind::RESPONSE, request).outcome()
    }

    /// Waits for the ack of a message of ours.
    ///
    /// # Errors
    /// The error text of the ack.
    #[track_caller]
    pub fn acked(&mut self, message: u64) -> Result<(), String> {
        self.reply(kind::MESSAGE_ACK, message).outcome().map(drop)
    }

    /// Takes the next request, which must be for `method`.
    #[track_caller]
    pub fn called(&mut self, method: &str) -> Frame {
        self.find(&format!("request for {method}"), |frame| frame.kind == kind::REQUEST && frame.method() == method)
    }

    /// Takes the next message.
    #[track_caller]
    pub fn received(&mut self) -> Frame {
        self.expect(kind::MESSAGE)
    }

    /// Answers a request with a value.
    #[track_caller]
    pub fn respond(&mut self, request: &Frame, value: &[u8]) {
        let body = Body::new().method(&request.method()).value(value);
        self.send(kind::RESPONSE, request.id, &body.on(request.session()));
    }

    /// Answers a request with an error.
    #[track_caller]
    pub fn respond_error(&mut self, request: &Frame, text: &str) {
        let body = Body::new().method(&request.method()).error(text);
        self.send(kind::RESPONSE, request.id, &body.on(request.session()));
    }

    /// Acknowledges a message.
    #[track_caller]
    pub fn ack(&mut self, message: &Frame) {
        self.send(kind::MESSAGE_ACK, message.id, &Body::new().on(message.session()));
    }

    /// Refuses a message.
    #[track_caller]
    pub fn refuse(&mut self, message: &Frame, text: &str) {
        self.send(kind::MESSAGE_ACK, message.id, &Body::new().error(text).on(message.session()));
    }

    /// Gives up a request of ours: RequestCancel, reason 1.
    #[track_caller]
    pub fn cancel(&mut self, request: u64) {
        let body = [FIRST.to_be_bytes().as_slice(), &[0, 1]].concat();
        self.send(kind::REQUEST_CANCEL, request, &body);
    }
}
