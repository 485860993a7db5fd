//! Bytes and time for `proto::conn`: one task per link, the queue that reaches it, and the write queue.
//!
//! Shared by gateway and SDK. [`drive`] runs one link over any byte stream; what happens on it goes to an [`Endpoint`];
//! other tasks reach it through its [`LinkHandle`]. An idle link owns no read or write buffer.

mod buffers;
mod driver;
mod endpoint;
mod link;
mod write_queue;

pub use driver::{Limits, LinkEnd, drive};
pub use endpoint::{Backing, Endpoint, Linger};
pub use link::{Inbox, Lane, LinkHandle, QueueLimits, Refused, link};
