//! Every scenario runs against the built gateway, and every report has its figures.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the built gateway. A missing one is an error that says what to do.
fn built() -> PathBuf {
    let gateway = std::env::var_os("FRONTIER_BIN").map(PathBuf::from);
    let gateway = gateway.expect("FRONTIER_BIN must name the built gateway: run `make test`, or set it");
    assert!(gateway.is_file(), "{} is not there: cargo build --release -p frontier-gateway", gateway.display());
    gateway.parent().and_then(Path::parent).expect("the gateway lies in a target folder").to_owned()
}

#[test]
fn every_scenario_runs() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("run.sh");
    let output = Command::new("bash")
        .arg(script)
        .arg("--quick")
        .env("CARGO_TARGET_DIR", built())
        .env("FRONTIER_BENCH_NO_BUILD", "1")
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("all scenarios ran"), "{said}");
}
