//! Bounds of links: as protocol and transport want them, and what is told when a peer runs into one.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use proto::conn::{CloseReason, Settings};
use proto::wire::WireError;
use tracing::warn;
use transport::{LinkEnd, QueueLimits};

use crate::exchange::{Bounds, Patience};
use crate::metrics::{Direction, Metrics, Side};
use crate::quiet::Quiet;

/// What the links of one side are made with.
#[derive(Debug)]
pub(crate) struct LinkTerms {
    pub(crate) settings: Arc<Settings>,
    pub(crate) queue: QueueLimits,
    pub(crate) driver: Arc<transport::Limits>,
    pub(crate) bounds: Arc<Bounds>,
}

impl LinkTerms {
    pub(crate) fn new(limits: &config::Limits, patience: Patience, direction: Direction) -> Self {
        let streams = limits.max_streams.get() as usize;
        Self {
            settings: Arc::new(Settings {
                max_payload: limits.max_message_bytes.get(),
                handshake: limits.handshake,
                unacked_messages: u16::try_from(limits.unacked_messages.get()).unwrap_or(u16::MAX),
                settle: limits.settle,
                reply_bytes: limits.queue_bytes.get() as usize,
                max_sessions: streams,
                ..Settings::default()
            }),
            queue: QueueLimits { lane_bytes: limits.queue_bytes.get() as usize },
            driver: Arc::new(transport::Limits {
                max_payload: limits.max_message_bytes.get(),
                stalled_write: limits.stalled_write,
                ..transport::Limits::default()
            }),
            bounds: Arc::new(Bounds {
                unanswered: limits.unanswered_bytes.get() as usize,
                stream: limits.stream_bytes.get() as usize,
                streams,
                patience,
                direction,
            }),
        }
    }
}

/// A bound of a link that its peer can run into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bound {
    /// `max_message_bytes`
    MessageBytes,
    /// `max_streams`
    Streams,
    /// `max_registrations`
    Registrations,
}

pub(crate) const BOUNDS: [Bound; 3] = [Bound::MessageBytes, Bound::Streams, Bound::Registrations];

/// Counts and tells of peers that run into a bound.
#[derive(Debug, Default)]
pub(crate) struct Overruns {
    quiet: [[Quiet; BOUNDS.len()]; 2],
}

impl Overruns {
    /// A peer has run into `bound`, with what `told` says.
    pub(crate) fn note(&self, metrics: &Metrics, side: Side, bound: Bound, peer: SocketAddr, told: fmt::Arguments<'_>) {
        metrics.side(side).overrun(bound);
        if let Some(more) = self.quiet[side as usize][bound as usize].may_tell() {
            let section = side.section();
            let key = bound.key();
            warn!(%peer, more_before = more, "{told}: {section}.limits.{key}");
        }
    }

    /// As [`Overruns::note`], if a link has ended for that.
    pub(crate) fn note_end(&self, metrics: &Metrics, side: Side, peer: SocketAddr, end: &LinkEnd) {
        if let LinkEnd::Closed(CloseReason::Malformed(WireError::TooLong { len, max, .. })) = end {
            let told = format_args!("link closed, a packet of {len} bytes is above the {max} that are taken");
            self.note(metrics, side, Bound::MessageBytes, peer, told);
        }
    }
}

impl Bound {
    /// The key under `limits`.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Bound::MessageBytes => "max_message_bytes",
            Bound::Streams => "max_streams",
            Bound::Registrations => "max_registrations",
        }
    }
}
