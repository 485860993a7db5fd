//! Running a script of this folder with rounds of a moment, against the built gateway.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The built gateway. A missing one is an error that says what to do.
fn gateway() -> PathBuf {
    let named = std::env::var_os("FRONTIER_BIN").map(PathBuf::from);
    let named = named.expect("FRONTIER_BIN must name the built gateway: run `make test`, or set it");
    assert!(named.is_file(), "{} is not there: make programs", named.display());
    named
}

/// Runs `bench/SCRIPT --quick FOLDER ARGUMENT...`, which leaves its reports and the document in the folder.
pub(crate) fn run(script: &str, folder: &Path, args: &[&str], programs: &[(&str, PathBuf)]) {
    let output = Command::new("bash")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
        .arg("--quick")
        .arg(folder)
        .args(args)
        .env("FRONTIER_BIN", gateway())
        .env("FRONTIER_BENCH_BIN", env!("CARGO_BIN_EXE_frontier-bench"))
        .envs(programs.iter().map(|(name, path)| (name, path)))
        .output()
        .expect("bash runs");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
}

/// A text that has to be there.
pub(crate) fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
