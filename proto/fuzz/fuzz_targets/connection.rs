//! A connection between an owner and a peer that do what a script says: see `tests/any_peer`.
//!
//! The first byte says which end it is.

#![no_main]

extern crate proto as frontier_proto;

#[path = "../../tests/any_peer/choices.rs"]
mod choices;
#[path = "../../tests/any_peer/run.rs"]
mod run;
#[path = "../../tests/any_peer/watch.rs"]
mod watch;

use libfuzzer_sys::fuzz_target;
use proto::conn::Role;

fuzz_target!(|input: &[u8]| {
    let Some((end, script)) = input.split_first() else { return };
    let role = if end % 2 == 0 { Role::Server } else { Role::Client };
    run::run(role, script);
});
