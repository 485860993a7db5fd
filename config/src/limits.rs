//! Sub-section `limits` of `servicebound` and `edgebound`.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use crate::field;

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// Bounds of one side and of each of its links.
///
/// Byte bounds count memory really held. A key that is left out keeps the value
/// of [`Limits::EDGE`] or [`Limits::SERVICE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest packet body taken from a peer, in bytes; a larger one closes
    /// its link. 1 KiB to 64 MiB, 10 MiB unless written, which is also what the
    /// Go transport takes at most.
    pub max_message_bytes: NonZeroU32,
    /// What may wait to be sent on one link, in bytes, for calls and for
    /// messages each; over it newcomers are answered `congested`. An empty queue
    /// takes any one packet. 256 KiB for an edge, 8 MiB for a service.
    pub queue_bytes: NonZeroU32,
    /// What one link may have sent that has no answer yet, in bytes; over it the
    /// link is not read for a while. 1 MiB for an edge, 8 MiB for a service.
    pub unanswered_bytes: NonZeroU32,
    /// What one stream may hold in the gateway, in bytes, per direction. 1 MiB, which a
    /// peer with our flow control may send ahead even where less is written.
    pub stream_bytes: NonZeroU32,
    /// Messages sent to one session that it has not acknowledged yet. 1 to
    /// 65 535; 32, which is what the Go SDK queues at most.
    pub unacked_messages: NonZeroU32,
    /// How long a peer has to complete its handshake. Whole seconds, 1 to 600;
    /// 10.
    pub handshake: Duration,
    /// How long a peer may accept no byte before its link is closed. Whole
    /// seconds, 1 to 3 600; 30.
    pub stalled_write: Duration,
    /// How long the gateway keeps the first packet of a stream back that a peer
    /// has opened, unless that peer sends on it first: old Go SDKs lose a packet
    /// that comes close behind the acknowledgement. Milliseconds, 0 to 10 000;
    /// 100.
    pub settle: Duration,
    /// How many links this side has at most, those in their handshake included;
    /// a newcomer above it is closed at once. None, written 0, is no limit.
    pub max_links: Option<NonZeroU32>,
    /// The same for the links that come from one IP address.
    pub max_links_per_address: Option<NonZeroU32>,
    /// How many streams one link may have open; a further one is declined. 1 to
    /// 65 535; 4 096.
    pub max_streams: NonZeroU32,
    /// How many methods one link may register; further ones are ignored with one
    /// warning. 1 to 1 048 576; 4 096.
    pub max_registrations: NonZeroU32,
}

impl Limits {
    /// What a link to an edge gets unless written otherwise.
    pub const EDGE: Self = Self::with(256 * KIB, MIB);

    /// What a link to a service gets unless written otherwise.
    pub const SERVICE: Self = Self::with(8 * MIB, 8 * MIB);

    const fn with(queue_bytes: u32, unanswered_bytes: u32) -> Self {
        Self {
            max_message_bytes: non_zero(10 * MIB),
            queue_bytes: non_zero(queue_bytes),
            unanswered_bytes: non_zero(unanswered_bytes),
            stream_bytes: non_zero(MIB),
            unacked_messages: non_zero(32),
            handshake: Duration::from_secs(10),
            stalled_write: Duration::from_secs(30),
            settle: Duration::from_millis(100),
            max_links: None,
            max_links_per_address: None,
            max_streams: non_zero(4096),
            max_registrations: non_zero(4096),
        }
    }
}

const fn non_zero(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("a bound above zero")
}

/// The smallest and largest value of every byte bound: below the first not even
/// a handshake fits, above the second one peer could take a small machine's memory.
const MIN_BYTES: u32 = KIB;
const MAX_BYTES: u32 = 64 * MIB;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    #[serde(default, deserialize_with = "field::between::<MIN_BYTES, MAX_BYTES, _>")]
    max_message_bytes: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<MIN_BYTES, MAX_BYTES, _>")]
    queue_bytes: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<MIN_BYTES, MAX_BYTES, _>")]
    unanswered_bytes: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<MIN_BYTES, MAX_BYTES, _>")]
    stream_bytes: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<1, 65_535, _>")]
    unacked_messages: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<1, 600, _>")]
    handshake_seconds: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<1, 3_600, _>")]
    stalled_write_seconds: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<0, 10_000, _>")]
    settle_ms: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<0, { u32::MAX }, _>")]
    max_links: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<0, { u32::MAX }, _>")]
    max_links_per_address: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<1, 65_535, _>")]
    max_streams: Option<u32>,
    #[serde(default, deserialize_with = "field::between::<1, 1_048_576, _>")]
    max_registrations: Option<u32>,
}

impl Written {
    /// What is written, and `defaults` for the rest.
    pub(crate) fn or(self, defaults: Limits) -> Limits {
        let count = |written: Option<u32>, default| written.and_then(NonZeroU32::new).unwrap_or(default);
        let seconds =
            |written: Option<u32>, default| written.map_or(default, |seconds| Duration::from_secs(seconds.into()));
        Limits {
            max_message_bytes: count(self.max_message_bytes, defaults.max_message_bytes),
            queue_bytes: count(self.queue_bytes, defaults.queue_bytes),
            unanswered_bytes: count(self.unanswered_bytes, defaults.unanswered_bytes),
            stream_bytes: count(self.stream_bytes, defaults.stream_bytes),
            unacked_messages: count(self.unacked_messages, defaults.unacked_messages),
            handshake: seconds(self.handshake_seconds, defaults.handshake),
            stalled_write: seconds(self.stalled_write_seconds, defaults.stalled_write),
            settle: self.settle_ms.map_or(defaults.settle, |ms| Duration::from_millis(ms.into())),
            max_links: self.max_links.map_or(defaults.max_links, NonZeroU32::new),
            max_links_per_address: self.max_links_per_address.map_or(defaults.max_links_per_address, NonZeroU32::new),
            max_streams: count(self.max_streams, defaults.max_streams),
            max_registrations: count(self.max_registrations, defaults.max_registrations),
        }
    }
}
