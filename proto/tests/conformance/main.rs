//! The conformance checklist of the wire protocol (§13), item by item, as far as one end of a link decides it. The names of
//! the tests bear the items' numbers. Times are made up: nothing waits for a clock.

mod application;
mod connection;
mod end;
mod framing;
mod sessions;
