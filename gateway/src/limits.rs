//! Configured limits, as protocol and transport want them.

use proto::conn::Settings;

pub(crate) fn settings(limits: &config::Limits) -> Settings {
    Settings {
        max_payload: limits.max_message_bytes.get(),
        handshake: limits.handshake,
        unacked_messages: u16::try_from(limits.unacked_messages.get()).unwrap_or(u16::MAX),
        settle: limits.settle,
        max_sessions: limits.max_streams.get() as usize,
        reply_bytes: limits.queue_bytes.get() as usize,
        ..Settings::default()
    }
}

pub(crate) fn driver(limits: &config::Limits) -> transport::Limits {
    transport::Limits {
        max_payload: limits.max_message_bytes.get(),
        stalled_write: limits.stalled_write,
        ..transport::Limits::default()
    }
}
