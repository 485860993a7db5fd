//! The log file: begun anew when it is full, with some of the old ones kept beside it.
//!
//! Old files are named as the Go gateway names them, so that whatever collects logs goes on working:
//! `frontier.log` becomes `frontier-2026-11-25T10-00-00.000.log`, and with compression that and `.gz`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use config::LogFile;
use flate2::Compression;
use flate2::write::GzEncoder;
use proto::body::Timestamp;

const MB: u64 = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const COMPRESSED: &str = "gz";

/// Asks a [`RotatingFile`] to open its path anew at the next line, for when something else has moved the file away.
#[derive(Debug, Clone, Default)]
pub(super) struct Reopen(Arc<AtomicBool>);

impl Reopen {
    pub(super) fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// Appends to a file of limited size. One write is one line: it is never cut in two.
#[derive(Debug)]
pub(super) struct RotatingFile {
    file: File,
    written: u64,
    max_bytes: u64,
    reopen: Reopen,
    archive: Archive,
    /// Compresses and removes old files, one at a time.
    housekeeping: Option<JoinHandle<()>>,
}

impl RotatingFile {
    /// Opens the file for appending, making its folder where there is none.
    ///
    /// # Errors
    /// The folder cannot be made or the file not be written.
    pub(super) fn open(options: &LogFile, reopen: Reopen) -> io::Result<Self> {
        if let Some(folder) = options.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append_to(&options.path)?;
        Ok(Self {
            written: file.metadata()?.len(),
            file,
            max_bytes: u64::from(options.max_size) * MB,
            reopen,
            archive: Archive::new(options),
            housekeeping: None,
        })
    }

    /// Puts the full file aside and begins a new one. Where that cannot be done, the full one goes on growing.
    fn rotate(&mut self) -> io::Result<()> {
        // If this fails, the next try is a whole file away.
        self.written = 0;
        fs::rename(&self.archive.path, self.archive.old_path(SystemTime::now()))?;
        self.file = append_to(&self.archive.path)?;
        if self.housekeeping.as_ref().is_none_or(JoinHandle::is_finished) {
            let archive = self.archive.clone();
            let worker = thread::Builder::new().name("log-housekeeping".to_owned());
            // What cannot be tidied now is found again at the next rotation.
            self.housekeeping = worker.spawn(move || drop(archive.tidy(SystemTime::now()))).ok();
        }
        Ok(())
    }

    fn prepare(&mut self, line: usize) -> io::Result<()> {
        if self.reopen.take() {
            self.file = append_to(&self.archive.path)?;
            self.written = self.file.metadata()?.len();
        }
        if self.written > 0 && self.written + line as u64 > self.max_bytes {
            self.rotate()?;
        }
        Ok(())
    }
}

impl Write for RotatingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.prepare(line.len()) {
            // A line in the wrong file is better than one in none. Standard error may be gone as well.
            let path = self.archive.path.display();
            let _ = writeln!(
                io::stderr(),
                "frontier: log file {path}: cannot begin a new one, goes on in the old: {error}"
            );
        }
        self.file.write_all(line)?;
        self.written += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for RotatingFile {
    fn drop(&mut self) {
        if let Some(housekeeping) = self.housekeeping.take() {
            let _ = housekeeping.join();
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// The old files beside a log file.
#[derive(Debug, Clone)]
struct Archive {
    path: PathBuf,
    max_backups: usize,
    max_age: Duration,
    compress: bool,
}

impl Archive {
    fn new(options: &LogFile) -> Self {
        Self {
            path: options.path.clone(),
            max_backups: options.max_backups as usize,
            max_age: DAY * options.max_age,
            compress: options.compress,
        }
    }

    /// Name and extension of the log file, with the dot: `frontier` and `.log`.
    fn name(&self) -> (String, String) {
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let extension = self.path.extension().map_or_else(String::new, |ext| format!(".{}", ext.to_string_lossy()));
        (name, extension)
    }

    /// A name that is not taken, in the order of time.
    fn old_path(&self, now: SystemTime) -> PathBuf {
        let (name, extension) = self.name();
        let mut at = Timestamp::from(now);
        loop {
            let mut seconds = Timestamp::from_unix(at.unix_seconds(), 0).to_string().replace(':', "-");
            seconds.truncate("2026-11-25T10-00-00".len());
            let milliseconds = at.nanos() / 1_000_000;
            let path = self.path.with_file_name(format!("{name}-{seconds}.{milliseconds:03}{extension}"));
            if !path.exists() && !compressed(&path).exists() {
                return path;
            }
            at = at.checked_add(Duration::from_millis(1)).expect("times are far from the end of the calendar");
        }
    }

    /// Compresses old files, and removes those that are too many or too old.
    fn tidy(&self, now: SystemTime) -> io::Result<()> {
        for (index, old) in self.old_files()?.into_iter().enumerate() {
            let age = fs::metadata(&old).and_then(|old| old.modified()).ok().and_then(|at| now.duration_since(at).ok());
            if index >= self.max_backups || age.is_some_and(|age| age > self.max_age) {
                fs::remove_file(&old)?;
            } else if self.compress && old.extension().is_none_or(|extension| extension != COMPRESSED) {
                compress(&old)?;
            }
        }
        Ok(())
    }

    /// Old files, the youngest first.
    fn old_files(&self) -> io::Result<Vec<PathBuf>> {
        let (name, extension) = self.name();
        let prefix = format!("{name}-");
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut old: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        old.retain(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let plain = file.strip_suffix(&format!(".{COMPRESSED}")).unwrap_or(&file);
            let time = plain.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(&*extension));
            time.is_some_and(is_time)
        });
        old.sort_unstable_by(|one, other| other.cmp(one));
        Ok(old)
    }
}

/// Whether this is what stands in the names of old files.
fn is_time(text: &str) -> bool {
    let shape = "0000-00-00T00-00-00.000";
    text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, like)| if like == b'0' { byte.is_ascii_digit() } else { byte == like })
}

fn compressed(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(COMPRESSED);
    name.into()
}

/// A half-written result of an earlier try is written anew: the original goes only when the result is whole.
fn compress(path: &Path) -> io::Result<()> {
    let mut encoder = GzEncoder::new(File::create(compressed(path))?, Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::remove_file(path)
}

#[cfg(test)]
mod tests;
