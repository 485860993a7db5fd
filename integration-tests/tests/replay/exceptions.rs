//! Where ours differs from the recordings on purpose. Each names its entry in `docs/differences.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use frontier_integration_tests::raw::kind;
use frontier_integration_tests::replay::{Entry, Exception, Extra, Line, Recording, Way, What};

/// What is played of a recording to the SDK; nothing of one whose clients were no SDK.
pub(crate) fn played_to_sdk(mut recording: Recording) -> Option<Recording> {
    let raw_sockets = ["gen-a/12e-silent-client", "gen-a/12f-garbage"];
    if raw_sockets.contains(&recording.case.as_str()) {
        return None;
    }
    say_goodbye_in_one_step(&mut recording);
    leave_at_once_when_refused(&mut recording);
    Some(recording)
}

/// Takes out what clients said behind a refusal ([`REFUSED`]).
fn leave_at_once_when_refused(recording: &mut Recording) {
    let refused =
        |line: &&Line| matches!(&line.entry, Entry::Frame(frame) if frame.kind == kind::CONN_ACK && frame.body[0] != 0);
    let refusals: Vec<Line> = recording.lines.iter().filter(refused).cloned().collect();
    let behind = |line: &Line| refusals.iter().any(|refusal| refusal.link == line.link && refusal.number < line.number);
    recording.lines.retain(|line| !behind(line) || line.entry == Entry::End);
}

/// Takes out the end of the main session where the client began it ([`GOODBYE`]).
fn say_goodbye_in_one_step(recording: &mut Recording) {
    let main_ends = |line: &Line| match &line.entry {
        Entry::Frame(frame) if matches!(frame.kind, kind::DISMISS | kind::DISMISS_ACK) => frame.session() == 1,
        _ => false,
    };
    let first_ends = recording.lines.iter().filter(|line| main_ends(line));
    let mut begun: BTreeMap<String, Way> = BTreeMap::new();
    for line in first_ends {
        begun.entry(line.link.clone()).or_insert(line.way);
    }
    recording.lines.retain(|line| !main_ends(line) || begun[&line.link] == Way::ToClient);
}

/// Deviations of the SDK.
pub(crate) const SDK: &[Exception] = &[
    differs("*", What::Field(kind::CONN, "caps"), CAPABILITIES),
    // The gateway has not shown that it understands a cancel; a handler whose call was cancelled is dropped.
    differs("go-client-new/16-cancel", What::Absent(&[15]), "cancelling"),
    differs("go-client-new/16-cancel", What::Says(&[19, 24], "error", "context canceled"), CANCELLED_HANDLER),
    // The recorded clients were cut before they answered the gateway's goodbye.
    differs("gen-a/05d-pub-s2e-no-ack", What::Perhaps("edge1", kind::DIS_CONN_ACK), GOODBYE),
    differs("gen-a/06c-pub-e2s-no-ack", What::Perhaps("service1", kind::DIS_CONN_ACK), GOODBYE),
    // A handler that sets a result and an error.
    differs("gen-a/03a-rpc-s2e", What::Says(&[58], "value", ""), RESULT_AND_ERROR),
    differs("gen-a/04a-rpc-e2s", What::Says(&[58], "value", ""), RESULT_AND_ERROR),
];

const CANCELLED_HANDLER: &str = "a handler whose call is cancelled";
const CAPABILITIES: &str = "capabilities";
const GOODBYE: &str = "goodbye";
const REFUSED: &str = "after a refusal";
const RESULT_AND_ERROR: &str = "a result and an error at once";

/// Deviations of the gateway.
pub(crate) const GATEWAY: &[Exception] = &[
    // An edge that was refused gets no id.
    differs("go-client-new/02-presence", What::Says(&[39], "client", "0"), "W39"),
    differs("go-client-old/02-presence", What::Says(&[39], "client", "0"), "W39"),
    differs("gen-a/02c-refused-by-edge-online", What::Says(&[15], "client", "0"), "W39"),
    // Two services that offer the same.
    differs("go-client-new/04-call-service", SERVICES, WHICH_SERVICE),
    differs("go-client-new/06-publish-service", SERVICES, WHICH_SERVICE),
    differs("go-client-old/04-call-service", SERVICES, WHICH_SERVICE),
    differs("go-client-old/06-publish-service", SERVICES, WHICH_SERVICE),
    differs("gen-a/04d-rpc-e2s-two-services", SERVICES, WHICH_SERVICE),
    differs("gen-a/06b-pub-e2s-two-services", SERVICES, WHICH_SERVICE),
    differs("gen-a/06d-pub-to-service-that-left", SERVICES, WHICH_SERVICE),
    // The method `ECHO` where `echo` is offered.
    differs("gen-a/04a-rpc-e2s", What::Absent(&[65]), NAMES),
    differs("gen-a/04a-rpc-e2s", What::Says(&[67], "error", "record not found"), NAMES),
    // One service leaves, the other one's method was lost.
    differs("gen-a/04f-services-same-second", What::Says(&[32], "error", ""), "W6"),
    differs("gen-a/04f-services-same-second", What::Says(&[32], "value", "two"), "W6"),
    differs("gen-a/04f-services-same-second", call("service2", &[33], "two", TWO), "W6"),
    // A message behind one that failed was never answered.
    differs("go-client-new/05-publish-edge", nack("service1", &[24], "edge not online"), "W1"),
    differs("go-client-new/05-publish-edge", message("edge1", &[25], "after"), "W1"),
    differs("go-client-new/05-publish-edge", ack("service1", &[25]), "W1"),
    differs("go-client-old/05-publish-edge", nack("service1", &[24], "edge not online"), "W1"),
    differs("go-client-old/05-publish-edge", message("edge1", &[25], "after"), "W1"),
    differs("go-client-old/05-publish-edge", ack("service1", &[25]), "W1"),
    differs("gen-a/05b-pub-s2e-reject", message("edge1", &[19], "after"), "W1"),
    differs("gen-a/05b-pub-s2e-reject", ack("service1", &[19]), "W1"),
    differs("gen-a/05c-pub-s2e-offline", message("edge1", &[14], "somebody"), "W1"),
    differs("gen-a/05c-pub-s2e-offline", ack("service1", &[14]), "W1"),
    differs("gen-a/05d-pub-s2e-no-ack", message("edge1", &[19], "after"), "W1"),
    differs("gen-a/05d-pub-s2e-no-ack", ack("service1", &[19]), "W1"),
    // A message behind one that is never acked.
    differs("gen-a/06c-pub-e2s-no-ack", What::Anytime(&[18]), "W14"),
    // Streams to nobody.
    differs("go-client-new/10-stream-refused", What::Says(&[7, 8], "error", "edge not online"), NOBODY),
    differs("go-client-new/10-stream-refused", What::Says(&[13, 17], "error", "service not online"), NOBODY),
    differs("go-client-old/10-stream-refused", What::Says(&[7, 8], "error", "edge not online"), NOBODY),
    differs("go-client-old/10-stream-refused", What::Says(&[10, 16], "error", "service not online"), NOBODY),
    differs("gen-a/07e-stream-unknown-service", What::Says(&[13, 25], "error", "service not online"), NOBODY),
    differs("gen-a/07e-stream-unknown-service", What::Says(&[18], "error", "force closed"), GONE_SESSION),
    differs("gen-a/07e-stream-unknown-service", nack("edge1", &[22], "force closed"), GONE_SESSION),
    differs("gen-a/07f-stream-unknown-edge", What::Says(TEN_REFUSALS, "error", "edge not online"), NOBODY),
    // A stream whose other end dies.
    differs("gen-a/07h-stream-peer-dies", What::Says(&[21, 40], "error", FAR_END), WHY_IT_ENDS),
    // Streams that cross.
    differs("gen-a/07j-stream-crossing-opens", comes("edge1", kind::SESSION, &[17; 4]), "W11"),
    differs("gen-a/07j-stream-crossing-opens", comes("service1", kind::SESSION, &[17; 4]), "W11"),
    differs("gen-a/07j-stream-crossing-opens", comes("edge1", kind::SESSION_ACK, &[17; 4]), "W11"),
    differs("gen-a/07j-stream-crossing-opens", comes("service1", kind::SESSION_ACK, &[17; 4]), "W11"),
    differs("gen-a/07j-stream-crossing-opens", comes("edge1", kind::DISMISS_ACK, &[22]), "W11"),
    differs("gen-a/07j-stream-crossing-opens", comes("edge1", kind::DISMISS, &[22]), "W11"),
    differs("gen-a/07j-stream-crossing-opens", comes("service1", kind::DISMISS, &[23; 8]), "W11"),
    // A method of a stream, called outside of it.
    differs("gen-a/07k-register-in-stream", What::Absent(&[23, 35]), "W35"),
    differs("gen-a/07k-register-in-stream", What::Says(&[25, 37], "error", "record not found"), "W35"),
    // A newcomer takes an id over: the old link is cut, not seen off; offline comes first.
    differs("go-client-new/12-takeover", What::Absent(&[25, 28, 29, 32]), ID_IN_USE),
    differs("go-client-new/12-takeover", What::Anytime(&[34]), ID_IN_USE),
    differs("go-client-old/12-takeover", What::Absent(&[25, 28, 29, 32]), ID_IN_USE),
    differs("go-client-old/12-takeover", What::Anytime(&[34]), ID_IN_USE),
    differs("gen-a/09b-takeover", What::Absent(&[34, 37, 38, 41]), ID_IN_USE),
    differs("gen-a/09b-takeover", What::Anytime(&[43]), ID_IN_USE),
    differs("gen-a/09c-takeover-retry", What::Absent(&[27, 31, 32, 36, 46, 50, 51, 54, 66, 69, 70, 73]), ID_IN_USE),
    differs("gen-a/09c-takeover-retry", What::Anytime(&[35, 55, 74]), ID_IN_USE),
    // The same while the service takes its time over `edge_offline`.
    differs("gen-a/12g-offline-hook-slow", What::Absent(&[36, 40, 41, 45]), ID_IN_USE),
    differs("gen-a/12g-offline-hook-slow", What::Says(TWELVE_CALLS, "error", ""), "W34"),
    differs("gen-a/12g-offline-hook-slow", What::Says(TWELVE_CALLS, "value", "three"), "W34"),
    differs("gen-a/12g-offline-hook-slow", call("edge3", BEHIND_TWELVE_CALLS, "me", ME_THREE), "W34"),
    // A cancel goes only to those who have cancelled themselves.
    differs("go-client-new/16-cancel", What::Absent(&[17]), "cancelling"),
    // SIGTERM: a goodbye to everybody.
    differs("gen-a/11a-gateway-restart", failure("edge1", &[81], "gateway is shutting down"), "SIGTERM"),
    differs("gen-a/11a-gateway-restart", What::Perhaps("edge1", kind::DISMISS), "SIGTERM"),
    differs("gen-a/11a-gateway-restart", What::Perhaps("service1", kind::DISMISS), "SIGTERM"),
    differs("gen-a/11a-gateway-restart", comes("edge1", kind::DIS_CONN, &[81]), "SIGTERM"),
    differs("gen-a/11a-gateway-restart", comes("service1", kind::DIS_CONN, &[81]), "SIGTERM"),
    differs("gen-a/11a-gateway-restart", comes("edge1", kind::DIS_CONN_ACK, &[81]), "SIGTERM"),
    differs("gen-a/11a-gateway-restart", comes("service1", kind::DIS_CONN_ACK, &[81]), "SIGTERM"),
    differs("gen-a/11b-gateway-restart-ids", comes("edge1", kind::DIS_CONN, &[23]), "SIGTERM"),
    differs("gen-a/11b-gateway-restart-ids", comes("service1", kind::DIS_CONN, &[23]), "SIGTERM"),
    differs("gen-a/11b-gateway-restart-ids", comes("edge1", kind::DIS_CONN_ACK, &[23]), "SIGTERM"),
    differs("gen-a/11b-gateway-restart-ids", comes("service1", kind::DIS_CONN_ACK, &[23]), "SIGTERM"),
    // Kicked: a goodbye in one round.
    differs("go-client-new/13-kick", What::Absent(&[4, 7]), KICK),
    differs("go-client-new/13-kick", What::Undone(&[5, 6]), KICK),
    differs("go-client-old/13-kick", What::Absent(&[4, 7]), KICK),
    differs("go-client-old/13-kick", What::Undone(&[5, 6]), KICK),
    differs("gen-a/10a-kick-rest", What::Absent(&[18, 22]), KICK),
    differs("gen-a/10a-kick-rest", What::Undone(&[19, 20]), KICK),
    differs("gen-a/10b-kick-rest-retry", What::Absent(&[18, 21]), KICK),
    differs("gen-a/10b-kick-rest-retry", What::Undone(&[19, 20]), KICK),
    differs("gen-a/10c-kick-grpc", What::Absent(&[11, 14]), KICK),
    differs("gen-a/10c-kick-grpc", What::Undone(&[12, 13]), KICK),
    differs("gen-a/10d-kick-service", What::Absent(&[17, 21]), KICK),
    differs("gen-a/10d-kick-service", What::Undone(&[18, 19]), KICK),
    // Told of an edge's goodbye, not only of the end of its connection.
    differs("gen-a/11b-gateway-restart-ids", call("service1.2", &[53], "edge_offline", "{}"), LEAVING),
];

const FAR_END: &str = "the far end of the stream is gone";
const GONE_SESSION: &str = "requests and messages on a session that is gone";
const ID_IN_USE: &str = "an id in use, edges and services";
const KICK: &str = "kick";
const LEAVING: &str = "an edge that says goodbye";
const NAMES: &str = "method and service names";
const NOBODY: &str = "stream to an unknown service, or unknown edge";
const WHICH_SERVICE: &str = "which of several services";
const WHY_IT_ENDS: &str = "why a stream ends";

const SERVICES: What = What::AnyOf(&["service1", "service2"]);
const TEN_REFUSALS: &[usize] = &[13, 14, 19, 20, 25, 26, 31, 32, 37, 38, 43, 44, 49, 50, 55, 56, 62, 63, 68, 69];
const TWELVE_CALLS: &[usize] = &[50, 52, 54, 56, 58, 60, 62, 64, 66, 68, 70, 72];
const BEHIND_TWELVE_CALLS: &[usize] = &[51, 53, 55, 57, 59, 61, 63, 65, 67, 69, 71, 73];
const ME_THREE: &str = r#"{"key":"bWU=","value":"dGhyZWU="}"#;
const TWO: &str = r#"{"key":"dHdv","value":"dHdv"}"#;

const fn differs(case: &'static str, what: What, entry: &'static str) -> Exception {
    Exception { case, what, entry }
}

const fn comes(on: &'static str, kind: u8, before: &'static [usize]) -> What {
    What::Extra(Extra { before, on, kind, says: ("", ""), answer: None })
}

const fn message(on: &'static str, before: &'static [usize], value: &'static str) -> What {
    What::Extra(Extra { before, on, kind: kind::MESSAGE, says: ("value", value), answer: Some("{}") })
}

const fn ack(on: &'static str, before: &'static [usize]) -> What {
    nack(on, before, "")
}

const fn nack(on: &'static str, before: &'static [usize], error: &'static str) -> What {
    What::Extra(Extra { before, on, kind: kind::MESSAGE_ACK, says: ("error", error), answer: None })
}

const fn call(on: &'static str, before: &'static [usize], method: &'static str, answer: &'static str) -> What {
    What::Extra(Extra { before, on, kind: kind::REQUEST, says: ("key", method), answer: Some(answer) })
}

const fn failure(on: &'static str, before: &'static [usize], error: &'static str) -> What {
    What::Extra(Extra { before, on, kind: kind::RESPONSE, says: ("error", error), answer: None })
}

#[test]
fn exceptions_name_recordings_and_entries_that_exist() {
    let cases: BTreeSet<String> = Recording::all().into_iter().map(|recording| recording.case).collect();
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differences.md");
    let list = fs::read_to_string(list).expect("the list is there");
    for exception in GATEWAY.iter().chain(SDK) {
        assert!(exception.case == "*" || cases.contains(exception.case), "{exception:?}");
    }
    let entries = GATEWAY.iter().chain(SDK).map(|exception| exception.entry);
    for entry in entries.chain([GOODBYE, REFUSED]) {
        let row = format!("| {entry} |");
        assert!(list.lines().any(|line| line.starts_with(&row)), "docs/differences.md has no entry {entry:?}");
    }
}
