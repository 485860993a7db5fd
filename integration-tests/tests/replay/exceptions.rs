//! Where ours differs from the recordings on purpose. Each names its entry in `docs/differences.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use frontier_integration_tests::replay::{Exception, Recording, What, folders};

/// Conversations that cannot be played yet, and what they wait for.
const WAITING: &[(&str, &str)] = &[
    ("go-client-new/13-kick", "the control plane"),
    ("go-client-old/13-kick", "the control plane"),
    ("gen-a/10a-kick-rest", "the control plane"),
    ("gen-a/10b-kick-rest-retry", "the control plane"),
    ("gen-a/10c-kick-grpc", "the control plane"),
    ("gen-a/10d-kick-service", "the control plane"),
];

/// What a conversation waits for, if it cannot be played yet.
pub(crate) fn waits_for(case: &str) -> Option<&'static str> {
    WAITING.iter().find(|(waiting, _)| *waiting == case).map(|(_, what)| *what)
}

/// What is played of a recording to the SDK; nothing of one whose clients were no SDK.
pub(crate) fn played_to_sdk(recording: Recording) -> Option<Recording> {
    let raw_sockets = ["gen-a/12e-silent-client", "gen-a/12f-garbage"];
    (!raw_sockets.contains(&recording.case.as_str())).then_some(recording)
}

/// Deviations of the SDK.
pub(crate) const SDK: &[Exception] = &[];

/// Deviations of the gateway.
pub(crate) const GATEWAY: &[Exception] = &[
    differs("go-client-new/04-call-service", What::AnyOf(&["service1", "service2"]), WHICH_SERVICE),
    differs("go-client-new/06-publish-service", What::AnyOf(&["service1", "service2"]), WHICH_SERVICE),
    differs("go-client-old/04-call-service", What::AnyOf(&["service1", "service2"]), WHICH_SERVICE),
    differs("go-client-old/06-publish-service", What::AnyOf(&["service1", "service2"]), WHICH_SERVICE),
];

const WHICH_SERVICE: &str = "which of several services";

const fn differs(case: &'static str, what: What, entry: &'static str) -> Exception {
    Exception { case, what, entry }
}

#[test]
fn exceptions_name_recordings_and_entries_that_exist() {
    let cases: BTreeSet<String> = folders().iter().flat_map(|f| Recording::all_of(f)).map(|r| r.case).collect();
    for (case, _) in WAITING {
        assert!(cases.contains(*case), "{case}");
    }
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differences.md");
    let list = fs::read_to_string(list).expect("the list is there");
    for exception in GATEWAY {
        assert!(cases.contains(exception.case), "{exception:?}");
        let row = format!("| {} |", exception.entry);
        assert!(list.lines().any(|line| line.starts_with(&row)), "{exception:?} names no entry");
    }
}
