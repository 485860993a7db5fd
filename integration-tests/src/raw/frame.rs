//! Frames as bytes: a header of 14, then the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The type byte of each frame.
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub mod kind {
    pub const CONN: u8 = 0x01;
    pub const CONN_ACK: u8 = 0x02;
    pub const DIS_CONN: u8 = 0x11;
    pub const DIS_CONN_ACK: u8 = 0x12;
    pub const HEARTBEAT: u8 = 0x21;
    pub const HEARTBEAT_ACK: u8 = 0x22;
    pub const SESSION: u8 = 0x31;
    pub const SESSION_ACK: u8 = 0x32;
    pub const DISMISS: u8 = 0x41;
    pub const DISMISS_ACK: u8 = 0x42;
    pub const MESSAGE: u8 = 0x51;
    pub const MESSAGE_ACK: u8 = 0x52;
    pub const STREAM: u8 = 0x61;
    pub const REQUEST: u8 = 0x71;
    pub const RESPONSE: u8 = 0x72;
    pub const REQUEST_CANCEL: u8 = 0x73;
    pub const REGISTER: u8 = 0x81;
    pub const REGISTER_ACK: u8 = 0x82;

    /// Every type byte with its name in the protocol.
    pub const NAMES: [(u8, &str); 18] = [
        (CONN, "Conn"),
        (CONN_ACK, "ConnAck"),
        (DIS_CONN, "DisConn"),
        (DIS_CONN_ACK, "DisConnAck"),
        (HEARTBEAT, "Heartbeat"),
        (HEARTBEAT_ACK, "HeartbeatAck"),
        (SESSION, "Session"),
        (SESSION_ACK, "SessionAck"),
        (DISMISS, "Dismiss"),
        (DISMISS_ACK, "DismissAck"),
        (MESSAGE, "Message"),
        (MESSAGE_ACK, "MessageAck"),
        (STREAM, "Stream"),
        (REQUEST, "Request"),
        (RESPONSE, "Response"),
        (REQUEST_CANCEL, "RequestCancel"),
        (REGISTER, "Register"),
        (REGISTER_ACK, "RegisterAck"),
    ];
}

pub(crate) const HEADER: usize = 14;

/// One frame as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// One of [`kind`].
    pub kind: u8,
    /// The packet id.
    pub id: u64,
    /// Everything behind the header.
    pub body: Vec<u8>,
}

impl Frame {
    /// The bytes of a frame.
    #[must_use]
    pub fn bytes_of(kind: u8, id: u64, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).expect("tests send less than 4 GiB");
        let mut out = Vec::with_capacity(HEADER + body.len());
        out.extend([1, kind]);
        out.extend(id.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(body);
        out
    }

    /// Takes the first whole frame off `buffer`.
    #[must_use]
    pub fn take_from(buffer: &mut Vec<u8>) -> Option<Self> {
        let header = buffer.get(..HEADER)?;
        assert_eq!(header[0], 1, "version byte of the gateway");
        let length = u32::from_be_bytes(array(&header[10..14])) as usize;
        let kind = header[1];
        let id = u64::from_be_bytes(array(&header[2..10]));
        let body = buffer.get(HEADER..HEADER + length)?.to_vec();
        buffer.drain(..HEADER + length);
        Some(Self { kind, id, body })
    }

    /// The big-endian number at `offset` of the body.
    ///
    /// # Panics
    /// When the body is too short.
    #[must_use]
    #[track_caller]
    pub fn number_at(&self, offset: usize) -> u64 {
        let bytes = self.body.get(offset..offset + 8);
        u64::from_be_bytes(array(bytes.unwrap_or_else(|| panic!("short body of {self:?}"))))
    }

    /// The session that a data, register or dismiss frame belongs to.
    #[must_use]
    #[track_caller]
    pub fn session(&self) -> u64 {
        self.number_at(0)
    }

    /// The JSON of the body.
    ///
    /// # Panics
    /// When it is none, or the frame has none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        let offset = match self.kind {
            kind::CONN | kind::SESSION => 10,
            kind::CONN_ACK => 9,
            kind::DIS_CONN_ACK => 1,
            kind::SESSION_ACK => 18,
            _ => 8,
        };
        let text = self.body.get(offset..).unwrap_or_else(|| panic!("short body of {self:?}"));
        serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// A text of the JSON body; empty when absent.
    #[must_use]
    #[track_caller]
    pub fn text(&self, key: &str) -> String {
        match &self.json()[key] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => panic!("{key} is {other} in {self:?}"),
        }
    }

    /// Bytes of the JSON body, decoded; empty when absent.
    #[must_use]
    #[track_caller]
    pub fn bytes(&self, key: &str) -> Vec<u8> {
        let text = self.text(key);
        STANDARD.decode(&text).unwrap_or_else(|error| panic!("{key} of {self:?}: {error}"))
    }

    /// The payload of a message, request or response.
    #[must_use]
    #[track_caller]
    pub fn value(&self) -> Vec<u8> {
        self.bytes("value")
    }

    /// The custom bytes of a message or request.
    #[must_use]
    #[track_caller]
    pub fn custom(&self) -> Vec<u8> {
        self.bytes("custom")
    }

    /// The method of a request, response or register frame.
    #[must_use]
    #[track_caller]
    pub fn method(&self) -> String {
        let bytes = if self.kind == kind::REGISTER { self.body[8..].to_vec() } else { self.bytes("key") };
        String::from_utf8(bytes).expect("a method name of the tests is UTF-8")
    }

    /// The outcome of an ack or response: the value, or the error text.
    ///
    /// # Errors
    /// The text, when there is one.
    #[track_caller]
    pub fn outcome(&self) -> Result<Vec<u8>, String> {
        let error = self.text("error");
        if error.is_empty() { Ok(self.value()) } else { Err(error) }
    }

    /// The raw bytes of a stream frame.
    #[must_use]
    #[track_caller]
    pub fn data(&self) -> &[u8] {
        assert_eq!(self.kind, kind::STREAM, "{self:?}");
        &self.body[8..]
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the slice was cut to this length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_when_it_is_whole() {
        let whole = Frame::bytes_of(kind::REGISTER, 7, b"\0\0\0\0\0\0\0\x01echo");
        let mut buffer = whole[..20].to_vec();
        assert_eq!(Frame::take_from(&mut buffer), None);
        buffer.extend(&whole[20..]);
        buffer.push(1);
        let frame = Frame::take_from(&mut buffer).unwrap();
        assert_eq!((frame.kind, frame.id, frame.session()), (kind::REGISTER, 7, 1));
        assert_eq!(frame.method(), "echo");
        assert_eq!(buffer, [1]);
    }

    #[test]
    fn a_refused_conn_reads_as_the_specification_shows_it() {
        let mut bytes = Vec::new();
        bytes.extend([0x01, 0x02, 0x66, 0x50, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x3b, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(br#"{"error":"edge \u003cdenied\u003e \u0026 \"bad\""}"#);
        let frame = Frame::take_from(&mut bytes).unwrap();
        assert_eq!(frame.text("error"), r#"edge <denied> & "bad""#);
    }
}
