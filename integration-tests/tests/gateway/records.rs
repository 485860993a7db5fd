//! Who is online, as it stands in a SQLite file beside the running gateway.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use frontier_integration_tests::containers::root;
use frontier_integration_tests::process::{Signal, built};
use frontier_integration_tests::raw::{Client, Frame, Hello, call_up, kind};
use frontier_integration_tests::readme::recipe;
use frontier_integration_tests::{Gateway, PATIENCE, Settings, eventually};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn settings(path: &Path) -> Settings {
    let sections = format!("dao:\n  backend: sqlite\n  sqlite:\n    path: {}\n", path.display());
    Settings { sections, ..Settings::default() }
}

/// What `sqlite3` prints, or why it cannot: the gateway may have the file locked for a moment.
fn asked(path: &Path, sql: &str) -> Result<String, String> {
    let output = Command::new("sqlite3").args(["-cmd", ".timeout 5000"]).arg(path).arg(sql).output();
    let output = output.expect("sqlite3 is installed: `scripts/setup.sh test` sees to it");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
}

/// Waits until `sqlite3` prints this.
#[track_caller]
pub(crate) fn shows(path: &Path, sql: &str, expected: &str) {
    let mut last = Ok(String::new());
    let what = format!("{sql} shows {expected:?}");
    eventually(&what, || {
        last = asked(path, sql);
        (last.as_deref() == Ok(expected)).then_some(())
    });
}

#[test]
fn another_program_sees_who_is_online() {
    let folder = folder();
    let path = folder.path().join("frontier.db");
    let mut gateway = settings(&path).start();
    let mut service = Client::service(gateway.service, "greeter", &["temperature", "humid*"]);
    service.register("greet");
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::edge("sensor ä'7".as_bytes()));
    let id = edge.admitted();
    edge.register("reboot");

    let addr = edge.local_addr();
    shows(&path, "SELECT edge_id, meta, addr FROM edges", &format!("{id}|sensor ä'7|{addr}"));
    shows(&path, "SELECT edge_id, rpc FROM edge_rpcs", &format!("{id}|reboot"));
    shows(&path, "SELECT service, addr FROM services", &format!("greeter|{}", service.local_addr()));
    shows(&path, "SELECT rpc FROM service_rpcs", "greet");
    shows(
        &path,
        "SELECT group_concat(topic) FROM (SELECT topic FROM service_topics ORDER BY topic)",
        "humid*,temperature",
    );
    let young = "SELECT count(*) FROM edges WHERE create_time > unixepoch() - 600 AND create_time <= unixepoch()";
    shows(&path, young, "1");

    edge.close();
    drop(service);
    for table in ["edges", "edge_rpcs", "services", "service_rpcs", "service_topics"] {
        shows(&path, &format!("SELECT count(*) FROM {table}"), "0");
    }
    gateway.ends_without_complaint();
    let left =
        fs::read_dir(folder.path()).expect("the folder is there").map(|entry| entry.expect("an entry").file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["frontier.db"], "no lock and no log stay behind");
}

#[test]
fn after_a_kill_in_a_storm_nobody_of_the_earlier_run_is_online() {
    const STAY: usize = 20;
    let folder = folder();
    let path = folder.path().join("frontier.db");
    let mut gateway = settings(&path).start();
    let stay: Vec<Client> = (0..STAY).map(|_| Client::edge(gateway.edge)).collect();
    let (over, addr) = (AtomicBool::new(false), gateway.edge);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| storm(addr, &over));
        }
        eventually("rows of those who stay are in the file", || {
            let count = asked(&path, "SELECT count(*) FROM edges").ok()?.parse::<usize>().ok()?;
            (count >= STAY).then_some(())
        });
        gateway.signal(Signal::Kill);
        over.store(true, Ordering::Relaxed);
        gateway.exit(PATIENCE);
    });
    drop(stay);
    let left = asked(&path, "SELECT count(*) >= 20 FROM edges");
    assert_eq!(left.as_deref(), Ok("1"), "without rows that stayed behind this shows nothing");

    let gateway = settings(&path).start();
    assert_eq!(asked(&path, "SELECT count(*) FROM edges").as_deref(), Ok("0"));
    let edge = Client::edge(gateway.edge);
    shows(&path, "SELECT addr FROM edges", &edge.local_addr().to_string());
}

/// Edges come and go until it is over, or the gateway is.
fn storm(addr: SocketAddr, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let Ok(stream) = std::net::TcpStream::connect(addr) else { return };
        let mut edge = Client::over(stream);
        let hello = Hello::edge(b"comes and goes");
        let conn = Frame::bytes_of(kind::CONN, 1, &hello.body());
        if edge.try_send_bytes(&conn).is_err() || edge.try_next(PATIENCE).is_err() {
            return;
        }
    }
}

/// A small file system. Unmounted with its drop.
pub(crate) struct Small(TempDir);

impl Small {
    pub(crate) fn of(size: &str) -> Self {
        let folder = folder();
        Self::run(&["-t", "tmpfs", "-o", &format!("size={size}"), "none"], folder.path());
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn grow(&self) {
        Self::run(&["-o", "remount,size=64m"], self.0.path());
    }

    fn run(arguments: &[&str], at: &Path) {
        let mounted = Command::new("mount").args(arguments).arg(at).status();
        assert!(
            mounted.is_ok_and(|status| status.success()),
            "mounting needs root: leave this test out with `--skip small_disk`"
        );
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // What cannot be unmounted now goes with the machine; the test has its result.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_small_disk_keeps_nobody_out_and_the_rows_come_back_with_the_room() {
    const TOLD: &str = "records of who is online are not available";
    /// Their metas, each of which is in an index too, do not fit on the disk.
    const EDGES: usize = 180;
    let disk = Small::of("4m");
    let path = disk.path().join("frontier.db");
    let gateway = settings(&path).start();
    assert_eq!(gateway.metric("frontier_records_available", &[]), 1.0);
    let meta = "x".repeat(16_000);
    let mut edges: Vec<Client> =
        (0..EDGES).map(|_| Client::connect(gateway.edge, &Hello::edge(meta.as_bytes()))).collect();
    let mut service = Client::service(gateway.service, "greeter", &[]);
    service.register("echo");
    // Until all have come what there is may be made anew, and fit once more.
    eventually("the gateway says that the disk is full", || {
        let says = |page| {
            let answer = gateway.get(page).expect("it answers");
            assert_eq!(answer.status, 200, "links are not affected");
            answer.body.contains(TOLD) && answer.body.contains("frontier.db")
        };
        let available = gateway.metric("frontier_records_available", &[]);
        (says("/healthz") && says("/readyz") && available == 0.0).then_some(())
    });
    call_up(edges.last_mut().expect("some came"), &mut service, b"works as ever");
    edges.push(Client::connect(gateway.edge, &Hello::edge(meta.as_bytes())));

    disk.grow();
    shows(&path, "SELECT count(*) FROM edges", &edges.len().to_string());
    shows(&path, "SELECT rpc FROM service_rpcs", "echo");
    eventually("the gateway says that all is well", || {
        let body = gateway.get("/healthz").expect("it answers").body;
        (body == "ok" && gateway.metric("frontier_records_available", &[]) > 0.0).then_some(())
    });
    gateway.logged("records of who is online are available again");
    let breaks = gateway.metric("frontier_records_breaks_total", &[]);
    assert!(breaks >= 1.0);
    assert_eq!(gateway.log.count(TOLD) as f64, breaks, "each is told once");
    edges.clear();
    shows(&path, "SELECT count(*) FROM edges", "0");
}

#[test]
fn a_file_of_a_later_version_and_one_that_cannot_be_are_refused_at_the_start() {
    let folder = folder();
    let path = folder.path().join("frontier.db");
    settings(&path).start().ends_without_complaint();
    let entries = |folder: &TempDir| {
        let entries = fs::read_dir(folder.path()).expect("the folder is there").map(|entry| entry.expect("an entry"));
        let mut entries: Vec<_> = entries.map(|entry| (entry.file_name(), fs::read(entry.path()).ok())).collect();
        entries.sort();
        entries
    };
    assert!(settings(&path).check().0.success(), "one of this version is fine");
    asked(&path, "PRAGMA user_version = 99").expect("nobody else has it");
    let refused = |path: &Path, why: &str| {
        let (status, said) = settings(path).fails_to_start();
        assert!(!status.success(), "{said}");
        let reason = said.lines().find(|line| line.starts_with("frontier: ")).expect("a line says why");
        assert!(reason.contains(&*path.to_string_lossy()) && reason.contains(why), "{reason}");
        assert_eq!(said.matches("dao.sqlite.path").count(), 1, "one line: {said}");
        // A check says the same, and leaves no trace.
        let before = entries(&folder);
        let (checked, told) = settings(path).check();
        assert_eq!((checked.code(), told.trim_end()), (status.code(), reason));
        assert_eq!(entries(&folder), before);
    };
    refused(&path, "has schema version 99, this gateway knows up to");
    refused(&folder.path().join("missing/frontier.db"), "No such file or directory");
    refused(folder.path(), "cannot be used as a database: it is a folder");
    refused(&path.join("frontier.db"), "Not a directory");
    let letter = folder.path().join("letter.txt");
    fs::write(&letter, "not a database, and longer than the head of one. ".repeat(20)).expect("there is room");
    refused(&letter, "not a database");
}

#[test]
fn two_gateways_do_not_write_into_one_file() {
    let folder = folder();
    let path = folder.path().join("frontier.db");
    let gateway = settings(&path).start();
    let _edge = Client::edge(gateway.edge);
    shows(&path, "SELECT count(*) FROM edges", "1");
    let (status, said) = settings(&path).fails_to_start();
    assert!(!status.success() && said.contains("is in use by another gateway"), "{said}");
    let (status, said) = settings(&path).check();
    assert!(status.success(), "whoever changes the configuration of a gateway that runs can have it checked: {said}");
    shows(&path, "SELECT count(*) FROM edges", "1");
}

/// A program of the recipe that goes on until it is dropped.
struct Going(Child);

impl Drop for Going {
    fn drop(&mut self) {
        // One that has ended is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `text` with `here` in the place of `there`, which it must name.
#[track_caller]
fn replaced(text: &str, there: &str, here: &str) -> String {
    assert!(text.contains(there), "{there} is not in it: {text}");
    text.replace(there, here)
}

#[test]
fn the_recipe_of_the_readme_works_as_it_stands() {
    let lines: Vec<String> = recipe("Records in SQLite").into_iter().map(|line| line.typed).collect();
    let [run, serve, ask] = &lines[..] else { panic!("it runs, connects an edge and asks: {lines:?}") };
    let file = run.split_once("--config ").expect("it names a configuration").1.trim_end_matches('"');
    let file = fs::read_to_string(root().join(file)).expect("which is there");
    let folder = folder();
    let path: PathBuf = folder.path().join("frontier.db");
    let file = replaced(&file, "0.0.0.0:30011", "127.0.0.1:0");
    let file = replaced(&file, "0.0.0.0:30012", "127.0.0.1:0");
    let file = replaced(&file, "path: frontier.db", &format!("path: {}", path.display()));
    let whole = format!("{file}observability: {{ addr: 127.0.0.1:0 }}\n");
    let gateway: Gateway = Settings { whole: Some(whole), ..Settings::default() }.start();

    let program = built("frontierctl", "frontier-ctl");
    let serve = replaced(serve, "bin/frontierctl", &format!("exec {}", program.display()));
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", &serve]).env("FRONTIER_EDGE_ADDR", gateway.edge.to_string());
    let edge = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _edge = Going(edge.expect("a shell runs"));
    eventually("the line of the README shows the edge", || {
        let output = Command::new("sh").args(["-c", ask]).current_dir(folder.path()).output().expect("a shell runs");
        String::from_utf8_lossy(&output.stdout).contains("|sensor 7|127.0.0.1:").then_some(())
    });
}
