//! The shape of the file, whatever stands in it: what editors, templates and
//! shells make of a configuration, and what a path may lead to.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use frontier_config::{Config, ConfigError, Level, MAX_FILE_BYTES, Place};
use tempfile::TempDir;

const DEBUG: &str = "log:\n  level: debug\nedgebound:\n";

/// Writes `content` to a file of its own and loads it.
fn load(content: impl AsRef<[u8]>) -> Result<Config, ConfigError> {
    let folder = TempDir::new().expect("a folder can be made");
    let file = folder.path().join("x.yaml");
    fs::write(&file, content).expect("the file can be written");
    Config::load(&file)
}

fn loaded(content: &str) -> Config {
    load(content).unwrap_or_else(|error| panic!("{content:?}: {error}"))
}

fn refused(content: impl AsRef<[u8]>) -> ConfigError {
    load(content).expect_err("is refused")
}

fn line_and_column(place: &Place) -> (u64, u64) {
    (place.line, place.column)
}

#[test]
fn a_byte_order_mark_carriage_returns_and_a_document_start_are_no_content() {
    let crlf = DEBUG.replace('\n', "\r\n");
    for content in [
        DEBUG.to_owned(),
        format!("\u{feff}{DEBUG}"),
        format!("\u{feff}{crlf}"),
        crlf,
        format!("---\n{DEBUG}"),
        format!("\u{feff}---\n{DEBUG}"),
        format!("# a comment\n---\n{DEBUG}...\n"),
        DEBUG.trim_end().to_owned(),
    ] {
        assert_eq!(loaded(&content).log.level, Level::Debug, "{content:?}");
    }
}

#[test]
fn a_byte_order_mark_behind_the_document_start_is_named() {
    let error = refused(format!("---\n\u{feff}{DEBUG}"));
    let ConfigError::Invalid { place, reason, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(line_and_column(place), (2, 1));
    assert!(reason.contains("BOM"), "{error}");
}

#[test]
fn a_second_document_is_named_with_its_place() {
    for content in
        [format!("{DEBUG}---\n{DEBUG}"), format!("---\n{DEBUG}---\nmore"), format!("{DEBUG}...\n---\nmore: 1\n")]
    {
        let error = refused(&content);
        let ConfigError::SecondDocument { place } = &error else {
            panic!("{content:?}: {error:?}");
        };
        assert!(place.line > 3, "{error}");
    }
}

#[test]
fn a_file_without_content_is_refused() {
    for content in ["", "\n\n", "# a comment\n", "---\n", "\u{feff}", "null\n"] {
        let error = refused(content);
        assert!(matches!(error, ConfigError::Empty { .. }), "{content:?}: {error:?}");
    }
}

#[test]
fn an_empty_mapping_is_a_file_that_leaves_everything_out() {
    assert!(!loaded("{}").edgebound.allocate_edge_ids);
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_place() {
    for (content, expected) in [
        (&b"log:\n  level: d\xe9bug\n"[..], (2, 11)),
        (&b"\xff\xfel\0o\0g\0:\0"[..], (1, 1)),
        (&b"# \xc3\xa4\xc3\xa4\n# \xc3"[..], (2, 3)),
    ] {
        let error = refused(content);
        let ConfigError::NotText { place } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(line_and_column(place), expected);
    }
}

#[test]
fn what_expands_without_end_is_refused() {
    let mut bomb = String::from("log: &a0 {level: info}\n");
    for i in 0..9 {
        bomb.push_str(&format!("x{}: &a{} [{}]\n", i, i + 1, format!("*a{i},").repeat(9)));
    }
    for content in [
        bomb,
        format!("log: {}", "[".repeat(100_000)),
        format!("log: {}", "{a: ".repeat(100_000)),
        format!("log: [{}]", "a,".repeat(1_000_000)),
        format!("{}: 1", "x".repeat(2_000_000)),
    ] {
        let error = refused(&content).to_string();
        assert!(error.len() < 500 && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_message_is_one_line_whatever_the_file_holds() {
    for content in [
        "\"lo\\ng\": 1\n",
        "log:\n  level: \"a\\nb\"\n",
        "log:\n  level: |\n    a\n    b\n",
        "daemon: \"\\u001b[31mred\"\n",
        "\"\\u001b[31mred\": 1\n",
    ] {
        let error = refused(content).to_string();
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}

#[test]
fn the_file_may_not_be_larger_than_any_configuration() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x.yaml");
    let mut written = File::create(&file).unwrap();
    written.write_all(DEBUG.as_bytes()).unwrap();
    written.write_all(b"# ").unwrap();
    written.write_all(&vec![b'x'; 50 * 1024 * 1024]).unwrap();
    let error = Config::load(&file).expect_err("is refused");
    assert!(matches!(error, ConfigError::TooLarge { limit: MAX_FILE_BYTES, .. }), "{error:?}");

    written.set_len(MAX_FILE_BYTES).unwrap();
    assert_eq!(Config::load(&file).unwrap().log.level, Level::Debug);
}

#[test]
fn what_is_not_a_file_is_refused_without_waiting() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    for (path, expected) in
        [(folder.path(), "directory"), (&pipe, "pipe"), (&socket, "socket"), (Path::new("/dev/zero"), "device")]
    {
        let error = Config::load(path).expect_err("is refused");
        let ConfigError::NotAFile { kind, .. } = error else {
            panic!("{}: {error:?}", path.display());
        };
        assert_eq!(kind, expected);
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing.yaml");
    let dangling = folder.path().join("dangling.yaml");
    std::os::unix::fs::symlink(&missing, &dangling).unwrap();
    // Opens for everybody, root included, and cannot be read by anybody.
    let unreadable = PathBuf::from("/proc/self/mem");
    for path in [missing, dangling, unreadable] {
        let error = Config::load(&path).expect_err("is refused");
        assert!(matches!(error, ConfigError::Unreadable { .. }), "{error:?}");
        let start = format!("{}: cannot be read: ", path.display());
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}

#[test]
fn a_symbolic_link_to_a_file_is_followed() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("real.yaml");
    let link = folder.path().join("link.yaml");
    fs::write(&file, DEBUG).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert_eq!(Config::load(&link).unwrap().log.level, Level::Debug);
}
