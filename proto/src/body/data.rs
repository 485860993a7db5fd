//! The bodies of connection, session and registration packets.

use std::borrow::Cow;

use super::json::{Cursor, Members};
use super::{Base64, BodyError};

/// The JSON body of Conn, ConnAck and DisConnAck (wire-protocol §3.2 to §3.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnData {
    /// What the client says about itself: free for an edge, [`ServiceMeta`](super::ServiceMeta) for
    /// a service. Empty in acks.
    pub meta: Vec<u8>,
    /// In a ConnAck: why the client is refused. Empty if it is not.
    pub error: String,
    /// In a Conn: what the client understands beyond the protocol of Go. In a ConnAck: what of it
    /// may be used on this connection.
    pub caps: Caps,
}

impl ConnData {
    /// Reads the body.
    ///
    /// # Errors
    ///
    /// If Go's decoder refuses the text too: see the [module](super).
    pub fn decode(text: &[u8]) -> Result<Self, BodyError> {
        let (mut meta, mut error) = (Base64::default(), Cow::default());
        let mut caps = Caps::default();
        Cursor::document(text, |cursor, name| {
            if name.names("meta") {
                cursor.bytes_field("meta", &mut meta)
            } else if name.names("error") {
                cursor.string_field("error", &mut error)
            } else if name.names("caps") {
                caps = Caps::read(cursor)?;
                Ok(())
            } else {
                cursor.skip_value(1)
            }
        })?;
        Ok(ConnData { meta: meta.decode(), error: error.into_owned(), caps })
    }

    /// Appends the body as JSON, without what is empty.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut members = Members::new(out);
        members.bytes("meta", &Base64::encode(&self.meta));
        members.string("error", &self.error);
        if self.caps != Caps::default() {
            self.caps.write(members.name("caps"));
        }
        members.end();
    }
}

/// What a peer understands beyond the protocol of Go: the key `caps` of a Conn or ConnAck, an object
/// of names and integers (wire-protocol §14.3). Go ignores the key.
///
/// A name counts if its value is an integer of 1 or more. Other names are ignored, and so is a `caps`
/// that is no object: an application of the field may use the key for something else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caps {
    /// Understands RequestCancel.
    pub cancel: bool,
    /// Inserts a session into its tables before it reads the next packet, so that the first packet
    /// of a session need not wait for the settle delay.
    pub prompt: bool,
    /// Understands packets that end one direction of a stream.
    pub fin: bool,
    /// Grants windows for the bytes of a stream.
    pub credit: bool,
}

impl Caps {
    /// What both sides understand.
    pub fn intersection(self, other: Caps) -> Caps {
        Caps {
            cancel: self.cancel && other.cancel,
            prompt: self.prompt && other.prompt,
            fin: self.fin && other.fin,
            credit: self.credit && other.credit,
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Caps, BodyError> {
        let mut caps = Caps::default();
        if cursor.peek() != b'{' {
            cursor.skip_value(1)?;
            return Ok(caps);
        }
        cursor.object(|cursor, name| {
            let value = cursor.rest();
            cursor.skip_value(2)?;
            let read = value.len() - cursor.rest().len();
            let counts = value[..read].iter().all(u8::is_ascii_digit) && value[0] != b'0';
            let caps = &mut caps;
            let known = [
                ("cancel", &mut caps.cancel),
                ("prompt", &mut caps.prompt),
                ("fin", &mut caps.fin),
                ("credit", &mut caps.credit),
            ];
            for (key, cap) in known {
                if name.names(key) {
                    *cap = counts;
                }
            }
            Ok(())
        })?;
        Ok(caps)
    }

    fn write(self, out: &mut Vec<u8>) {
        let mut members = Members::new(out);
        let caps = [("cancel", self.cancel), ("prompt", self.prompt), ("fin", self.fin), ("credit", self.credit)];
        for (name, _) in caps.iter().filter(|(_, understood)| *understood) {
            members.name(name).push(b'1');
        }
        members.end();
    }
}

/// The JSON body of Session, SessionAck, Dismiss and DismissAck (wire-protocol §3.6 to §3.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionData {
    /// What the opener says about the stream. In an ack it replaces the opener's own.
    pub meta: Vec<u8>,
    /// Go ignores it.
    pub error: String,
    /// Whom the opener wants: the name of a service, or an edge id in decimal (wire-protocol §11).
    pub peer: String,
}

impl SessionData {
    /// Reads the body.
    ///
    /// # Errors
    ///
    /// If Go's decoder refuses the text too: see the [module](super).
    pub fn decode(text: &[u8]) -> Result<Self, BodyError> {
        let mut meta = Base64::default();
        let (mut error, mut peer) = (Cow::default(), Cow::default());
        Cursor::document(text, |cursor, name| {
            if name.names("meta") {
                cursor.bytes_field("meta", &mut meta)
            } else if name.names("error") {
                cursor.string_field("error", &mut error)
            } else if name.names("peer") {
                cursor.string_field("peer", &mut peer)
            } else {
                cursor.skip_value(1)
            }
        })?;
        Ok(SessionData { meta: meta.decode(), error: error.into_owned(), peer: peer.into_owned() })
    }

    /// Appends the body as JSON, without what is empty.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut members = Members::new(out);
        members.bytes("meta", &Base64::encode(&self.meta));
        members.string("error", &self.error);
        members.string("peer", &self.peer);
        members.end();
    }
}

/// The JSON body of RegisterAck (wire-protocol §3.12).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegisterAckData {
    /// Go ignores it: a registration cannot be refused.
    pub error: String,
}

impl RegisterAckData {
    /// Reads the body.
    ///
    /// # Errors
    ///
    /// If Go's decoder refuses the text too: see the [module](super).
    pub fn decode(text: &[u8]) -> Result<Self, BodyError> {
        let mut error = Cow::default();
        Cursor::document(text, |cursor, name| {
            if name.names("error") { cursor.string_field("error", &mut error) } else { cursor.skip_value(1) }
        })?;
        Ok(RegisterAckData { error: error.into_owned() })
    }

    /// Appends the body as JSON, without what is empty.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut members = Members::new(out);
        members.string("error", &self.error);
        members.end();
    }
}
