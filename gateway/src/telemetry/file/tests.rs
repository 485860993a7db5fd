use std::io::Read;

use flate2::read::GzDecoder;
use tempfile::TempDir;

use super::*;

const LINE: &[u8] = &[b'x'; 300 * 1024];

/// A file of at most 1 MB, which three of the lines above fill.
fn options(folder: &TempDir) -> LogFile {
    let mut options = LogFile { max_size: 1, ..LogFile::default() };
    options.path = folder.path().join("logs/frontier.log");
    options
}

fn write(options: &LogFile, lines: usize) {
    let mut file = RotatingFile::open(options, Reopen::default()).expect("the file opens");
    for number in 0..lines {
        let mut line = LINE.to_vec();
        line[..3].copy_from_slice(format!("{number:03}").as_bytes());
        file.write_all(&line).expect("the line is written");
    }
}

/// Tidies until only as much is left as may be, as several rotations would.
fn tidied(options: &LogFile) -> Vec<PathBuf> {
    let archive = Archive::new(options);
    archive.tidy(SystemTime::now()).expect("the folder can be tidied");
    archive.old_files().expect("the folder can be listed")
}

#[test]
fn a_full_file_is_put_aside_and_no_line_is_cut_or_lost() {
    let folder = TempDir::new().unwrap();
    let options = options(&folder);
    write(&options, 8);
    let old = Archive::new(&options).old_files().unwrap();
    let mut all = Vec::new();
    for path in old.iter().rev().chain([&options.path]) {
        let bytes = fs::read(path).unwrap();
        assert!(bytes.len() <= 1024 * 1024 && bytes.len().is_multiple_of(LINE.len()), "{path:?}: {}", bytes.len());
        all.extend(bytes);
    }
    let numbers: Vec<&[u8]> = all.chunks(LINE.len()).map(|line| &line[..3]).collect();
    assert_eq!(numbers, [b"000", b"001", b"002", b"003", b"004", b"005", b"006", b"007"]);
    assert_eq!(old.len(), 2);
}

#[test]
fn old_files_are_named_as_the_go_gateway_names_them() {
    let folder = TempDir::new().unwrap();
    let archive = Archive::new(&options(&folder));
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_064_800_005);
    let path = archive.old_path(at);
    assert_eq!(path.file_name().unwrap(), "frontier-2025-11-25T10-00-00.005.log");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(archive.old_path(at).file_name().unwrap(), "frontier-2025-11-25T10-00-00.006.log", "the next one");
}

#[test]
fn as_many_old_files_are_kept_as_are_wanted() {
    let folder = TempDir::new().unwrap();
    let options = LogFile { max_backups: 2, ..options(&folder) };
    write(&options, 15);
    let left = tidied(&options);
    assert_eq!(left.len(), 2);
    assert_eq!(fs::read(&left[0]).unwrap()[..3], *b"009", "the youngest ones");
}

#[test]
fn files_that_are_too_old_are_removed() {
    let folder = TempDir::new().unwrap();
    let options = options(&folder);
    write(&options, 8);
    let archive = Archive::new(&options);
    let old = archive.old_files().unwrap();
    let long_ago = SystemTime::now() - DAY * 31;
    File::options().write(true).open(&old[1]).unwrap().set_modified(long_ago).unwrap();
    archive.tidy(SystemTime::now()).unwrap();
    assert_eq!(archive.old_files().unwrap(), old[..1]);
}

#[test]
fn old_files_are_compressed_and_other_files_left_alone() {
    let folder = TempDir::new().unwrap();
    let options = LogFile { compress: true, ..options(&folder) };
    write(&options, 4);
    let others = ["frontier-notes.log", "other-2026-11-25T10-00-00.000.log", "frontier-2026-11-25T10-00-00.log"];
    for other in others {
        fs::write(options.path.with_file_name(other), "mine").unwrap();
    }
    let left = tidied(&options);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].extension().unwrap(), COMPRESSED);
    let mut text = Vec::new();
    GzDecoder::new(File::open(&left[0]).unwrap()).read_to_end(&mut text).unwrap();
    assert_eq!(text.len(), 3 * LINE.len());
    for other in others {
        assert_eq!(fs::read(options.path.with_file_name(other)).unwrap(), b"mine");
    }
}

#[test]
fn a_file_that_was_moved_away_is_opened_anew_when_asked() {
    let folder = TempDir::new().unwrap();
    let options = options(&folder);
    let reopen = Reopen::default();
    let mut file = RotatingFile::open(&options, reopen.clone()).unwrap();
    file.write_all(b"one\n").unwrap();
    fs::rename(&options.path, folder.path().join("moved.log")).unwrap();
    file.write_all(b"two\n").unwrap();
    reopen.request();
    file.write_all(b"three\n").unwrap();
    assert_eq!(fs::read(folder.path().join("moved.log")).unwrap(), b"one\ntwo\n");
    assert_eq!(fs::read(&options.path).unwrap(), b"three\n");
}

#[test]
fn where_nothing_can_be_put_aside_lines_go_on() {
    let folder = TempDir::new().unwrap();
    let options = options(&folder);
    let mut file = RotatingFile::open(&options, Reopen::default()).unwrap();
    file.write_all(LINE).unwrap();
    // Nobody can put aside what is no longer there.
    fs::remove_file(&options.path).unwrap();
    for _ in 0..4 {
        file.write_all(LINE).unwrap();
    }
    assert_eq!(file.file.metadata().unwrap().len(), 5 * LINE.len() as u64);
}
