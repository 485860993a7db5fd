//! The near ends of streams.

use std::time::{Duration, Instant};

use proto::conn::STREAM_WINDOW;
use proto::id::SessionId;
use transport::Backing;

use super::{Patience, Port};
use crate::exchange::stream::{FAR_END_GONE, FarEnd, Opener};
use crate::exchange::{Command, Conn, Handle, RouteError, Waiter};
use crate::limits::Bound;

/// How long an edge's link is not read for a stream whose far end takes nothing at all.
const WAIT: Duration = Duration::from_secs(5);

/// How long a service's link is not read at a time. Its other traffic is held up by no more than that.
const SLICE: Duration = Duration::from_millis(20);

/// What may pile up of a service's stream, in budgets: a burst that a healthy far end takes in a moment must not end it.
const PILE: usize = 8;

/// Reason that the ends of a stream are given.
const TOO_SLOW: &str = "the far end of the stream reads too slowly";

impl Port {
    /// The peer asks for a stream: to `target`, or to nobody.
    pub(crate) fn open_stream(
        &self,
        conn: &mut Conn,
        now: Instant,
        session: SessionId,
        target: Result<Handle, RouteError>,
    ) {
        match target {
            Ok(_) if self.is_cut() => conn.decline(now, session, RouteError::ForceClosed.text()),
            Ok(link) => {
                let packet = link.packet();
                let opener = Opener::new(&self.handle, session);
                // If the link is gone the opener comes back, and declines when it is dropped.
                let _ = link.push(Command::Open { packet, opener });
            }
            Err(error) => conn.decline(now, session, error.text()),
        }
    }

    /// A stream was declined because this link has as many as it may.
    pub(super) fn on_overfull(&self) {
        let (side, most) = (self.bounds.direction.origin(), self.bounds.streams);
        let told = format_args!("stream declined, the link has {most}");
        self.exchange.overruns.note(&self.exchange.metrics, side, Bound::Streams, self.peer, told);
    }

    pub(super) fn on_opened(&mut self, conn: &mut Conn, now: Instant, waiter: Waiter, session: SessionId) {
        let Waiter::Stream(opener) = waiter else { return };
        let (near, far) = FarEnd::pair(&self.handle, session, &opener);
        if opener.join(far).is_ok() {
            self.streams.insert(session, near);
            self.exchange.metrics.stream_opened();
        } else {
            conn.dismiss(now, session, FAR_END_GONE);
        }
    }

    pub(super) fn on_joined(&mut self, conn: &mut Conn, now: Instant, session: SessionId, far: FarEnd) {
        conn.confirm(now, session, Vec::new());
        // A session that went meanwhile takes its far end with it.
        if conn.is_usable(session) {
            self.streams.insert(session, far);
        }
    }

    pub(super) fn on_data(
        &mut self,
        conn: &mut Conn,
        now: Instant,
        session: SessionId,
        data: &[u8],
        backing: Backing<'_>,
    ) {
        let Some(far) = self.streams.get(&session) else { return };
        if data.is_empty() {
            return;
        }
        let queued = far.send(backing.keep(data));
        let window = STREAM_WINDOW as usize;
        if queued <= self.bounds.stream || conn.caps().credit && queued <= 2 * self.bounds.stream.max(window) {
            return;
        }
        match self.bounds.patience {
            _ if conn.caps().credit => self.end_stream(conn, now, session, TOO_SLOW),
            Patience::Wait => {
                self.paused.get_or_insert_with(|| Box::new((session, now + WAIT)));
            }
            Patience::Slow if queued <= PILE * self.bounds.stream => {
                self.paused.get_or_insert_with(|| Box::new((session, now + SLICE)));
            }
            Patience::Slow => self.end_stream(conn, now, session, TOO_SLOW),
        }
    }

    pub(super) fn end_stream(&mut self, conn: &mut Conn, now: Instant, session: SessionId, error: &'static str) {
        if let Some(far) = self.streams.remove(&session) {
            far.end(error);
            self.exchange.metrics.stream_cut();
        }
        conn.dismiss(now, session, error);
        self.unpause(session);
    }

    pub(super) fn unpause(&mut self, session: SessionId) {
        self.paused.take_if(|paused| paused.0 == session);
    }

    pub(super) fn on_drained(&mut self, conn: &mut Conn, now: Instant, session: SessionId, bytes: usize) {
        conn.grant(session, bytes);
        let under_way = self.streams.get(&session).map_or(0, FarEnd::under_way);
        if under_way <= self.bounds.stream / 2 {
            self.unpause(session);
        } else if self.bounds.patience == Patience::Wait
            && !conn.is_awaited()
            && let Some((_, until)) = self.paused.as_deref_mut().filter(|(paused, _)| *paused == session)
        {
            // A far end that takes some is slow, not stuck. Whoever waits for this link's answers is not kept for that long.
            *until = now + WAIT;
        }
    }

    /// The time of a pause is over: an edge's stream ends, a service's link is read a little further.
    pub(super) fn end_pause(&mut self, conn: &mut Conn, now: Instant) {
        let Some((session, until)) = self.paused.as_deref().copied() else { return };
        if now >= until {
            match self.bounds.patience {
                Patience::Wait => self.end_stream(conn, now, session, TOO_SLOW),
                Patience::Slow => self.paused = None,
            }
        }
    }
}
