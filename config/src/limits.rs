//! Sub-section `limits` of `servicebound` and `edgebound`.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::field::{Millis, Seconds, Within};
use crate::section::section;

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// A bound in bytes: below the smallest not even a handshake fits, above the largest one peer could take a small machine's
/// memory.
type Bytes = Within<{ KIB as i64 }, { 64 * MIB as i64 }>;

/// A number of links; 0 is no limit.
type Links = Within<0, { u32::MAX as i64 }>;

section! {
    /// Bounds of one side and of each of its links. Byte bounds count memory really held.
    pub struct Limits {
        /// The largest packet body taken from a peer, in bytes; a larger one closes its link. The default is what the Go
        /// transport takes at most.
        max_message_bytes: NonZeroU32 as Bytes = non_zero(10 * MIB),
        /// What may wait to be sent on one link, in bytes, for calls and for messages each; over it newcomers are answered
        /// `congested`. An empty queue takes any one packet.
        queue_bytes: NonZeroU32 as Bytes = non_zero(256 * KIB),
        /// What one link may have sent that has no answer yet, in bytes; over it the link is not read for a while.
        unanswered_bytes: NonZeroU32 as Bytes = non_zero(MIB),
        /// What one stream may hold in the gateway, in bytes, per direction. A peer with our flow control may send 1 MiB
        /// ahead even where less is written.
        stream_bytes: NonZeroU32 as Bytes = non_zero(MIB),
        /// Messages sent to one session that it has not acknowledged yet. The default is what the Go SDK queues at most.
        unacked_messages: NonZeroU32 as Within<1, 65_535> = non_zero(32),
        /// How long a peer has to complete its handshake.
        #[serde(rename = "handshake_seconds")]
        handshake: Duration as Seconds<1, 600> = Duration::from_secs(10),
        /// How long a peer may accept no byte before its link is closed.
        #[serde(rename = "stalled_write_seconds")]
        stalled_write: Duration as Seconds<1, 3_600> = Duration::from_secs(30),
        /// How long the gateway keeps the first packet of a stream back that a peer has opened, unless that peer sends on it
        /// first: old Go SDKs lose a packet that comes close behind the acknowledgement.
        #[serde(rename = "settle_ms")]
        settle: Duration as Millis<0, 10_000> = Duration::from_millis(100),
        /// How many connections this side has at most, those in their handshake and those that the bypass passes on included; a
        /// newcomer above it is closed at once. 0 is no limit.
        max_links: Option<NonZeroU32> as Links = None,
        /// How many links this side has at most from one IP address. 0 is no limit.
        max_links_per_address: Option<NonZeroU32> as Links = None,
        /// How many streams one link may have open; a further one is declined.
        max_streams: NonZeroU32 as Within<1, 65_535> = non_zero(4096),
        /// How many methods one link may register; further ones are ignored with one warning.
        max_registrations: NonZeroU32 as Within<1, 1_048_576> = non_zero(4096),
    }
}

impl Limits {
    /// What the side of edges and its links get unless written otherwise.
    pub fn edge() -> Self {
        Self::default()
    }

    /// What the side of services and its links get unless written otherwise.
    pub fn service() -> Self {
        Self { queue_bytes: non_zero(8 * MIB), unanswered_bytes: non_zero(8 * MIB), ..Self::default() }
    }
}

fn non_zero(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("a bound above zero")
}
