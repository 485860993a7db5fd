//! What a Go peer has said: answers by command, events in order.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

#[derive(Clone, Debug, Default)]
pub(super) struct Inbox {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<u64, Value>,
    events: Vec<Value>,
    ended: bool,
}

impl Inbox {
    /// Reads the lines of a peer on a thread of its own until it ends.
    pub(super) fn collect(&self, output: impl Read + Send + 'static) {
        let inbox = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line);
                let value = value.unwrap_or_else(|error| panic!("a Go peer wrote {line:?}: {error}"));
                inbox.change(|state| state.file(value));
            }
            inbox.change(|state| state.ended = true);
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.shared.changed.notify_all();
    }

    /// Takes what `look` finds, as soon as it does; none if the peer ends or `patience` is over before.
    pub(super) fn wait<T>(&self, patience: Duration, mut look: impl FnMut(&mut View<'_>) -> Option<T>) -> Option<T> {
        let until = Instant::now() + patience;
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = look(&mut View(&mut state)) {
                return Some(found);
            }
            if state.ended {
                return None;
            }
            let left = until.checked_duration_since(Instant::now())?;
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All events that nobody has taken.
    pub(super) fn events(&self) -> Vec<Value> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).events.clone()
    }
}

impl State {
    fn file(&mut self, value: Value) {
        match value["id"].as_u64() {
            Some(id) => {
                self.answers.insert(id, value);
            }
            None => self.events.push(value),
        }
    }
}

/// The inbox while it is locked.
pub(super) struct View<'a>(&'a mut State);

impl View<'_> {
    pub(super) fn take_answer(&mut self, id: u64) -> Option<Value> {
        self.0.answers.remove(&id)
    }

    pub(super) fn take_event(&mut self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let at = self.0.events.iter().position(wanted)?;
        Some(self.0.events.remove(at))
    }
}
