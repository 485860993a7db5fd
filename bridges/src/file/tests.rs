//! The file bridge on real files.

use std::fs;
use std::io::Seek as _;
use std::os::unix::fs::symlink;

use config::FileBridge as Config;
use futures_util::FutureExt as _;
use serde_json::Value;

use super::*;
use crate::testing::{message, record, record_as};
use crate::{Confirmations, Kind};

async fn open(path: &Path) -> Result<Arc<dyn Bridge>, PublishError> {
    connector(path, Client::Gateway("n")).connect().await
}

fn connector(path: &Path, client: Client<'_>) -> FileConnector {
    FileConnector::new(&Config { path: path.to_owned(), fsync: true }, client)
}

/// What `frontier check --connect` says of it.
async fn looked_at(path: &Path) -> Result<(), String> {
    let seen = connector(path, Client::Check).connect().await.map_err(|error| error.to_string())?;
    seen.check().await.map_err(|error| error.to_string())?;
    assert!(send(&*seen, &[record(7, b"x")]).await.is_err(), "nothing is written");
    seen.close().await;
    Ok(())
}

async fn send(bridge: &dyn Bridge, records: &[Arc<Record>]) -> Result<(), PublishError> {
    use futures_util::StreamExt;
    let outcomes = bridge.send(records).await.map(Confirmations::concat)?.await;
    assert_eq!(outcomes.len(), records.len());
    outcomes.into_iter().try_for_each(|(_, outcome)| outcome)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

#[tokio::test]
async fn each_record_is_a_line_that_says_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topics.jsonl");
    let bridge = open(&path).await.unwrap();
    let fixed = [("origin".to_owned(), "lab".to_owned())].into();
    let headers = config::Headers { fixed, ..config::Headers::default() };
    let config = config::Bridge { headers, ..config::Bridge::default() };
    let told = record_as(&config, message(u64::MAX, "a\"b\n", "grün\n".as_bytes()));
    send(&*bridge, &[Arc::clone(&told), record(7, b"\xff\x00")]).await.unwrap();
    let lines = lines(&path);
    assert_eq!(lines[0]["message_id"], told.message.id.to_string());
    assert_eq!(lines[0]["edge_id"], "18446744073709551615");
    assert_eq!((&lines[0]["topic"], &lines[0]["payload"]), (&Value::from("a\"b\n"), &Value::from("grün\n")));
    assert_eq!(lines[0]["headers"]["origin"], "lab");
    let time = lines[0]["time"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    assert_eq!((&lines[1]["payload"], &lines[1]["payload_base64"]), (&Value::Null, &Value::from("/wA=")));
}

#[tokio::test]
async fn what_is_there_stays_and_a_torn_line_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    fs::write(&path, "{\"old\":1}\n{\"torn\":").unwrap();
    send(&*open(&path).await.unwrap(), &[record(7, b"new")]).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines[1], lines.len()), ("{\"old\":1}", "{\"torn\":", 3));
    assert!(lines[2].contains("\"new\""));
}

#[tokio::test]
async fn a_file_that_is_moved_away_is_followed_by_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("f"), folder.path().join("f.1"));
    let bridge = open(&path).await.unwrap();
    send(&*bridge, &[record(7, b"one")]).await.unwrap();
    fs::rename(&path, &moved).unwrap();
    send(&*bridge, &[record(7, b"two")]).await.unwrap();
    assert_eq!((&lines(&moved)[0]["payload"], lines(&moved).len()), (&Value::from("one"), 1));
    assert_eq!((&lines(&path)[0]["payload"], lines(&path).len()), (&Value::from("two"), 1));
}

#[tokio::test]
async fn two_writers_do_not_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let first = open(&path).await.unwrap();
    let error = open(&path).await.unwrap_err();
    assert_eq!((error.to_string(), error.kind()), ("another writer has locked it".to_owned(), Kind::Lost));
    drop(first);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn who_only_looks_takes_no_lock_and_minds_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let seen = connector(&path, Client::Check).connect().await.unwrap();
    assert!(!path.exists(), "nothing is created");
    let writer = open(&path).await.unwrap();
    let beside = connector(&path, Client::Check).connect().await.unwrap();
    assert_eq!(looked_at(&path).await, Ok(()));
    drop(writer);
    // Both are held all the while, and are in nobody's way.
    open(&path).await.unwrap();
    drop((seen, beside));
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[tokio::test]
async fn who_only_looks_is_told_what_a_gateway_would_be() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "").unwrap();
    symlink(at("no/target"), at("stray")).unwrap();
    symlink(at("link"), at("chain")).unwrap();
    symlink("target", at("link")).unwrap();
    symlink(at("loop"), at("loop")).unwrap();
    for path in ["file", "new", "chain", "no/f", "file/f", "stray", "loop", "."].map(at) {
        let looked = looked_at(&path).await;
        assert!(!at("new").exists() && !at("target").exists(), "nothing is created");
        assert_eq!(looked, open(&path).await.map(drop).map_err(|error| error.to_string()), "{}", path.display());
        let _ = (fs::remove_file(at("new")), fs::remove_file(at("target")));
    }
    for path in ["-", "/dev/full"] {
        assert_eq!(looked_at(Path::new(path)).await, Ok(()), "{path}");
    }
}

#[tokio::test]
async fn who_only_looks_does_not_end_a_pipe_for_its_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&path).unwrap();
    assert_eq!(looked_at(&path).await, Ok(()));
    // The system knows of an end at once, the runtime when it has waited for anything.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(reader.readable().now_or_never().is_none(), "the reader waits for its first writer");
}

#[tokio::test]
async fn a_folder_that_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(&folder.path().join("no/f")).await.unwrap_err();
    assert!(error.to_string().contains("No such file or directory"), "{error}");
}

#[tokio::test]
async fn a_pipe_is_written_to_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    assert!(reader.stream_position().is_err(), "a pipe has no places");
    let bridge = open(&path).await.unwrap();
    send(&*bridge, &[record(7, b"x")]).await.unwrap();
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    let line: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(line["payload"], "x");
}

#[tokio::test]
async fn a_write_that_hangs_holds_one_thread_and_the_next_connection_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut reader = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let connector = connector(&path, Client::Gateway("n"));
    let bridge = connector.connect().await.unwrap();
    // More than a pipe holds.
    let large = [record(7, &[b'x'; 200_000])];
    let mut sending = bridge.send(&large);
    while connector.thread.0.available_permits() > 0 {
        assert!(futures_util::poll!(&mut sending).is_pending());
        tokio::task::yield_now().await;
    }
    drop(sending);
    assert!(connector.connect().now_or_never().is_none(), "waits");
    assert!(bridge.check().now_or_never().is_none(), "waits");
    let reading = std::thread::spawn(move || {
        let mut byte = [0];
        while byte != *b"\n" {
            reader.read_exact(&mut byte).unwrap();
        }
        reader
    });
    connector.connect().await.unwrap();
    reading.join().unwrap();
}

#[test]
fn a_full_disk_is_told_as_such() {
    let error = classify(io::Error::from_raw_os_error(28));
    assert_eq!((error.kind(), error.is_transient()), (Kind::Full, false));
    assert_eq!(classify(io::Error::from_raw_os_error(5)).kind(), Kind::Lost);
}

#[tokio::test]
async fn where_everything_fails_as_on_a_full_disk_the_error_says_so() {
    let error = send(&*open(Path::new("/dev/full")).await.unwrap(), &[record(7, b"x")]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Full, "{error}");
    assert!(error.to_string().contains("No space left on device"), "{error}");
}
