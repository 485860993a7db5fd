//! Records in a SQLite file that breaks under the running gateway, or that somebody stands in the way of.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use frontier_integration_tests::process::built;
use frontier_integration_tests::raw::{Client, Hello, call_up};
use frontier_integration_tests::{Control, Gateway, Settings, Tool, eventually};

use crate::records::{Small, shows};

const LINE: &str = "records of who is online are not available";

/// A gateway with its records in `path`.
fn on(path: &Path) -> (Gateway, Control) {
    let sections = format!("dao:\n  backend: sqlite\n  sqlite:\n    path: {}\n", path.display());
    let gateway = Settings { sections, ..Settings::default() }.with_control().start();
    let control = Control::of(&gateway);
    (gateway, control)
}

/// Writes garbage over all that lies in the database and in its log, which stay the files that they are.
fn spoil(path: &Path) {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    for path in [path.to_owned(), PathBuf::from(log)] {
        let file = File::options().write(true).open(&path).expect("the file is there");
        let length = file.metadata().expect("it is a file").len();
        file.write_all_at(&vec![0xa5; usize::try_from(length).expect("it is small")], 0).expect("there is room");
    }
}

/// What it says of the records on both pages of health, which stay 200.
fn health(gateway: &Gateway) -> [String; 2] {
    ["/healthz", "/readyz"].map(|page| {
        let answer = gateway.get(page).expect("it answers");
        assert_eq!(answer.status, 200, "links are not affected");
        answer.body
    })
}

/// Waits until the gateway says that all is well, and holds it to `count` edges.
#[track_caller]
fn is_exact_again(gateway: &Gateway, control: Control, count: usize) {
    eventually("the records are there again", || {
        (gateway.metric("frontier_records_available", &[]) == 1.0).then_some(())
    });
    assert_eq!(control.count(), count as u64);
    assert_eq!(control.walk("/v1/edges?order=%2Bedge_id").0.len(), count);
    assert!(!health(gateway)[0].contains(LINE));
}

#[test]
fn garbage_in_the_file_costs_an_answer_and_no_edge() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("frontier.db");
    let (gateway, control) = on(&path);
    let mut service = Client::service(gateway.service, "greeter", &[]);
    service.register("echo");
    let mut edges: Vec<Client> = (0..50).map(|_| Client::edge(gateway.edge)).collect();
    // The gateway itself has not read the file yet, so nothing of it is in the memory of its readers.
    shows(&path, "SELECT count(*) FROM edges", "50");
    spoil(&path);
    let refused = control.ask("GET", "/v1/edges", &[]);
    assert_eq!((refused.status, &refused.json()["reason"]), (503, &"UNAVAILABLE".into()));
    let message = refused.json()["message"].as_str().expect("text").to_owned();
    assert!(message.contains(&path.display().to_string()), "{message}");
    call_up(&mut edges[0], &mut service, b"works as ever");
    edges.push(Client::edge(gateway.edge));
    is_exact_again(&gateway, control, edges.len());
    let line = gateway.logged(LINE);
    assert!(line.contains("frontier.db"), "{line}");
    gateway.logged("records of who is online are available again");
    assert_eq!((gateway.log.count(LINE), gateway.metric("frontier_records_breaks_total", &[])), (1, 1.0));
}

#[test]
fn a_file_that_is_lost_is_told_everywhere_until_it_can_be_made_anew() {
    let place = tempfile::tempdir().expect("a temporary folder can be made");
    let (folder, away) = (place.path().join("records"), place.path().join("away"));
    fs::create_dir(&folder).expect("a folder can be made");
    let path = folder.join("frontier.db");
    let (gateway, control) = on(&path);
    let mut service = Client::service(gateway.service, "greeter", &[]);
    service.register("echo");
    let mut edges: Vec<Client> = (0..20).map(|_| Client::edge(gateway.edge)).collect();
    shows(&path, "SELECT count(*) FROM edges", "20");
    fs::rename(&folder, &away).expect("a folder can be renamed");
    assert_eq!(control.ask("GET", "/v1/edges", &[]).status, 503);

    for said in health(&gateway) {
        assert!(said.contains(LINE) && said.contains(&path.display().to_string()), "{said}");
    }
    assert_eq!(gateway.metric("frontier_records_available", &[]), 0.0);
    let tool = built("frontierctl", "frontier-ctl");
    let asked = Tool::new(&tool, &gateway, "edges").env("FRONTIER_CONTROL_ADDR", &control.addr.to_string()).run(b"");
    assert!(asked.code != 0 && asked.err.contains("frontier.db"), "{asked:?}");
    for labels in [["rest", "unavailable"], ["grpc", "unavailable"]] {
        eventually("the refusal is counted", || {
            (gateway.metric("frontier_control_requests_total", &labels) >= 1.0).then_some(())
        });
    }
    // What needs no records is answered, kicks among it; edges come, work and go.
    let totals = control.get("/v1/totals");
    assert_eq!(totals["edges"]["online"], "20");
    let kicked = edges.pop().expect("there are some");
    assert_eq!(control.ask("DELETE", &format!("/v1/edges/{}", kicked.id), &[]).status, 200);
    edges.drain(..5).for_each(Client::close);
    edges.push(Client::edge(gateway.edge));
    call_up(&mut edges[0], &mut service, b"works as ever");

    fs::rename(&away, &folder).expect("a folder can be renamed");
    is_exact_again(&gateway, control, edges.len());
    assert_eq!((gateway.log.count(LINE), gateway.metric("frontier_records_breaks_total", &[])), (1, 1.0));
}

/// A shell of SQLite that has read and goes on reading.
struct Reader(Child);

impl Reader {
    fn of(path: &Path) -> Self {
        let shell = Command::new("sqlite3").arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut shell = shell.expect("sqlite3 is installed: `scripts/setup.sh test` sees to it");
        let into = shell.stdin.as_mut().expect("it is piped");
        into.write_all(b"begin; select count(*) from edges;\n").expect("the shell reads");
        let mut line = String::new();
        BufReader::new(shell.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("it is text");
        assert!(line.trim_end().parse::<u64>().is_ok(), "{line:?}");
        Self(shell)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // One that has ended is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_reader_that_stays_until_the_disk_is_full_keeps_nobody_out() {
    /// Comings, each with a meta that takes twice its length: that is more than the disk has.
    const COMINGS: usize = 40;
    let disk = Small::of("64m");
    let path = disk.path().join("frontier.db");
    let (gateway, control) = on(&path);
    let mut service = Client::service(gateway.service, "greeter", &[]);
    service.register("echo");
    let mut stay: Vec<Client> = (0..10).map(|_| Client::edge(gateway.edge)).collect();
    assert_eq!(control.count(), 10);
    let reader = Reader::of(&path);
    let meta = vec![b'x'; 1 << 20];
    for _ in 0..COMINGS {
        Client::connect(gateway.edge, &Hello::edge(&meta)).close();
    }
    let refused = eventually("the disk is full", || {
        let answer = control.ask("GET", "/v1/edges", &[]);
        (answer.status == 503).then_some(answer)
    });
    assert!(refused.body.contains("frontier.db"), "{refused:?}");
    call_up(&mut stay[0], &mut service, b"works as ever");
    stay.push(Client::edge(gateway.edge));

    drop(reader);
    is_exact_again(&gateway, control, stay.len());
    let log = fs::metadata(disk.path().join("frontier.db-wal")).expect("there is a log").len();
    assert!(log < 16 << 20, "{log} bytes");
}
