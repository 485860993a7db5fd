//! Buffers of the thread, lent to a link for the moment in which it works.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;

use proto::conn::Outbox;

/// Bytes that one read takes at most.
const READ_BYTES: usize = 64 * 1024;

/// Write buffers that grew beyond this are not kept.
const KEEP_BYTES: usize = 256 * 1024;

#[derive(Default)]
struct Spare {
    read: Option<Box<[u8]>>,
    write: Option<Vec<u8>>,
    outbox: Option<Outbox>,
    /// A `VecDeque` of whatever commands the links of this program understand.
    commands: Option<Box<dyn Any>>,
}

thread_local! {
    static SPARE: RefCell<Spare> = RefCell::default();
}

fn take<T>(slot: impl FnOnce(&mut Spare) -> Option<T>) -> Option<T> {
    SPARE.try_with(|spare| slot(&mut spare.borrow_mut())).ok().flatten()
}

fn give(slot: impl FnOnce(&mut Spare)) {
    // While the thread ends there is nowhere to keep a buffer: it is dropped.
    let _ = SPARE.try_with(|spare| slot(&mut spare.borrow_mut()));
}

pub(crate) fn take_read() -> Box<[u8]> {
    take(|spare| spare.read.take()).unwrap_or_else(|| vec![0; READ_BYTES].into_boxed_slice())
}

pub(crate) fn give_read(buffer: Box<[u8]>) {
    give(|spare| spare.read = Some(buffer));
}

pub(crate) fn take_write() -> Vec<u8> {
    take(|spare| spare.write.take()).unwrap_or_else(|| Vec::with_capacity(16 * 1024))
}

pub(crate) fn give_write(mut buffer: Vec<u8>) {
    if buffer.capacity() <= KEEP_BYTES {
        buffer.clear();
        give(|spare| spare.write = Some(buffer));
    }
}

pub(crate) fn take_outbox() -> Outbox {
    take(|spare| spare.outbox.take()).unwrap_or_default()
}

pub(crate) fn give_outbox(outbox: Outbox) {
    give(|spare| spare.outbox = Some(outbox));
}

#[allow(clippy::box_collection, reason = "the box is what the thread keeps")]
pub(crate) fn take_commands<C: 'static>() -> Box<VecDeque<C>> {
    take(|spare| spare.commands.take()).and_then(|spare| spare.downcast().ok()).unwrap_or_default()
}

#[allow(clippy::box_collection, reason = "the box is what the thread keeps")]
pub(crate) fn give_commands<C: 'static>(commands: Box<VecDeque<C>>) {
    give(|spare| spare.commands = Some(commands));
}
