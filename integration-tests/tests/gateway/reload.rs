//! SIGHUP: the configuration is read again, whole or not at all, and no link is dropped.

use std::fs;
use std::os::unix::fs::symlink;

use frontier_integration_tests::process::Signal;
use frontier_integration_tests::raw::{Client, Hello, Pair};
use frontier_integration_tests::{Gateway, Settings, eventually};

const DONE: &str = "configuration reloaded";
const FAILED: &str = "configuration not reloaded, everything stays as it was";

fn reloads(gateway: &Gateway, result: &str) -> f64 {
    gateway.metric("frontier_reloads_total", &[&format!("result=\"{result}\"")])
}

/// Asks for a reload, which is the `times`-th with this result; returns its log line.
#[track_caller]
fn reload(gateway: &Gateway, result: &str, times: u32) -> String {
    gateway.signal(Signal::Hup);
    eventually("the signal is answered", || (reloads(gateway, result) == f64::from(times)).then_some(()));
    let said = if result == "done" { DONE } else { FAILED };
    eventually("it is said", || (gateway.log.count(said) == times as usize).then_some(()));
    gateway.log.lines().into_iter().rfind(|line| line.contains(said)).expect("the line was just counted")
}

/// What these gateways start with, but that edges get no id here.
fn without_local_ids() -> Settings {
    Settings { local_edge_ids: false, ..Settings::default() }
}

/// Whether edges get an id without an id service.
fn gives_out_ids(gateway: &Gateway) -> bool {
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    edge.conn_ack().text("error").is_empty()
}

#[test]
fn what_can_change_changes_for_newcomers_and_links_live_on() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let sections = "log: { level: debug }\n".to_owned();
    fs::write(gateway.file(), gateway.yaml_here(&Settings { sections, ..without_local_ids() })).unwrap();
    let line = reload(&gateway, "done", 1);
    assert!(line.contains("log.level") && line.contains("edgebound.edgeid_alloc_when_no_idservice_on"), "{line}");
    assert!(!gives_out_ids(&gateway));
    gateway.logged("DEBUG");
    pair.works();
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing_and_is_told_in_one_line() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    fs::write(gateway.file(), "edgebound: [").unwrap();
    let line = reload(&gateway, "failed", 1);
    assert!(line.contains("frontier.yaml"), "{line}");
    fs::write(gateway.file(), gateway.yaml_here(&without_local_ids()) + "nonsense: 1\n").unwrap();
    let line = reload(&gateway, "failed", 2);
    assert!(line.contains("nonsense"), "{line}");
    fs::remove_file(gateway.file()).unwrap();
    let line = reload(&gateway, "failed", 3);
    assert!(line.contains("frontier.yaml"), "{line}");
    assert!(gives_out_ids(&gateway));
    pair.works();

    fs::write(gateway.file(), gateway.yaml_here(&without_local_ids())).unwrap();
    reload(&gateway, "done", 1);
    assert!(!gives_out_ids(&gateway), "a good file is taken after all");
}

#[test]
fn a_key_that_needs_a_restart_keeps_the_others_from_changing() {
    let gateway = Gateway::start();
    let sections = "exchange: { hashby: random }\n".to_owned();
    fs::write(gateway.file(), gateway.yaml_here(&Settings { sections, ..without_local_ids() })).unwrap();
    let line = reload(&gateway, "failed", 1);
    assert!(line.contains("exchange.hashby") && line.contains("restart"), "{line}");
    assert!(!line.contains("edgeid_alloc"), "only what is in the way is named: {line}");
    assert!(gives_out_ids(&gateway));
}

#[test]
fn a_file_is_found_however_it_was_put_in_its_place() {
    let gateway = Gateway::start();
    let (file, folder) = (gateway.file(), gateway.file().with_file_name(""));
    // An editor writes a new file and renames it.
    fs::write(folder.join("new"), gateway.yaml_here(&without_local_ids())).unwrap();
    fs::rename(folder.join("new"), &file).unwrap();
    reload(&gateway, "done", 1);
    assert!(!gives_out_ids(&gateway));

    // A mounted configuration is a link to a link that is exchanged.
    for (version, ids) in [("v1", false), ("v2", true)] {
        fs::create_dir(folder.join(version)).unwrap();
        let settings = Settings { local_edge_ids: ids, ..Settings::default() };
        fs::write(folder.join(version).join("frontier.yaml"), gateway.yaml_here(&settings)).unwrap();
    }
    symlink("v1", folder.join("..data")).unwrap();
    symlink("..data/frontier.yaml", folder.join("link")).unwrap();
    fs::rename(folder.join("link"), &file).unwrap();
    reload(&gateway, "done", 2);
    assert!(!gives_out_ids(&gateway));
    symlink("v2", folder.join("..new")).unwrap();
    fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    reload(&gateway, "done", 3);
    assert!(gives_out_ids(&gateway));
}

#[test]
fn many_signals_at_once_do_no_harm() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for _ in 0..50 {
        gateway.signal(Signal::Hup);
    }
    eventually("one of them at least is answered", || (reloads(&gateway, "done") >= 1.0).then_some(()));
    pair.works();
    reload_once_more(&gateway);
}

/// The last signal is not lost among others.
fn reload_once_more(gateway: &Gateway) {
    fs::write(gateway.file(), gateway.yaml_here(&without_local_ids())).expect("the file can be written");
    gateway.signal(Signal::Hup);
    eventually("it is taken over", || (!gives_out_ids(gateway)).then_some(()));
}

#[test]
fn a_log_file_that_was_moved_away_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("frontier.log");
    let sections = format!("log: {{ output: both, file: {{ path: {} }} }}\n", log.display());
    let gateway = Settings { sections, ..Settings::default() }.start();
    // Lines are written a moment after they are said.
    eventually("the file has lines", || fs::read_to_string(&log).ok().filter(|text| text.contains("frontier starts")));
    fs::rename(&log, folder.path().join("old.log")).unwrap();
    gateway.signal(Signal::Hup);
    eventually("the new file has lines", || fs::read_to_string(&log).ok().filter(|text| text.contains(DONE)));
    let old = fs::read_to_string(folder.path().join("old.log")).unwrap();
    assert!(old.contains("frontier starts") && !old.contains(DONE), "{old}");
}
