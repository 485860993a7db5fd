//! Other people's clients of the control plane: grpcurl, which knows it by reflection alone, one in Python that is generated
//! from the schema, and schemathesis, which tries what the description allows.
//!
//! `scripts/setup.sh clients` installs them; `make test-clients` runs this alone.

use std::path::{Path, PathBuf};

use frontier_integration_tests::containers::root;
use frontier_integration_tests::process::target_dir;
use frontier_integration_tests::raw::{Client, Hello};
use frontier_integration_tests::{Control, Gateway, Settings, Tool};
use serde_json::Value;

/// One of the installed programs.
fn installed(name: &str, args: &str) -> Tool {
    let path = target_dir().join("clients").join("bin").join(name);
    assert!(path.is_file(), "{} is missing: run `scripts/setup.sh clients`", path.display());
    Tool::installed(path.to_str().expect("the path is text"), args)
}

fn of_ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

fn served() -> (Gateway, Control, Client) {
    let gateway = Settings::default().with_control().start();
    let control = Control::of(&gateway);
    let edge = Client::connect(gateway.edge, &Hello::edge(b"sensor"));
    (gateway, control, edge)
}

#[test]
fn grpcurl_lists_and_kicks_by_reflection() {
    let (_gateway, control, edge) = served();
    let addr = control.addr;
    let ask = |args: &str| installed("grpcurl", &format!("-plaintext {args}"));
    let listed = ask(&format!("{addr} list")).run(b"");
    assert!(listed.text().lines().any(|service| service == "controlplane.ControlPlane"), "{listed:?}");
    let edges = ask(&format!("{addr} controlplane.ControlPlane/ListEdges")).run(b"");
    let edges: Value = serde_json::from_slice(&edges.out).unwrap_or_else(|error| panic!("{error}: {edges:?}"));
    assert_eq!((&edges["edges"][0]["edge_id"], &edges["count"]), (&edge.id.to_string().into(), &1.into()));
    let kick = format!("-d {{\"edge_id\":\"{}\"}} {addr} controlplane.ControlPlane/KickEdge", edge.id);
    assert_eq!(ask(&kick).run(b"").code, 0);
    let again = ask(&kick).run(b"");
    assert!(again.code != 0 && again.err.contains("NotFound") && again.err.contains("edge not online"), "{again:?}");
    let health = ask(&format!("{addr} grpc.health.v1.Health/Check")).run(b"");
    assert!(health.text().contains("SERVING"), "{health:?}");
}

#[test]
fn a_client_in_python_made_from_the_schema_lists_counts_and_kicks() {
    let (_gateway, control, edge) = served();
    let schema = root().join("api/proto/controlplane.proto");
    let python = installed("python3", "").arg(of_ours("list_count_kick.py").to_str().expect("text"));
    let done = python.arg(schema.to_str().expect("text")).words(&format!("{} {}", control.addr, edge.id)).run(b"");
    assert_eq!((done.code, done.text()), (0, "done\n"), "{done:?}");
}

#[test]
fn schemathesis_finds_nothing_that_the_description_does_not_say() {
    let (mut gateway, control, edge) = served();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let settings = of_ours("schemathesis.toml");
    let config = format!("--config-file {}", settings.display());
    let run = "run --phases examples,coverage,fuzzing --max-examples 15 --generation-database none --seed 1";
    let tried = installed("st", &format!("{config} {run} http://{}/openapi.json", control.addr)).within(folder.path());
    let done = tried.run_within(std::time::Duration::from_secs(300), b"");
    assert_eq!(done.code, 0, "{}\n{}", String::from_utf8_lossy(&done.out), done.err);
    drop(edge);
    gateway.ends_without_complaint();
}
