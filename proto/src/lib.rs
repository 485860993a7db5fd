//! The protocol that gateway, edges and services speak, without IO: no socket, no task, no clock.
//!
//! Read it in this order: [`wire`] (headers and frames as bytes), [`body`] (the JSON inside them) and [`conn`] (the state
//! machine of one link, the same for gateway and SDK). `docs/protocol.md` describes the protocol itself.

pub mod body;
pub mod conn;
pub mod id;
pub mod topic;
pub mod wire;
