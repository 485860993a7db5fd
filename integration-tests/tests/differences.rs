//! `docs/differences.md` lists every weakness of the Go gateway, with tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every weakness of the Go gateway has an id: W1 to this one.
const WEAKNESSES: u32 = 41;

/// Those that no test shows yet, or that are meant to be: the list says why.
const WITHOUT_TEST: [u32; 3] = [9, 16, 22];

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
const TESTS: [&str; 4] = ["integration-tests/tests", "sdk/tests", "dao/tests", "controlplane/tests"];

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
    for id in 1..=WEAKNESSES {
        let start = format!("| W{id} |");
        let line = text.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("W{id} is not listed"));
        let named: Vec<&str> = line.split('`').skip(1).step_by(2).filter(|name| name.starts_with('w')).collect();
        assert_eq!(named.is_empty(), WITHOUT_TEST.contains(&id), "W{id} names {named:?}");
        for name in named {
            assert!(name.starts_with(&format!("w{id:02}_")), "W{id} names {name}");
            assert!(functions.contains(name), "{name} does not exist");
        }
    }
}
