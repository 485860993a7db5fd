//! Calls and messages, made beforehand.

use std::ops::Range;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use proto::body::Base64;
use proto::id::{EdgeId, PacketId};
use proto::wire::{HEADER_LEN, Header, MAX_PAYLOAD};

use crate::args::Direction;
use crate::frame::{self, Kind};

/// Time for an answer, as the SDK gives it.
const DEADLINE: Duration = Duration::from_secs(30);

/// How long one deadline stands in all requests.
const STAMP: Duration = Duration::from_secs(1);

/// The id of an edge as it stands in a request of a service.
pub(crate) type Target = [u8; 12];

/// What stands in `custom` for `edge`.
pub(crate) fn target(edge: EdgeId) -> Target {
    let text = Base64::default().with_tail(edge.0);
    text.text().try_into().expect("8 bytes are 12 characters of base64")
}

/// A call or message, of which only packet id and target change from one to the next.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    kind: Kind,
    direction: Direction,
    size: usize,
    /// All behind the header.
    body: Vec<u8>,
    /// Where the target stands in it.
    target: Option<Range<usize>>,
    stamped: Instant,
}

impl Requests {
    /// Requests with a payload of `size` bytes.
    ///
    /// # Errors
    /// The protocol has no room for such a payload.
    pub(crate) fn new(kind: Kind, direction: Direction, size: usize) -> Result<Self> {
        let body = stamped(kind, direction, size);
        let most = MAX_PAYLOAD as usize;
        ensure!(body.len() <= most, "a frame has room for {most} bytes, {} were to be sent: lower --size", body.len());
        let target = match direction {
            Direction::EdgeToService => None,
            Direction::ServiceToEdge => Some(find_target(&body)),
        };
        Ok(Self { kind, direction, size, body, target, stamped: Instant::now() })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Length of the payload, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Length of a frame, in bytes.
    pub(crate) fn wire_len(&self) -> usize {
        HEADER_LEN + self.body.len()
    }

    /// Renews the deadline if it is an old one.
    pub(crate) fn refresh(&mut self, now: Instant) {
        if now.duration_since(self.stamped) >= STAMP {
            self.body = stamped(self.kind, self.direction, self.size);
            self.stamped = now;
        }
    }

    /// Appends a request to `out`.
    pub(crate) fn push(&self, packet: PacketId, target: Option<&Target>, out: &mut Vec<u8>) {
        let len = u32::try_from(self.body.len()).expect("the length was checked at the beginning");
        out.extend_from_slice(&Header { kind: self.kind.request(), packet, len }.encode());
        let body = out.len();
        out.extend_from_slice(&self.body);
        if let Some((range, target)) = self.target.as_ref().zip(target) {
            out[body..][range.clone()].copy_from_slice(target);
        }
    }
}

fn stamped(kind: Kind, direction: Direction, size: usize) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let deadline = i64::try_from((now + DEADLINE).as_secs()).unwrap_or(i64::MAX);
    frame::encode(kind, direction, size, deadline)
}

fn find_target(body: &[u8]) -> Range<usize> {
    let name = b"\"custom\":\"";
    let at = body.windows(name.len()).rposition(|window| window == name);
    let start = at.expect("a service's request names its edge") + name.len();
    start..start + size_of::<Target>()
}

#[cfg(test)]
mod tests {
    use proto::id::SessionId;
    use proto::wire::{Cut, Frame, Frames};

    use super::*;
    use crate::peer::{METHOD, TOPIC};

    fn pushed(requests: &Requests, packet: u64, target: Option<&Target>) -> Vec<u8> {
        let mut out = b"before".to_vec();
        requests.push(PacketId(packet), target, &mut out);
        out.split_off("before".len())
    }

    fn decoded(bytes: &[u8]) -> (PacketId, Frame<'_>) {
        let Cut::Frame(header, payload) = Frames::new(bytes, MAX_PAYLOAD).cut().unwrap() else { panic!("{bytes:?}") };
        (header.packet, Frame::decode(header.kind, payload).unwrap())
    }

    #[test]
    fn a_call_of_a_service_names_its_edge() {
        let requests = Requests::new(Kind::Call, Direction::ServiceToEdge, 5).unwrap();
        let bytes = pushed(&requests, 77, Some(&target(EdgeId(0x0102_0304_0506_0708))));
        assert_eq!(bytes.len(), requests.wire_len());
        let (packet, Frame::Request(SessionId::MAIN, body)) = decoded(&bytes) else { panic!("{bytes:?}") };
        assert_eq!(packet, PacketId(77));
        assert_eq!(body.key.decode(), METHOD.as_bytes());
        assert_eq!(body.value.decode(), frame::payload(5));
        assert_eq!(body.custom.split_tail().map(|(_, edge)| edge), Some(0x0102_0304_0506_0708));
        assert!(body.deadline > Some(SystemTime::now().into()));
    }

    #[test]
    fn a_message_of_an_edge_has_its_topic() {
        let requests = Requests::new(Kind::Publish, Direction::EdgeToService, 0).unwrap();
        let bytes = pushed(&requests, 78, None);
        let (_, Frame::Message(SessionId::MAIN, body)) = decoded(&bytes) else { panic!("{bytes:?}") };
        assert_eq!((&*body.topic, body.value.is_empty(), body.custom.is_empty()), (TOPIC, true, true));
    }

    #[test]
    fn an_old_deadline_is_renewed() {
        let mut requests = Requests::new(Kind::Call, Direction::EdgeToService, 1).unwrap();
        let begin = requests.stamped;
        requests.refresh(begin + STAMP / 2);
        assert_eq!(requests.stamped, begin);
        requests.refresh(begin + STAMP);
        assert_eq!(requests.stamped, begin + STAMP);
    }

    #[test]
    fn what_no_frame_can_hold_is_refused() {
        let error = Requests::new(Kind::Call, Direction::EdgeToService, MAX_PAYLOAD as usize).unwrap_err().to_string();
        assert!(error.contains("lower --size"), "{error}");
    }
}
