//! The whole of `make bench-control` with rounds of a moment, against the built gateway: it runs, and writes what it found where it
//! belongs. How large the figures are is not judged here.

mod quick;

use std::path::Path;
use std::process::Command;

use quick::{read, run};
use serde_json::Value;

/// Figures that are greater than zero wherever something was measured, by JSON pointer.
fn figures_of(scenario: &str) -> Vec<String> {
    let fixed: &[&str] = match scenario {
        "connect" => &["/gateway/per_second", "/gateway/latency_us/p99", "/disturbed_us/p99"],
        "idle" => &["/edges", "/before/private_kib", "/after/private_kib"],
        _ => &[
            "/filled_seconds",
            "/pages/operations",
            "/pages/latency_us/p99",
            "/memory/private_kib",
            "/calls/1/pages/operations",
            "/calls/2/visits/operations",
            "/calls/3/pages/latency_us/p50",
            "/calls/3/visits/latency_us/p99",
        ],
    };
    let mut figures: Vec<String> = fixed.iter().map(|figure| (*figure).to_owned()).collect();
    if scenario == "control" {
        let asked = (0..10).flat_map(|question| ["grpc", "rest"].map(|way| format!("/questions/{question}/{way}")));
        figures.extend(asked.flat_map(|asked| ["operations", "latency_us/p50"].map(|what| format!("{asked}/{what}"))));
        let beside = (0..4).map(|load| format!("/calls/{load}"));
        let told = ["calls/operations", "calls/latency_us/p99", "per_second", "p99", "rounds/0/operations"];
        figures.extend(beside.flat_map(|load| told.map(|what| format!("{load}/{what}"))));
    }
    figures
}

#[test]
fn connects_questions_calls_and_memory_are_measured_with_records_in_memory_and_in_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let places = ["memory", "sqlite-file"];
    run("control.sh", folder.path(), &places, &[]);
    let wanted = ["connect", "idle", "control"].into_iter().flat_map(|scenario| places.map(|place| (scenario, place)));
    for (number, (scenario, place)) in wanted.enumerate() {
        let name = format!("{:02}-{scenario}-{place}.json", number + 1);
        let report: Value = serde_json::from_str(&read(&folder.path().join(&name))).expect("a report is JSON");
        assert_eq!(report["records"], place, "{name}");
        for figure in figures_of(scenario) {
            let value = report.pointer(&figure).and_then(Value::as_f64);
            assert!(value.is_some_and(|value| value > 0.0), "{figure} of {name} is {value:?}");
        }
        if scenario == "control" {
            assert_eq!(report["rows"], 200 * 7, "{name}: 200 edges, and 6 methods of each");
        }
    }
    let document = read(&folder.path().join("performance.md"));
    let (before, behind) = document.split_once("<!-- control plane -->").expect("the place is there");
    let (figures, after) = behind.split_once("<!-- end of control plane -->").expect("its end is there");
    for line in [
        "| p50 / p99 of an answer | memory: gRPC | memory: REST | SQLite, a file: gRPC | SQLite, a file: REST |",
        "| edges, first page | ",
        "| SQLite, a file | 1 400 | ",
        "| memory | both | ",
        "| records | connects per second | ",
    ] {
        assert!(figures.contains(line), "{line} is not in\n{figures}");
    }
    let old = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md"));
    assert!(old.starts_with(before) && old.ends_with(after), "something else of the document was changed");
}

#[test]
fn a_control_plane_that_is_not_there_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_frontier-bench"))
        .args(["control", "--edge-addr", "127.0.0.1:1", "--residents", "100"])
        .output()
        .expect("the program runs");
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && complained.contains("127.0.0.1:1"), "{complained}");
}
