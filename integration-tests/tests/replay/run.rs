//! Plays conversations side by side.

use std::cmp::Reverse;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use frontier_integration_tests::replay::Recording;

/// So many at once. Most of the time they wait: for a timer of the protocol, or for each other.
const SIDE_BY_SIDE: usize = 12;

/// Plays every recording with `play`, which returns what differed; fails with all differences of all recordings. The
/// environment variable `REPLAY` narrows it down to those whose names contain it.
#[track_caller]
pub(crate) fn side_by_side(mut recordings: Vec<Recording>, play: impl Fn(&Recording) -> Vec<String> + Sync) {
    if let Ok(part) = env::var("REPLAY") {
        recordings.retain(|recording| recording.case.contains(&part));
    }
    assert!(!recordings.is_empty(), "nothing to play");
    // The longest begin first, so that they do not run alone at the end.
    recordings.sort_by_key(|recording| Reverse(recording.lines.last().map(|line| line.at)));
    let waiting = Mutex::new(recordings.iter());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("nothing panics under this lock").next();
                    let Some(recording) = next else { return };
                    let played = catch_unwind(AssertUnwindSafe(|| play(recording)));
                    let found = played.unwrap_or_else(|_| vec![format!("{}: panicked, see above", recording.case)]);
                    failures.lock().expect("nothing panics under this lock").extend(found);
                }
            });
        }
    });
    let failures = failures.into_inner().expect("nothing panics under this lock");
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}
