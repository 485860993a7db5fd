//! What may begin now, and how long what has begun took.

use std::time::Instant;

use crate::latencies::Latencies;
use crate::load::Stop;
use crate::pace::Pace;

/// Operations of one caller in one round.
#[derive(Debug)]
pub(crate) struct Flow {
    stop: Stop,
    pace: Option<Pace>,
    /// The most operations that are under way at once.
    most: usize,
    begun: u64,
    under_way: usize,
    /// Whether something was due and could not begin, since too much was under way.
    held_up: bool,
    latencies: Latencies,
}

impl Flow {
    /// At most `most` operations at once, each as soon as there is room for it, or as it is due by `pace`.
    pub(crate) fn new(stop: Stop, pace: Option<Pace>, most: usize) -> Self {
        Self { stop, pace, most, begun: 0, under_way: 0, held_up: false, latencies: Latencies::default() }
    }

    /// Begins an operation, if one may begin now; returns since when it takes its time. With a pace that is when it was due, if
    /// others held it up: what waits before it is sent has waited for its answer all the same.
    pub(crate) fn begin(&mut self, now: Instant) -> Option<Instant> {
        if !self.stop.allows(self.begun, now) {
            return None;
        }
        let due = self.pace.map_or(now, |pace| pace.due(self.begun));
        if due > now {
            self.held_up = false;
            return None;
        }
        if self.under_way == self.most {
            self.held_up = true;
            return None;
        }
        self.begun += 1;
        self.under_way += 1;
        Some(if self.held_up { due } else { now })
    }

    /// An operation is done, which took its time since `since`.
    pub(crate) fn end(&mut self, since: Instant, now: Instant) {
        self.under_way -= 1;
        self.latencies.record(now.saturating_duration_since(since));
    }

    /// Whether all is done and nothing may begin any more.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.under_way == 0 && !self.stop.allows(self.begun, now)
    }

    /// When the next operation is due, if that is what it waits for.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.pace.filter(|_| self.under_way < self.most).map(|pace| pace.due(self.begun))
    }

    /// What all of it took.
    pub(crate) fn into_latencies(self) -> Latencies {
        self.latencies
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn no_more_begins_than_may_be_under_way() {
        let now = Instant::now();
        let mut flow = Flow::new(Stop::After(3), None, 2);
        assert_eq!((flow.begin(now), flow.begin(now), flow.begin(now)), (Some(now), Some(now), None));
        flow.end(now, now + SECOND);
        assert!(!flow.is_over(now));
        assert_eq!(flow.begin(now + SECOND), Some(now + SECOND));
        (0..2).for_each(|_| flow.end(now + SECOND, now + SECOND));
        assert!(flow.is_over(now + SECOND));
        assert_eq!(flow.into_latencies().count(), 3);
    }

    #[test]
    fn what_is_due_begins_when_somebody_looks() {
        let now = Instant::now();
        let mut flow = Flow::new(Stop::After(9), Some(Pace::new(now, 1.0)), 9);
        assert_eq!(flow.begin(now), Some(now));
        assert_eq!((flow.begin(now), flow.next_due()), (None, Some(now + SECOND)));
        let late = now + SECOND + SECOND / 2;
        assert_eq!((flow.begin(late), flow.begin(late)), (Some(late), None));
    }

    #[test]
    fn what_was_held_up_counts_from_when_it_was_due() {
        let now = Instant::now();
        let mut flow = Flow::new(Stop::After(9), Some(Pace::new(now, 1.0)), 1);
        assert_eq!(flow.begin(now), Some(now));
        let late = now + SECOND * 5 / 2;
        assert_eq!((flow.begin(late), flow.next_due()), (None, None));
        flow.end(now, late);
        assert_eq!(flow.begin(late), Some(now + SECOND));
        flow.end(now + SECOND, late);
        assert_eq!(flow.begin(late), Some(now + 2 * SECOND));
        flow.end(now + 2 * SECOND, late);
        assert_eq!(flow.begin(late), None);
        assert_eq!(flow.begin(now + 4 * SECOND), Some(now + 4 * SECOND), "it has caught up");
    }
}
