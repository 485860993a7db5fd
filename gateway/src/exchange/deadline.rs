//! Deadlines: absolute on the wire, durations in here.

use std::time::{Duration, Instant, SystemTime};

use proto::body::{Body, Timestamp};

use super::RouteError;

/// The time by which everything in here is measured, where none was handed in.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What counts where the origin names no deadline.
pub(crate) const DEFAULT: Duration = Duration::from_secs(30);

/// A deadline further in the past, or further ahead, says that a clock is wrong and counts as absent.
const PAST: Duration = Duration::from_secs(60);
const AHEAD: Duration = Duration::from_secs(60 * 60);

/// When something that is forwarded must be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    /// On our clock.
    pub(crate) at: Instant,
    /// The same, for the wire.
    pub(crate) deadline: Option<Timestamp>,
    /// The deadline of the caller's context, if it named one, for the wire.
    pub(crate) context: Option<Timestamp>,
    /// What to answer when it passes: whether it was the origin's own or ours.
    pub(crate) error: RouteError,
}

impl Due {
    /// The deadline of `body`, which was received `now`. Whatever the origin's clock says is turned into a duration and
    /// stamped anew with ours.
    ///
    /// # Errors
    /// It has passed.
    pub(crate) fn of(body: &Body<'_>, now: Instant) -> Result<Due, RouteError> {
        let wall = Timestamp::from(SystemTime::now());
        let own = body.deadline.and_then(|deadline| remaining(deadline, wall));
        let context = body.context_deadline.and_then(|deadline| remaining(deadline, wall));
        let named = own.into_iter().chain(context).min();
        if named == Some(Duration::ZERO) {
            return Err(RouteError::DeadlineExceeded);
        }
        let left = named.unwrap_or(DEFAULT);
        Ok(Due {
            at: now + left,
            deadline: stamp(wall, left),
            context: context.and_then(|left| stamp(wall, left)),
            error: if named.is_some() { RouteError::DeadlineExceeded } else { RouteError::Timeout },
        })
    }

    /// A deadline of the gateway's own.
    pub(crate) fn within(now: Instant, left: Duration) -> Due {
        let deadline = stamp(Timestamp::from(SystemTime::now()), left);
        Due { at: now + left, deadline, context: None, error: RouteError::Timeout }
    }
}

/// A deadline for the wire, in whole milliseconds: what is forwarded in the same one carries the same text.
fn stamp(wall: Timestamp, left: Duration) -> Option<Timestamp> {
    let exact = wall.checked_add(left)?;
    Some(Timestamp::from_unix(exact.unix_seconds(), exact.nanos() / 1_000_000 * 1_000_000))
}

/// Time left until `deadline`; `None` if it is too absurd to be meant.
fn remaining(deadline: Timestamp, wall: Timestamp) -> Option<Duration> {
    match deadline.checked_duration_since(wall) {
        Some(left) => (left <= AHEAD).then_some(left),
        None => {
            let late = wall.checked_duration_since(deadline)?;
            (late <= PAST).then_some(Duration::ZERO)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(offset: i64) -> Body<'static> {
        let wall = Timestamp::from(SystemTime::now());
        let deadline = Timestamp::from_unix(wall.unix_seconds() + offset, wall.nanos());
        Body { deadline: Some(deadline), ..Body::default() }
    }

    #[test]
    fn absurd_deadlines_count_as_absent() {
        let now = Instant::now();
        for offset in [-61 - 3600, -62, 3_700, 253_402_300_799 - 1_800_000_000, -1_800_000_000] {
            let due = Due::of(&body(offset), now).expect("counts as absent");
            assert_eq!((due.at, due.error), (now + DEFAULT, RouteError::Timeout), "offset {offset}");
        }
    }

    #[test]
    fn plausible_deadlines_count() {
        let now = Instant::now();
        let due = Due::of(&body(3_000), now).expect("lies ahead");
        assert!(due.at > now + Duration::from_secs(2_990) && due.error == RouteError::DeadlineExceeded);
        assert_eq!(Due::of(&body(-50), now).err(), Some(RouteError::DeadlineExceeded));
    }

    #[test]
    fn the_earlier_of_the_two_counts_and_the_context_is_passed_on() {
        let now = Instant::now();
        let both = Body { context_deadline: body(10).deadline, ..body(500) };
        let due = Due::of(&both, now).expect("lies ahead");
        assert!(due.at <= now + Duration::from_secs(10));
        assert!(due.context.is_some());
    }
}
