//! A connection whose owner and peer do anything at any time, damaged frames included: nothing panics, every waiter is told
//! once, nothing is left in the end, and what is sent would be fine for a conforming peer.
//!
//! A script is a string of bytes, so that the fuzz target `connection` runs the same.

mod choices;
mod run;
mod watch;

use std::fs;
use std::path::Path;

use frontier_proto::conn::Role;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_server_keeps_its_promises(script in prop::collection::vec(any::<u8>(), 0..600)) {
        run::run(Role::Server, &script);
    }

    #[test]
    fn a_client_keeps_its_promises(script in prop::collection::vec(any::<u8>(), 0..600)) {
        run::run(Role::Client, &script);
    }
}

#[test]
fn what_the_fuzzer_has_found_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/connection");
    let mut scripts = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let script = fs::read(entry.expect("a folder can be listed").path()).expect("a file can be read");
        run::run(Role::Server, &script);
        run::run(Role::Client, &script);
        scripts += 1;
    }
    assert!(scripts > 100, "{scripts} scripts");
}
