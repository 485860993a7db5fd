//! Several clients of which any may be addressed.

use std::time::Duration;

use super::client::Client;
use super::frame::Frame;
use crate::wait::eventually;

const GLANCE: Duration = Duration::from_millis(5);

/// Takes `count` frames of one kind from whichever clients they reach, with the number of the client.
///
/// # Panics
/// When fewer come, or a frame of another kind does.
#[track_caller]
pub fn gather(clients: &mut [Client], kind: u8, count: usize) -> Vec<(usize, Frame)> {
    let mut found = Vec::with_capacity(count);
    eventually("a frame at one of several clients", || {
        for (at, client) in clients.iter_mut().enumerate() {
            while let Ok(frame) = client.try_next(GLANCE) {
                assert_eq!(frame.kind, kind, "{frame:?}");
                found.push((at, frame));
            }
        }
        (found.len() >= count).then_some(())
    });
    assert_eq!(found.len(), count, "more came than were sent");
    found
}
