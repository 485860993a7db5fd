//! The control plane over its port, with either back end of the records and a gateway that has tables and no links.

mod access;
mod bounds;
mod common;
mod grpc;
mod rest;
