//! Files that are accepted, and files that are refused with their message.
//!
//! `invalid/NAME.yaml` is refused with the one line in `invalid/NAME.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use frontier_config::{Config, Format, HashBy, Level, Limits, Output};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no files in {}", folder.display());
    files
}

fn load(name: &str) -> Config {
    Config::load(&folder(name)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_valid_file_loads() {
    for file in yaml_files(&folder("tests/valid")) {
        if let Err(error) = Config::load(&file) {
            panic!("{error}");
        }
    }
}

#[test]
fn every_invalid_file_is_refused_with_its_message() {
    let folder = folder("tests/invalid");
    for file in yaml_files(&folder) {
        let expected = fs::read_to_string(file.with_extension("txt"))
            .unwrap_or_else(|error| panic!("the message for {}: {error}", file.display()));
        let error = Config::load(&file).expect_err(&format!("{} is refused", file.display())).to_string();
        let prefix = format!("{}/", folder.display());
        assert_eq!(error.strip_prefix(&prefix), Some(expected.trim_end_matches('\n')), "{}", file.display());
    }
}

#[test]
fn every_key_reaches_its_field() {
    let config = load("tests/valid/every_key.yaml");

    let log = &config.log;
    assert_eq!(log.level, Level::Debug);
    assert_eq!(log.output, Output::Both);
    assert_eq!(log.format, Format::Json);
    assert_eq!(log.file.path, Path::new("/tmp/frontier.log"));
    let file = &log.file;
    assert_eq!((file.max_size, file.max_backups, file.max_age, file.compress), (7, 8, 9, true));
    assert_eq!(config.daemon.frontier_id, "gateway-1");
    assert_eq!(config.exchange.hash_by, HashBy::SrcIp);
    assert!(!config.observability.enable);
    assert_eq!(config.observability.addr.to_string(), "localhost:3");

    let listen = &config.servicebound.listen;
    assert_eq!(listen.addr.to_string(), "127.0.0.1:1");
    assert_eq!(listen.advertised_addr.as_deref(), Some("services.example.com:1"));
    let listen = &config.edgebound.listen;
    assert_eq!(listen.addr.to_string(), "[::1]:2");
    assert_eq!(listen.advertised_addr.as_deref(), Some("edges.example.com:2"));
    assert!(config.edgebound.allocate_edge_ids);
    assert!(config.edgebound.honour_wanted_id);
}

#[test]
fn every_limit_reaches_its_field() {
    let limits = load("tests/valid/every_key.yaml").servicebound.limits;
    assert_eq!(limits.max_message_bytes.get(), 1024);
    assert_eq!(limits.queue_bytes.get(), 67_108_864);
    assert_eq!(limits.unanswered_bytes.get(), 2048);
    assert_eq!(limits.stream_bytes.get(), 4096);
    assert_eq!(limits.unacked_messages.get(), 65_535);
    assert_eq!(limits.handshake, Duration::from_secs(600));
    assert_eq!(limits.stalled_write, Duration::from_secs(3600));
    assert_eq!(limits.settle, Duration::ZERO);
}

#[test]
fn empty_sections_are_as_if_absent() {
    let mut expected = Config::default();
    expected.edgebound.allocate_edge_ids = false;
    assert_eq!(load("tests/valid/empty_sections.yaml"), expected);
}

#[test]
fn zero_and_less_mean_the_default_of_log_files() {
    assert_eq!(load("tests/valid/go_reads_zero_as_unset.yaml").log, Config::default().log);
}

#[test]
fn merged_keys_yield_to_written_ones() {
    let config = load("tests/valid/aliases_and_merge_keys.yaml");
    assert_eq!(config.servicebound.listen.addr.to_string(), "127.0.0.1:1");
    assert_eq!(config.edgebound.listen.addr.to_string(), "127.0.0.1:2");
    assert_eq!(config.edgebound.limits.queue_bytes, config.servicebound.limits.queue_bytes);
}

#[test]
fn without_a_file_the_conventional_ports_and_local_edge_ids_are_used() {
    let config = Config::default();
    assert_eq!(config.servicebound.listen.addr.to_string(), "0.0.0.0:30011");
    assert_eq!(config.edgebound.listen.addr.to_string(), "0.0.0.0:30012");
    assert!(config.observability.enable);
    assert_eq!(config.observability.addr.to_string(), "0.0.0.0:9091");
    assert!(config.edgebound.allocate_edge_ids);
    assert!(!config.edgebound.honour_wanted_id);
    assert_eq!(config.exchange.hash_by, HashBy::EdgeId);
    assert_eq!(config.servicebound.limits, Limits::service());
    assert_eq!(config.edgebound.limits, Limits::edge());
}

#[test]
fn the_sample_file_says_what_the_embedded_defaults_are() {
    assert_eq!(load("../etc/frontier.yaml"), Config::default());
}
