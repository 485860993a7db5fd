//! The control plane over its port, with either back end of the records and a gateway that has tables and no links.

#![allow(clippy::unwrap_used, reason = "a failed unwrap names the line, which is all a test needs")]

mod access;
mod bounds;
mod common;
mod grpc;
mod rest;
