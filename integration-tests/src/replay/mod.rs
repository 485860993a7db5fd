//! Plays recorded conversations of real clients with the real Go gateway (`proto/tests/vectors`).
//!
//! One side of a conversation is played as it was recorded, by scripted peers; the other side is what is tested, and
//! what it says is compared with the recording by structure. [`Player`] does both: against the built gateway it plays
//! the clients, against an SDK it plays the gateway.

mod anatomy;
mod deadlines;
mod exceptions;
mod ids;
mod owed;
mod pattern;
mod peer;
mod player;
mod recording;
mod rewrite;
#[cfg(test)]
mod tests;

pub use exceptions::{Exception, Extra, What};
pub use player::{Links, Player};
pub use recording::{Entry, Line, Recording, Way};
