//! What the log says of links that a newcomer with their id displaces.
//!
//! One take-over is everyday life: a device comes back before its old link is known to be dead. Two devices that were given
//! one id displace each other for ever, and after a network's fault a whole fleet comes back at once. So within a window
//! each id has one line, the window has so many lines, and the rest is summed up at its end. The metric counts all.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::{info, warn};

use crate::exchange::{Exchange, now};
use crate::lifecycle::Lifecycle;
use crate::metrics::Side;

/// How long a window is.
const WINDOW: Duration = Duration::from_secs(60);

/// Lines in a window, its sum aside. Further ids are summed up without being told apart.
const LINES: usize = 20;

/// An id that is taken over more often than that in a window is claimed by several.
const OFTEN: u64 = 3;

/// A link that was displaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Takeover {
    /// Where it had come in.
    pub(crate) side: Side,
    /// The edge's or service's id.
    pub(crate) id: u64,
    /// Where the displaced one is.
    pub(crate) old: SocketAddr,
    /// Where the newcomer is.
    pub(crate) new: SocketAddr,
}

/// An id that has had its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    latest: Takeover,
    /// Take-overs since the line.
    more: u64,
}

/// What was held back in a window.
#[derive(Debug, PartialEq, Eq)]
struct Sum {
    /// Take-overs without a line.
    more: u64,
    /// The id with most of them.
    busiest: Option<Told>,
}

/// The window that runs, if one does.
#[derive(Debug, Default)]
struct Window {
    until: Option<Instant>,
    told: Vec<Told>,
    /// Take-overs of ids beyond [`LINES`].
    others: u64,
}

impl Window {
    /// Takes one in; whether it is to have a line. Only in a window that runs.
    fn note(&mut self, takeover: Takeover) -> bool {
        let same = |told: &&mut Told| told.latest.side == takeover.side && told.latest.id == takeover.id;
        if let Some(told) = self.told.iter_mut().find(same) {
            *told = Told { latest: takeover, more: told.more + 1 };
            return false;
        }
        let room = self.told.len() < LINES;
        if room {
            self.told.push(Told { latest: takeover, more: 0 });
        } else {
            self.others += 1;
        }
        room
    }

    /// Ends the window if it is over, or anyway; what it held back, if anything.
    fn close(&mut self, now: Instant, anyway: bool) -> Option<Sum> {
        let until = self.until?;
        if now < until && !anyway {
            return None;
        }
        let window = std::mem::take(self);
        let more = window.others + window.told.iter().map(|told| told.more).sum::<u64>();
        let busiest = window.told.into_iter().filter(|told| told.more > 0).max_by_key(|told| told.more);
        (more > 0).then_some(Sum { more, busiest })
    }
}

/// Tells of take-overs, with measure.
#[derive(Debug, Default)]
pub(crate) struct Takeovers {
    window: Mutex<Window>,
    /// Something is held back.
    held_back: Notify,
}

impl Takeovers {
    // Nothing that could panic halfway runs under this lock.
    fn lock(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of one, now or at the end of the window.
    pub(crate) fn note(&self, now: Instant, takeover: Takeover) {
        let (over, line) = {
            let mut window = self.lock();
            let over = window.close(now, false);
            window.until.get_or_insert(now + WINDOW);
            (over, window.note(takeover))
        };
        say_sum(over);
        if line {
            say(takeover);
        } else {
            self.held_back.notify_one();
        }
    }

    fn sum_up(&self, now: Instant, anyway: bool) {
        let over = self.lock().close(now, anyway);
        say_sum(over);
    }
}

/// Sums up at the end of each window in which something was held back, and when the gateway stops.
pub(crate) async fn report(exchange: Arc<Exchange>, lifecycle: Lifecycle) {
    let takeovers = &exchange.takeovers;
    loop {
        tokio::select! {
            () = takeovers.held_back.notified() => {}
            () = lifecycle.stopping() => break,
        }
        let until = takeovers.lock().until.unwrap_or_else(now);
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => takeovers.sum_up(now(), false),
            () = lifecycle.stopping() => break,
        }
    }
    takeovers.sum_up(now(), true);
}

fn say(Takeover { side, id, old, new }: Takeover) {
    match side {
        Side::Edge => info!(edge = id, %old, %new, "edge displaced by a newcomer with its id"),
        Side::Service => info!(service = id, %old, %new, "service displaced by a newcomer with its id"),
    }
}

fn say_sum(sum: Option<Sum>) {
    let Some(Sum { more, busiest }) = sum else { return };
    let seconds = WINDOW.as_secs();
    match busiest.filter(|told| told.more > OFTEN) {
        Some(Told { latest: Takeover { side: Side::Edge, id, old, new }, more: times }) => warn!(
            edge = id, times, %old, %new,
            "and {more} more take-overs within {seconds} s, most of them of one edge: do several devices use its id?"
        ),
        Some(Told { latest: Takeover { side: Side::Service, id, old, new }, more: times }) => warn!(
            service = id, times, %old, %new,
            "and {more} more take-overs within {seconds} s, most of them of one service: do several claim its id?"
        ),
        None => info!("and {more} more take-overs within {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takeover(id: u64, port: u16) -> Takeover {
        let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
        Takeover { side: Side::Edge, id, old: at(port), new: at(port + 1) }
    }

    fn open(now: Instant) -> Window {
        Window { until: Some(now + WINDOW), ..Window::default() }
    }

    #[test]
    fn an_id_has_one_line_and_the_rest_is_summed_up_with_both_addresses() {
        let now = Instant::now();
        let mut window = open(now);
        assert!(window.note(takeover(7, 1)));
        assert!((2..100).all(|port| !window.note(takeover(7, port))));
        assert!(window.note(takeover(8, 1)), "another id has its own");
        assert!(!window.note(takeover(8, 2)));
        assert_eq!(window.close(now + WINDOW / 2, false), None, "it still runs");
        let busiest = Some(Told { latest: takeover(7, 99), more: 98 });
        assert_eq!(window.close(now + WINDOW, false), Some(Sum { more: 99, busiest }));
        assert_eq!(window.close(now + 2 * WINDOW, true), None, "said once");
    }

    #[test]
    fn an_edge_and_a_service_of_one_number_are_two() {
        let mut window = open(Instant::now());
        assert!(window.note(takeover(7, 1)));
        assert!(window.note(Takeover { side: Side::Service, ..takeover(7, 1) }));
    }

    #[test]
    fn a_fleet_that_comes_back_has_few_lines() {
        let now = Instant::now();
        let mut window = open(now);
        let lines = (0..3_000).filter(|id| window.note(takeover(*id, 1))).count();
        assert_eq!((lines, window.told.len()), (LINES, LINES), "and as much memory");
        let more = 3_000 - LINES as u64;
        assert_eq!(window.close(now, true), Some(Sum { more, busiest: None }));
    }

    #[test]
    fn without_anything_held_back_nothing_is_summed_up() {
        let now = Instant::now();
        let mut window = open(now);
        window.note(takeover(7, 1));
        assert_eq!(window.close(now + WINDOW, false), None);
        assert_eq!(window.until, None, "the next one opens a window of its own");
    }
}
