//! Payloads with their meaning.
//!
//! ```text
//! Conn        flags, 0, wanted id (8)            JSON ConnData      Dismiss(Ack)  session (8)              JSON SessionData
//! ConnAck     code, client id (8)                JSON ConnData      Message, MessageAck, Request, Response
//! DisConnAck  code                               JSON ConnData                    session (8)              JSON body
//! Session     priority, flags, negotiate id (8)  JSON SessionData   Stream        session (8)              raw bytes
//! SessionAck  0, 0, negotiate id (8), session (8) JSON SessionData  RequestCancel session (8), reason (2)
//! Register    session (8)  method name                              RegisterAck   session (8)              JSON {error}
//! StreamEnd   session (8)                                           Credit        session (8), bytes (4)
//! DisConn, Heartbeat, HeartbeatAck: no payload
//! ```

use std::time::Duration;

use super::{FrameKind, HEADER_LEN, Header, WireError};
use crate::body::{Body, BodyError, ConnData, RegisterAckData, SessionData};
use crate::id::{ClientId, PacketId, SessionId};

/// Reason of a RequestCancel: the caller gave up (§3.11).
pub const CANCELLED: u16 = 1;

/// How often a client sends heartbeats (§3.2): 5, 20, 80 or 320 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeartbeatClass {
    /// 5 s.
    Seconds5,
    /// 20 s, what every Go client uses.
    #[default]
    Seconds20,
    /// 80 s.
    Seconds80,
    /// 320 s.
    Seconds320,
}

impl HeartbeatClass {
    /// Time between two heartbeats.
    #[must_use]
    pub const fn interval(self) -> Duration {
        Duration::from_secs(5 << (2 * self as u64))
    }

    const fn from_flags(flags: u8) -> Self {
        match (flags >> 4) & 0x03 {
            0 => HeartbeatClass::Seconds5,
            1 => HeartbeatClass::Seconds20,
            2 => HeartbeatClass::Seconds80,
            _ => HeartbeatClass::Seconds320,
        }
    }
}

/// A client's first frame (§3.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conn {
    /// Whether the client asks the server for an id.
    pub acquire_id: bool,
    /// How often the client will send heartbeats.
    pub heartbeat: HeartbeatClass,
    /// The id that the client would like; 0 = none.
    pub wanted: ClientId,
    /// Meta and capabilities.
    pub data: ConnData,
}

/// A server's first frame (§3.3). The client was refused if `data.error` is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnAck {
    /// The id that the client now has; 0 in a refusal.
    pub client: ClientId,
    /// Error and capabilities.
    pub data: ConnData,
}

/// Asks to open a session (§3.6).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// Whether the receiver is to choose the session's id; else `negotiate` is the id.
    pub acquire_id: bool,
    /// Names the opening until it is acked.
    pub negotiate: SessionId,
    /// Meta and the wanted counterpart.
    pub data: SessionData,
}

/// Confirms a session (§3.7).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionAck {
    /// Echo of the opening's.
    pub negotiate: SessionId,
    /// The session's id from now on.
    pub session: SessionId,
    /// Meta of the opener; an error where the session is refused (which only our own openers heed).
    pub data: SessionData,
}

/// One frame's payload, borrowed from the bytes that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the layouts are drawn at the top of this file")]
pub enum Frame<'a> {
    Conn(Conn),
    ConnAck(ConnAck),
    DisConn,
    DisConnAck(ConnData),
    Heartbeat,
    HeartbeatAck,
    Session(Session),
    SessionAck(SessionAck),
    Dismiss(SessionId, SessionData),
    DismissAck(SessionId, SessionData),
    Message(SessionId, Body<'a>),
    MessageAck(SessionId, Body<'a>),
    Stream(SessionId, &'a [u8]),
    Request(SessionId, Body<'a>),
    Response(SessionId, Body<'a>),
    RequestCancel(SessionId, u16),
    Register(SessionId, &'a [u8]),
    RegisterAck(SessionId, RegisterAckData),
    StreamEnd(SessionId),
    Credit(SessionId, u32),
}

fn u64_at(bytes: &[u8]) -> (u64, &[u8]) {
    let (number, rest) =
        bytes.split_first_chunk::<8>().expect("the header's length was checked against the type's least");
    (u64::from_be_bytes(*number), rest)
}

fn session_at(bytes: &[u8]) -> (SessionId, &[u8]) {
    let (id, rest) = u64_at(bytes);
    (SessionId(id), rest)
}

impl<'a> Frame<'a> {
    /// Gives `payload`, whose `header` was decoded and so has a legal length, its meaning.
    ///
    /// # Errors
    /// JSON that is malformed or of the wrong shape.
    ///
    /// # Panics
    /// If `payload` is shorter than [`FrameKind::min_len`] of `kind`; [`Header::decode`] rules that out.
    pub fn decode(kind: FrameKind, payload: &'a [u8]) -> Result<Frame<'a>, WireError> {
        let json = |error: BodyError| WireError::Body { kind, error };
        Ok(match kind {
            FrameKind::Conn => {
                let (wanted, text) = u64_at(&payload[2..]);
                Frame::Conn(Conn {
                    acquire_id: payload[0] & 0x08 != 0,
                    heartbeat: HeartbeatClass::from_flags(payload[0]),
                    wanted: ClientId(wanted),
                    data: ConnData::decode(text).map_err(json)?,
                })
            }
            FrameKind::ConnAck => {
                let (client, text) = u64_at(&payload[1..]);
                Frame::ConnAck(ConnAck { client: ClientId(client), data: ConnData::decode(text).map_err(json)? })
            }
            FrameKind::DisConn => Frame::DisConn,
            FrameKind::DisConnAck => Frame::DisConnAck(ConnData::decode(&payload[1..]).map_err(json)?),
            FrameKind::Heartbeat => Frame::Heartbeat,
            FrameKind::HeartbeatAck => Frame::HeartbeatAck,
            FrameKind::Session => {
                let (negotiate, text) = session_at(&payload[2..]);
                Frame::Session(Session {
                    acquire_id: payload[1] & 0x10 != 0,
                    negotiate,
                    data: SessionData::decode(text).map_err(json)?,
                })
            }
            FrameKind::SessionAck => {
                let (negotiate, rest) = session_at(&payload[2..]);
                let (session, text) = session_at(rest);
                Frame::SessionAck(SessionAck { negotiate, session, data: SessionData::decode(text).map_err(json)? })
            }
            FrameKind::Dismiss | FrameKind::DismissAck => {
                let (session, text) = session_at(payload);
                let data = SessionData::decode(text).map_err(json)?;
                if kind == FrameKind::Dismiss {
                    Frame::Dismiss(session, data)
                } else {
                    Frame::DismissAck(session, data)
                }
            }
            FrameKind::Message | FrameKind::MessageAck | FrameKind::Request | FrameKind::Response => {
                let (session, text) = session_at(payload);
                let body = Body::scan(text).map_err(json)?;
                match kind {
                    FrameKind::Message => Frame::Message(session, body),
                    FrameKind::MessageAck => Frame::MessageAck(session, body),
                    FrameKind::Request => Frame::Request(session, body),
                    _ => Frame::Response(session, body),
                }
            }
            FrameKind::Stream => {
                let (session, data) = session_at(payload);
                Frame::Stream(session, data)
            }
            FrameKind::RequestCancel => {
                let (session, rest) = session_at(payload);
                Frame::RequestCancel(session, u16::from_be_bytes([rest[0], rest[1]]))
            }
            FrameKind::Register => {
                let (session, method) = session_at(payload);
                Frame::Register(session, method)
            }
            FrameKind::RegisterAck => {
                let (session, text) = session_at(payload);
                Frame::RegisterAck(session, RegisterAckData::decode(text).map_err(json)?)
            }
            FrameKind::StreamEnd => Frame::StreamEnd(session_at(payload).0),
            FrameKind::Credit => {
                let (session, rest) = session_at(payload);
                Frame::Credit(session, u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]))
            }
        })
    }

    /// This frame's type.
    #[must_use]
    pub const fn kind(&self) -> FrameKind {
        match self {
            Frame::Conn(_) => FrameKind::Conn,
            Frame::ConnAck(_) => FrameKind::ConnAck,
            Frame::DisConn => FrameKind::DisConn,
            Frame::DisConnAck(_) => FrameKind::DisConnAck,
            Frame::Heartbeat => FrameKind::Heartbeat,
            Frame::HeartbeatAck => FrameKind::HeartbeatAck,
            Frame::Session(_) => FrameKind::Session,
            Frame::SessionAck(_) => FrameKind::SessionAck,
            Frame::Dismiss(..) => FrameKind::Dismiss,
            Frame::DismissAck(..) => FrameKind::DismissAck,
            Frame::Message(..) => FrameKind::Message,
            Frame::MessageAck(..) => FrameKind::MessageAck,
            Frame::Stream(..) => FrameKind::Stream,
            Frame::Request(..) => FrameKind::Request,
            Frame::Response(..) => FrameKind::Response,
            Frame::RequestCancel(..) => FrameKind::RequestCancel,
            Frame::Register(..) => FrameKind::Register,
            Frame::RegisterAck(..) => FrameKind::RegisterAck,
            Frame::StreamEnd(_) => FrameKind::StreamEnd,
            Frame::Credit(..) => FrameKind::Credit,
        }
    }

    /// Appends the whole frame, header included, to `out`.
    pub fn encode(&self, packet: PacketId, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&Header { kind: self.kind(), packet, len: 0 }.encode());
        match self {
            Frame::Conn(conn) => {
                let acquire = if conn.acquire_id { 0x08 } else { 0 };
                out.extend_from_slice(&[acquire | ((conn.heartbeat as u8) << 4), 0]);
                out.extend_from_slice(&conn.wanted.0.to_be_bytes());
                conn.data.encode(out);
            }
            Frame::ConnAck(ack) => {
                out.push(u8::from(!ack.data.error.is_empty()));
                out.extend_from_slice(&ack.client.0.to_be_bytes());
                ack.data.encode(out);
            }
            Frame::DisConn | Frame::Heartbeat | Frame::HeartbeatAck => {}
            Frame::DisConnAck(data) => {
                out.push(0);
                data.encode(out);
            }
            Frame::Session(session) => {
                out.extend_from_slice(&[0, if session.acquire_id { 0x10 } else { 0 }]);
                out.extend_from_slice(&session.negotiate.0.to_be_bytes());
                session.data.encode(out);
            }
            Frame::SessionAck(ack) => {
                out.extend_from_slice(&[0, 0]);
                out.extend_from_slice(&ack.negotiate.0.to_be_bytes());
                out.extend_from_slice(&ack.session.0.to_be_bytes());
                ack.data.encode(out);
            }
            Frame::Dismiss(session, data) | Frame::DismissAck(session, data) => {
                out.extend_from_slice(&session.0.to_be_bytes());
                data.encode(out);
            }
            Frame::Message(session, body)
            | Frame::MessageAck(session, body)
            | Frame::Request(session, body)
            | Frame::Response(session, body) => {
                out.extend_from_slice(&session.0.to_be_bytes());
                body.encode(out);
            }
            Frame::Stream(session, data) => {
                out.extend_from_slice(&session.0.to_be_bytes());
                out.extend_from_slice(data);
            }
            Frame::RequestCancel(session, reason) => {
                out.extend_from_slice(&session.0.to_be_bytes());
                out.extend_from_slice(&reason.to_be_bytes());
            }
            Frame::Register(session, method) => {
                out.extend_from_slice(&session.0.to_be_bytes());
                out.extend_from_slice(method);
            }
            Frame::RegisterAck(session, data) => {
                out.extend_from_slice(&session.0.to_be_bytes());
                data.encode(out);
            }
            Frame::StreamEnd(session) => out.extend_from_slice(&session.0.to_be_bytes()),
            Frame::Credit(session, bytes) => {
                out.extend_from_slice(&session.0.to_be_bytes());
                out.extend_from_slice(&bytes.to_be_bytes());
            }
        }
        let len = u32::try_from(out.len() - start - HEADER_LEN).expect("frames are built from bounded parts");
        out[start + 10..start + HEADER_LEN].copy_from_slice(&len.to_be_bytes());
    }
}
