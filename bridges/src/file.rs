//! A file, one JSON object a line.
//!
//! A publisher is told OK once its line is in the file and, unless `fsync` is off, on the disk: one `fdatasync` covers a
//! batch. A batch is appended in one write. If that ends halfway, as on a full disk, the file is cut back to the last
//! whole line, so the lines of a batch are there together or not at all; a line that a crash has left unfinished is ended before
//! anything is added, and nobody was told OK for it.
//!
//! The file is locked while it is open: two writers would cut each other's lines. If somebody moves it away, the next batch
//! begins a new one. What is no regular file, as standard output or a pipe, is written to without any of that.
//!
//! A write can hang, on a pipe that nobody reads or a disk that is gone, and nothing can end it. It holds the bridge's one
//! permit for a thread; whatever comes behind it waits for that without a thread of its own.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::{Bridge, Client, Confirmations, Connector, PublishError, Record, Terms};

/// The path that means standard output.
const STDOUT: &str = "-";

/// A configured file.
#[derive(Debug)]
pub(crate) struct FileConnector {
    path: PathBuf,
    fsync: bool,
    /// Nothing will be written: it is only looked at.
    is_check: bool,
    thread: Thread,
}

impl FileConnector {
    /// The file of `client`.
    pub(crate) fn new(config: &config::FileBridge, client: Client<'_>) -> Self {
        let thread = Thread(Arc::new(Semaphore::new(1)));
        Self { path: config.path.clone(), fsync: config.fsync, is_check: client == Client::Check, thread }
    }
}

/// The right to one thread, shared by all connections of a bridge.
#[derive(Debug, Clone)]
struct Thread(Arc<Semaphore>);

impl Thread {
    /// Does what blocks, once nothing before it still does. Dropped while it waits, nothing was done; dropped later, it is done all
    /// the same.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PublishError> {
        let permit = Arc::clone(&self.0).acquire_owned().await.expect("the semaphore is never closed");
        let done = spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.map_err(|error| PublishError::lost(format_args!("writing ended early: {error}")))
    }
}

#[async_trait]
impl Connector for FileConnector {
    fn target(&self) -> String {
        match self.path.to_str() {
            Some(STDOUT) => "file, standard output".to_owned(),
            _ => format!("file {}", self.path.display()),
        }
    }

    async fn connect(&self) -> Result<Arc<dyn Bridge>, PublishError> {
        let (path, fsync, is_check) = (self.path.clone(), self.fsync, self.is_check);
        let open = move || if is_check { Sink::look(&path) } else { Sink::open(&path, fsync) };
        let opened = self.thread.run(open).await?;
        let sink = Arc::new(Mutex::new(opened.map_err(PublishError::lost)?));
        Ok(Arc::new(FileBridge { sink, thread: self.thread.clone() }))
    }
}

/// An open file.
#[derive(Debug)]
struct FileBridge {
    sink: Arc<Mutex<Sink>>,
    thread: Thread,
}

impl FileBridge {
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Sink) -> io::Result<T> + Send + 'static,
    ) -> Result<T, PublishError> {
        let sink = Arc::clone(&self.sink);
        let done = self.thread.run(move || work(&mut sink.lock().unwrap_or_else(PoisonError::into_inner)));
        done.await?.map_err(classify)
    }
}

#[async_trait]
impl Bridge for FileBridge {
    fn terms(&self) -> Terms {
        // A disk that is slow to sync is no reason to open the file anew.
        Terms { stall: Duration::from_secs(30), ..Terms::default() }
    }

    async fn send(&self, records: &[Arc<Record>]) -> Result<Confirmations, PublishError> {
        let records = records.to_vec();
        let write = move |sink: &mut Sink| {
            let claimed: Vec<_> = records.iter().map(|record| record.claim()).collect();
            let mut lines = Vec::new();
            for (record, _) in records.iter().zip(&claimed).filter(|(_, claimed)| claimed.is_ok()) {
                lines.extend_from_slice(record.envelope().as_bytes());
                lines.push(b'\n');
            }
            sink.append(&lines).map(|()| claimed)
        };
        Ok(Confirmations::done(self.with(write).await?))
    }

    async fn check(&self) -> Result<(), PublishError> {
        self.with(Sink::follow).await
    }

    async fn close(&self) {
        // Whatever was confirmed is in the file; without `fsync` this is the moment for it. There is nobody left to tell.
        let _ = self.with(Sink::sync).await;
    }
}

/// What an error of the file means for what was to be written.
fn classify(error: io::Error) -> PublishError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => PublishError::full(error),
        _ => PublishError::lost(error),
    }
}

/// Where lines go.
enum Sink {
    Stdout(io::Stdout),
    /// A pipe, a terminal, a device.
    Raw(File),
    Regular(Regular),
    /// Nowhere: it was seen that they could go there.
    Seen,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sink::Stdout(_) => f.write_str("Stdout"),
            Sink::Raw(_) => f.write_str("Raw"),
            Sink::Regular(regular) => regular.path.fmt(f),
            Sink::Seen => f.write_str("Seen"),
        }
    }
}

/// A regular file that this process alone writes to.
struct Regular {
    path: PathBuf,
    file: File,
    fsync: bool,
    /// A write has ended halfway and could not be undone: a line end comes before the next line.
    torn: bool,
}

impl Sink {
    fn open(path: &Path, fsync: bool) -> io::Result<Self> {
        if path == Path::new(STDOUT) {
            return Ok(Sink::Stdout(io::stdout()));
        }
        if path.metadata().is_ok_and(|found| is_raw(&found)) {
            // Opened for reading too, a pipe does not wait for somebody at its other end.
            return OpenOptions::new().read(true).write(true).open(path).map(Sink::Raw);
        }
        Regular::open(path, fsync).map(Sink::Regular)
    }

    /// Whether [`Sink::open`] would succeed, a lock of somebody else's aside: that is most likely the gateway's whose configuration is
    /// checked. Nothing is created, locked or ended by it, so a gateway that starts in this moment does not notice.
    fn look(path: &Path) -> io::Result<Self> {
        if path == Path::new(STDOUT) {
            return Ok(Sink::Seen);
        }
        match path.metadata() {
            // Whoever reads a pipe would take it for the end when this is closed again.
            Ok(found) if is_raw(&found) => allows(path, Access::READ_OK | Access::WRITE_OK)?,
            Ok(_) => drop(OpenOptions::new().read(true).append(true).open(path)?),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                allows(&folder_of_new(path), Access::WRITE_OK | Access::EXEC_OK)?;
            }
            Err(error) => return Err(error),
        }
        Ok(Sink::Seen)
    }

    /// Adds `lines`; to a regular file all of them or none.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Sink::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(lines)?;
                stdout.flush()
            }
            Sink::Raw(file) => file.write_all(lines),
            Sink::Regular(regular) => {
                regular.follow()?;
                regular.append(lines)
            }
            Sink::Seen => Err(io::Error::other("it is not open")),
        }
    }

    /// If the file was moved away, opens another one in its place.
    fn follow(&mut self) -> io::Result<()> {
        match self {
            Sink::Stdout(_) | Sink::Raw(_) | Sink::Seen => Ok(()),
            Sink::Regular(regular) => regular.follow(),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self {
            Sink::Stdout(_) | Sink::Raw(_) | Sink::Seen => Ok(()),
            Sink::Regular(regular) => regular.file.sync_data(),
        }
    }
}

/// Whether it is written to as it is.
fn is_raw(found: &Metadata) -> bool {
    let kind = found.file_type();
    kind.is_fifo() || kind.is_char_device()
}

/// Whether this process may do that there.
fn allows(path: &Path, what: Access) -> io::Result<()> {
    Ok(accessat(CWD, path, what, AtFlags::EACCESS)?)
}

/// Where a file would be created whose path leads to none: links may lead elsewhere first.
fn folder_of_new(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    loop {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        match fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => return folder,
        }
    }
}

impl Regular {
    fn open(path: &Path, fsync: bool) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another writer has locked it")),
            // Some file systems have no locks.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let torn = !ends_in_a_line(&mut file)?;
        if fsync && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // So that a new file outlives a power cut with its name. A folder that cannot be opened for that still has the file.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(Self { path: path.to_owned(), file, fsync, torn })
    }

    fn follow(&mut self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        let there = self.path.metadata().is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()));
        if !there {
            *self = Self::open(&self.path, self.fsync)?;
        }
        Ok(())
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        let written = self.write(lines);
        if written.is_err() {
            // What was not told OK must not be there by halves.
            self.torn = self.file.set_len(before).is_err() || self.torn;
        } else {
            self.torn = false;
        }
        written
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        self.file.write_all(lines)?;
        if self.fsync { self.file.sync_data() } else { Ok(()) }
    }
}

/// Whether the file is empty or its last line is whole.
fn ends_in_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests;
