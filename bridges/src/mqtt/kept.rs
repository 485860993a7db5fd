//! The session of a bridge, which may outlive its connections.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use super::link::Ticket;
use super::session::Session;

/// Where the session is between connections.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Slot>);

#[derive(Debug, Default)]
struct Slot {
    /// Counts the leases: what an outdated one holds is of no use to the next.
    lease: u64,
    session: Option<Session<Ticket>>,
}

impl Kept {
    /// The session for one connection. `keeps` as in [`Session::new`].
    pub(super) fn lease(self: &Arc<Self>, keeps: bool) -> Lease {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.lease += 1;
        let session = slot.session.take();
        let resumes = session.is_some();
        Lease {
            kept: Arc::clone(self),
            lease: slot.lease,
            resumes,
            session: session.or_else(|| Some(Session::new(keeps))),
        }
    }
}

/// The session while a connection uses it. Dropped, it is there for the next one, unless that one did not wait.
#[derive(Debug)]
pub(super) struct Lease {
    kept: Arc<Kept>,
    lease: u64,
    resumes: bool,
    session: Option<Session<Ticket>>,
}

impl Lease {
    /// Whether what the broker keeps under our client id is this session. It is not that of a gateway before this one: nobody here
    /// knows which identifiers are in use in that.
    pub(super) const fn resumes(&self) -> bool {
        self.resumes
    }

    /// The broker has no other session under our client id any more.
    pub(super) const fn is_new(&mut self) {
        self.resumes = true;
    }
}

const THERE: &str = "a lease holds its session until it is dropped";

impl Deref for Lease {
    type Target = Session<Ticket>;

    fn deref(&self) -> &Self::Target {
        self.session.as_ref().expect(THERE)
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.session.as_mut().expect(THERE)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take().filter(|_| self.resumes) else { return };
        session.lost();
        let mut slot = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.lease == self.lease {
            slot.session = Some(session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::Begin;
    use super::*;
    use crate::{Confirmations, MessageIds};

    #[test]
    fn the_next_connection_takes_up_the_session_unless_the_one_before_is_still_there() {
        let kept = Arc::new(Kept::default());
        let ids = MessageIds::new();
        let message = ids.next();
        let ticket = || (0, Confirmations::told(|_, outcome| outcome).0);
        let mut first = kept.lease(true);
        assert!(!first.resumes(), "what the broker has is somebody else's");
        first.is_new();
        first.connected(false, 5);
        assert!(matches!(first.begin(message, ticket()), Ok(Begin::Publish { id: 1, copy: false })));
        drop(first);

        let mut second = kept.lease(true);
        assert!(second.resumes());
        second.connected(true, 5);
        assert!(matches!(second.begin(message, ticket()), Ok(Begin::Publish { id: 1, copy: true })));

        let third = kept.lease(true);
        assert!(!third.resumes(), "the second has not ended");
        drop(third);
        drop(second);
        assert!(!kept.lease(true).resumes(), "the third did not get as far as the broker, and the second is outdated");
    }
}
