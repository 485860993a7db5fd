//! Two sessions joined to one stream: what the ends know of each other.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proto::id::SessionId;

use super::{Command, Handle, RouteError};

/// Raw bytes that one end has handed over and the other end's socket has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Flow(AtomicUsize);

impl Flow {
    /// Counts in; the sum afterwards.
    fn add(&self, bytes: usize) -> usize {
        self.0.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    fn take(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn queued(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the ends of a stream are told when one of them is gone.
pub(crate) const FAR_END_GONE: &str = "the far end of the stream is gone";

/// Of a longer reason that a peer gives for declining or ending a stream, so many bytes of its front are handed on.
const REASON_BYTES: usize = 1024;

fn shorten(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(REASON_BYTES));
    reason
}

/// The other end of a stream, as one end's link sees it. Dropping it ends the other end too, so that none is left alone
/// wherever its counterpart goes.
#[derive(Debug)]
pub(crate) struct FarEnd {
    link: Handle,
    session: SessionId,
    /// From here to there.
    outward: Arc<Flow>,
    /// From there to here.
    inward: Arc<Flow>,
    /// What the other end is told when this is dropped, if it is still there.
    reason: Option<Cow<'static, str>>,
}

impl FarEnd {
    /// Both views of a stream between session `here` of `link` and session `there` of the link that is told about `here`.
    pub(crate) fn pair(link: &Handle, here: SessionId, opener: &Opener) -> (FarEnd, FarEnd) {
        let (one, other) = (Arc::new(Flow::default()), Arc::new(Flow::default()));
        let seen_here = FarEnd {
            link: opener.link.clone(),
            session: opener.session,
            outward: Arc::clone(&one),
            inward: Arc::clone(&other),
            reason: Some(FAR_END_GONE.into()),
        };
        let (link, reason) = (link.clone(), Some(FAR_END_GONE.into()));
        let seen_there = FarEnd { link, session: here, outward: other, inward: one, reason };
        (seen_here, seen_there)
    }

    pub(crate) const fn link(&self) -> &Handle {
        &self.link
    }

    pub(crate) const fn session(&self) -> SessionId {
        self.session
    }

    /// Hands bytes over; how many are under way then.
    pub(crate) fn send(&self, data: bytes::Bytes) -> usize {
        let len = data.len();
        let queued = self.outward.add(len);
        if self.link.push(Command::Data { session: self.session, data }).is_err() {
            self.outward.take(len);
        }
        queued
    }

    /// Bytes under way from here to there.
    pub(crate) fn under_way(&self) -> usize {
        self.outward.queued()
    }

    /// Bytes from there have left on our socket, or will not.
    pub(crate) fn sent(&self, bytes: usize) {
        self.inward.take(bytes);
        // A far end that is gone has nothing to wait for.
        let _ = self.link.push(Command::Drained { session: self.session, bytes });
    }

    pub(crate) fn end_data(&self) {
        let _ = self.link.push(Command::DataEnd { session: self.session });
    }

    /// Ends it, and says why.
    pub(crate) fn end(mut self, error: &'static str) {
        self.reason = Some(error.into());
    }

    /// Ends it because the peer here did, for the reason that it gave.
    pub(crate) fn end_as_told(mut self, reason: Option<Box<str>>) {
        self.reason = Some(shorten(reason.map_or_else(String::new, String::from)).into());
    }

    /// It has ended by itself.
    pub(crate) fn has_ended(mut self) {
        self.reason = None;
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        if let Some(error) = self.reason.take() {
            let _ = self.link.push(Command::End { session: self.session, error });
        }
    }
}

/// The session whose opener waits for the far end. Dropping it declines.
#[derive(Debug)]
pub(crate) struct Opener {
    link: Handle,
    session: SessionId,
    answered: bool,
}

impl Opener {
    pub(crate) fn new(link: &Handle, session: SessionId) -> Self {
        Self { link: link.clone(), session, answered: false }
    }

    /// The far end is there.
    ///
    /// # Errors
    /// The opener is gone.
    pub(crate) fn join(mut self, far: FarEnd) -> Result<(), ()> {
        self.answered = true;
        self.link.push(Command::Joined { session: self.session, far }).map_err(|_| ())
    }

    pub(crate) fn decline(self, error: &'static str) {
        self.answer(error.into());
    }

    /// The peer at the far end declines, with this text.
    pub(crate) fn decline_as_told(self, error: String) {
        self.answer(shorten(error).into());
    }

    fn answer(mut self, error: Cow<'static, str>) {
        self.answered = true;
        let _ = self.link.push(Command::Declined { session: self.session, error });
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        if !self.answered {
            let error = RouteError::ForceClosed.text().into();
            let _ = self.link.push(Command::Declined { session: self.session, error });
        }
    }
}
