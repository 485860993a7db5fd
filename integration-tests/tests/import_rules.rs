//! Who may import whom, as ARCHITECTURE.md draws it. A new member, or a new arrow, starts with a line here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Each member of the workspace, and the members that it may import. Dev-dependencies do not count.
const ALLOWED: &[(&str, &[&str])] = &[
    ("frontier-proto", &[]),
    ("frontier-config", &[]),
    ("frontier-net", &[]),
    ("frontier-transport", &["frontier-proto"]),
    ("frontier-bridges", &["frontier-config", "frontier-net", "frontier-proto"]),
    ("frontier-dao", &["frontier-config", "frontier-proto"]),
    ("frontier-api", &[]),
    ("frontier-controlplane", &["frontier-api", "frontier-dao", "frontier-net", "frontier-config", "frontier-proto"]),
    ("frontier-sdk", &["frontier-net", "frontier-transport", "frontier-proto"]),
    (
        "frontier-gateway",
        &[
            "frontier-bridges",
            "frontier-controlplane",
            "frontier-dao",
            "frontier-net",
            "frontier-transport",
            "frontier-proto",
            "frontier-config",
        ],
    ),
    ("frontier-ctl", &["frontier-api", "frontier-net", "frontier-sdk", "frontier-proto"]),
    ("frontier-bench", &["frontier-api", "frontier-sdk", "frontier-proto"]),
    ("frontier-examples", &["frontier-sdk", "frontier-proto"]),
    ("frontier-integration-tests", &[]),
];

/// Members that do no IO of their own.
const WITHOUT_RUNTIME: &[&str] = &["frontier-proto", "frontier-config"];

struct Member {
    name: String,
    /// What it imports when it is built, names as in the registry, renames undone.
    imports: BTreeSet<String>,
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("this member lies in the workspace").to_owned()
}

fn members() -> Vec<Member> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    packages.iter().map(member).collect()
}

fn member(package: &Value) -> Member {
    let text = |value: &Value| value.as_str().expect("a name is text").to_owned();
    let dependencies = package["dependencies"].as_array().expect("a package lists its dependencies");
    let built = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
    Member { name: text(&package["name"]), imports: built.map(|dependency| text(&dependency["name"])).collect() }
}

#[test]
fn members_import_only_whom_they_may() {
    let members = members();
    let ours: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let ruled: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours, ruled, "every member has a line in ALLOWED");

    for member in &members {
        let (_, allowed) = ALLOWED.iter().find(|(name, _)| *name == member.name).expect("compared above");
        for import in member.imports.iter().filter(|import| ours.contains(import.as_str())) {
            assert!(allowed.contains(&import.as_str()), "{} may not import {import}", member.name);
        }
    }
}

#[test]
fn protocol_and_configuration_know_no_runtime() {
    let members = members();
    for name in WITHOUT_RUNTIME {
        let member = members.iter().find(|member| member.name == *name).expect("a member of that name");
        let runtime = member.imports.iter().find(|import| import.starts_with("tokio") || import.starts_with("async"));
        assert_eq!(runtime, None, "{name} does no IO");
    }
}

#[test]
fn the_two_sides_of_the_gateway_do_not_see_each_other() {
    let sources = root().join("gateway/src");
    for (side, other) in [("edgebound", "servicebound"), ("servicebound", "edgebound")] {
        let files = module_files(&sources, side);
        assert!(!files.is_empty(), "no module {side} in {}", sources.display());
        for file in files {
            let code = fs::read_to_string(&file).expect("a source file can be read");
            assert!(!names_module(&code, other), "{} names {other}: both sides use exchange instead", file.display());
        }
    }
}

/// The files of the module `name`: `name.rs` and all that lies in `name/`.
fn module_files(sources: &Path, name: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![sources.join(name)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.extend(Some(sources.join(name).with_extension("rs")).filter(|file| file.is_file()));
    files
}

/// Whether `code` refers to the module `name`, by a path or in a `use`. Comments and fields of that name do not count.
fn names_module(code: &str, name: &str) -> bool {
    let code: String =
        code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let in_path = code.contains(&format!("{name}::")) || code.contains(&format!("::{name}"));
    let in_use = code.split(';').filter_map(|statement| statement.split("use ").nth(1)).any(|tree| {
        let mut words = tree.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| word == name)
    });
    in_path || in_use
}

#[test]
fn a_module_is_seen_wherever_it_is_named() {
    for code in [
        "use crate::edgebound::Edge;",
        "use crate::{edgebound, exchange};",
        "use crate::{exchange::{self, Route},\n    edgebound as edges};",
        "fn f() { super::edgebound::f() }",
    ] {
        assert!(names_module(code, "edgebound"), "{code}");
    }
    for code in ["// as crate::edgebound does", "let listen = config.edgebound.listen;", "use crate::exchange;"] {
        assert!(!names_module(code, "edgebound"), "{code}");
    }
}
