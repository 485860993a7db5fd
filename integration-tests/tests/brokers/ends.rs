//! No broker outlives its owner.

use std::env;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use frontier_integration_tests::brokers::{Redis, Settings};
use frontier_integration_tests::eventually;
use frontier_integration_tests::process::Signal;
use frontier_integration_tests::tool::Tool;

fn runs(pid: &str) -> bool {
    Path::new("/proc").join(pid).is_dir()
}

#[test]
fn a_dropped_broker_has_ended_and_its_folder_is_gone() {
    let mut redis = Redis::start(&Settings::default());
    let (pid, folder) = (redis.broker.pid().to_string(), redis.broker.folder().to_owned());
    redis.broker.freeze();
    assert!(runs(&pid) && folder.is_dir());
    drop(redis);
    assert!(!runs(&pid) && !folder.exists());
}

#[test]
fn a_killed_program_takes_its_brokers_along() {
    let this = env::current_exe().expect("a running program has a path").display().to_string();
    let program = Tool::installed(&this, "--exact ends::holds_a_broker --ignored --nocapture").start();
    let line = program.prints("holding ");
    let (_, what) = line.split_once("holding ").expect("it was just found");
    let (pid, folder) = what.split_once(' ').expect("a process and a folder");
    let folder = PathBuf::from(folder);
    assert!(runs(pid) && folder.is_dir());
    program.end(Signal::Kill);
    eventually("the end of the broker", || (!runs(pid)).then_some(()));
    eventually("the end of its folder", || (!folder.exists()).then_some(()));
}

#[test]
#[ignore = "the program of the test above: it waits for the end of its input"]
fn holds_a_broker() {
    let redis = Redis::start(&Settings::default());
    println!("holding {} {}", redis.broker.pid(), redis.broker.folder().display());
    io::stdin().read_to_end(&mut Vec::new()).expect("input can be read");
}
