//! The side that services dial.
//!
//! | file | what is in it |
//! |---|---|
//! | `accept.rs` | from a byte stream to a link's task |
//! | `register.rs` | names, ids, topics and methods |
//! | `serve.rs` | what a service sends |

mod accept;
mod register;
mod serve;

pub(crate) use accept::Servicebound;
