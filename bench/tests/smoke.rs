//! The whole of `make bench`, with rounds of a moment, against the built gateway: everything runs and reports its figures.
//! How large they are is not judged here.

mod quick;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use quick::{read, run};
use serde_json::Value;

fn reports(folder: &Path) -> Vec<(String, Value)> {
    let files = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be listed").path());
    let json = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    let report = |file: PathBuf| {
        let text = read(&file);
        (file.display().to_string(), serde_json::from_str(&text).expect("a report is JSON"))
    };
    json.map(report).collect()
}

/// Figures that are greater than zero wherever something was measured, by JSON pointer.
fn figures_of(scenario: &str) -> &'static [&'static str] {
    match scenario {
        "call" | "publish" => &[
            "/edges",
            "/in_flight",
            "/size",
            "/frame_bytes",
            "/gateway/operations",
            "/gateway/per_second",
            "/gateway/latency_us/p50",
            "/gateway/latency_us/p90",
            "/gateway/latency_us/p99",
            "/gateway/latency_us/p99_9",
            "/gateway/latency_us/max",
            "/relay/per_second",
            "/relay/latency_us/p50",
            "/versus_relay/per_second",
            "/rounds/0/operations",
            "/relay_rounds/0/operations",
            "/memory/resident_kib",
            "/memory/private_kib",
        ],
        "stream" => {
            &["/write_size", "/gateway/bytes", "/gateway/mb_per_second", "/relay/mb_per_second", "/versus_relay"]
        }
        "connect" => {
            &["/edges", "/gateway/per_second", "/gateway/latency_us/p99", "/quiet_us/p99", "/disturbed_us/p99"]
        }
        "idle" => &["/edges", "/before/private_kib", "/after/private_kib", "/watched_seconds"],
        other => panic!("an unknown scenario {other:?}"),
    }
}

#[test]
fn every_scenario_runs_and_reports_its_figures() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    run("run.sh", folder.path(), &[], &[]);
    let reports = reports(folder.path());
    for (file, report) in &reports {
        let scenario = report["scenario"].as_str().unwrap_or_else(|| panic!("{file} names no scenario"));
        for figure in figures_of(scenario) {
            let value = report.pointer(figure).and_then(Value::as_f64);
            assert!(value.is_some_and(|value| value > 0.0), "{figure} of {file} is {value:?}");
        }
    }
    for (scenario, directions) in [("call", 2), ("publish", 2), ("stream", 2), ("connect", 1), ("idle", 1)] {
        let of_scenario = reports.iter().filter(|(_, report)| report["scenario"] == scenario);
        let found: std::collections::BTreeSet<_> =
            of_scenario.map(|(_, report)| report["direction"].as_str()).collect();
        assert_eq!(found.len(), directions, "{scenario}: {found:?}");
    }
    for (peers, count) in [("lean", 16), ("sdk", 2)] {
        let found = reports.iter().filter(|(_, report)| report["peers"] == peers).count();
        assert_eq!(found, count, "reports of peers of kind {peers}");
    }
    let document = read(&folder.path().join("performance.md"));
    for bar in [
        "| CPU per call edge → service, 1 000 edges |",
        "| CPU per call of the SDK edge → service, 32 edges |",
        "| memory of an idle edge that has made a call |",
        "| the same over TLS |",
        "| the same over WebSocket |",
    ] {
        assert!(document.contains(bar), "{bar} is not in\n{document}");
    }
}

#[test]
fn lean_edges_over_anything_but_tcp_are_refused_and_the_way_out_is_named() {
    for edges in [&["--edge-tls-insecure", "--edge-addr", "127.0.0.1:1"][..], &["--edge-addr", "ws://127.0.0.1:1"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_frontier-bench"))
            .args(["call", "--service-addr", "127.0.0.1:1"])
            .args(edges)
            .output()
            .expect("the program runs");
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && complained.contains("--sdk"), "{complained}");
    }
}
