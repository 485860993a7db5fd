//! The side that edges dial.
//!
//! | file | what is in it |
//! |---|---|
//! | `accept.rs` | from a byte stream to a link's task |
//! | `admit.rs` | from a connection to an edge with an id: hooks, ids, take-over |
//! | `methods.rs` | what it says it offers |
//! | `serve.rs` | what an admitted edge sends, and its going |

mod accept;
mod admit;
mod methods;
mod serve;

pub(crate) use accept::Edgebound;
