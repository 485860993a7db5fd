//! `docs/differences.md` names tests that exist, and every weakness that ours must not have.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Ids that the data plane answers for.
const WEAKNESSES: [u32; 30] =
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 17, 19, 20, 26, 27, 28, 29, 30, 31, 32, 34, 35, 38, 39, 40, 41];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member lies below the root").to_owned()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("the entry is readable").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Folders of the tests that the list may name.
const TESTS: [&str; 2] = ["integration-tests/tests", "sdk/tests"];

/// Names of all functions in them.
fn functions() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in TESTS {
        rust_files(&root().join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        for line in fs::read_to_string(file).expect("source is text").lines() {
            let line = line.trim_start();
            if let Some(rest) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ") {
                names.extend(rest.split('(').next().map(str::to_owned));
            }
        }
    }
    names
}

#[test]
fn every_weakness_is_listed_with_tests_that_exist() {
    let text = fs::read_to_string(root().join("docs/differences.md")).expect("the list is there");
    let functions = functions();
    for id in WEAKNESSES {
        let start = format!("| W{id} |");
        let line = text.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("W{id} is not listed"));
        let named: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "W{id} names no test");
        for name in named {
            assert!(name.starts_with(&format!("w{id:02}_")), "W{id} names {name}");
            assert!(functions.contains(name), "{name} does not exist");
        }
    }
}
