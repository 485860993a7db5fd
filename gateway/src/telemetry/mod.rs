//! Where log lines go, and how they look.
//!
//! Lines are handed to a thread that writes them: a disk that is slow, or a pipe that nobody reads, costs log lines, never a
//! link its turn.

mod file;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use config::{Format, Level, Log, Output};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use self::file::{Reopen, RotatingFile};

/// Lines that wait for a slow disk or pipe; further ones are lost and counted.
const WAITING_LINES: usize = 2 * 1024;

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    /// The log file or its folder cannot be made or written.
    #[error("log file {}: cannot be written: {cause}", file.display())]
    File {
        /// The log file.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Logging was started before.
    #[error(transparent)]
    Started(#[from] SetGlobalDefaultError),
}

/// Those who write the log lines. Dropping them writes what still waits, so they are to outlive all that logs.
pub(crate) struct Writers {
    _guards: Vec<WorkerGuard>,
}

/// Sends the log lines of the whole process where `log` says.
///
/// # Errors
/// When the log file cannot be written, or at the second call.
pub(crate) fn start(log: &Log) -> Result<(Telemetry, Writers), TelemetryError> {
    let (subscriber, telemetry, writers) = subscriber(log)?;
    tracing::subscriber::set_global_default(subscriber)?;
    Ok((telemetry, writers))
}

/// What can be changed and asked of the logging while it runs.
pub(crate) struct Telemetry {
    level: reload::Handle<LevelFilter, Registry>,
    reopen: Reopen,
    lost: Vec<ErrorCounter>,
}

impl Telemetry {
    /// From now on logs what is at least so severe.
    pub(crate) fn set_level(&self, level: Level) {
        // Fails only once the subscriber is gone, which lives as long as the process.
        let _ = self.level.reload(least(level));
    }

    /// Opens the log file anew, for when something else has moved it away.
    pub(crate) fn reopen(&self) {
        self.reopen.request();
    }

    /// Lines that found no room, of all outputs, since the start.
    pub(crate) fn lost_lines(&self) -> u64 {
        self.lost.iter().map(|counter| counter.dropped_lines() as u64).sum()
    }
}

fn subscriber(log: &Log) -> Result<(impl Subscriber + use<>, Telemetry, Writers), TelemetryError> {
    let reopen = Reopen::default();
    let mut outputs = Outputs { format: log.format, layers: Vec::new(), lost: Vec::new(), writers: Vec::new() };
    match log.output {
        Output::Stdout | Output::Both => outputs.add(io::stdout(), colours(&io::stdout())),
        Output::Stderr => outputs.add(io::stderr(), colours(&io::stderr())),
        Output::File => {}
    }
    if let Output::File | Output::Both = log.output {
        let file = RotatingFile::open(&log.file, reopen.clone());
        let file = file.map_err(|cause| TelemetryError::File { file: log.file.path.clone(), cause })?;
        outputs.add(file, false);
    }
    let (filter, level) = reload::Layer::new(least(log.level));
    let Outputs { layers, lost, writers, .. } = outputs;
    let subscriber = Registry::default().with(filter).with(layers);
    Ok((subscriber, Telemetry { level, reopen, lost }, Writers { _guards: writers }))
}

type Filtered = tracing_subscriber::layer::Layered<reload::Layer<LevelFilter, Registry>, Registry>;

struct Outputs {
    format: Format,
    layers: Vec<Box<dyn Layer<Filtered> + Send + Sync>>,
    lost: Vec<ErrorCounter>,
    writers: Vec<WorkerGuard>,
}

impl Outputs {
    fn add(&mut self, output: impl Write + Send + 'static, colours: bool) {
        let builder = NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).lossy(true);
        let (writer, guard) = builder.thread_name("log").finish(output);
        self.lost.push(writer.error_counter());
        self.writers.push(guard);
        self.layers.push(layer(self.format, writer, colours));
    }
}

fn layer<W>(format: Format, writer: W, colours: bool) -> Box<dyn Layer<Filtered> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // A line that cannot be written is lost: to complain on a standard error that is gone as well would panic.
    let layer = fmt::layer().with_writer(writer).with_ansi(colours).log_internal_errors(false);
    let worth_it = filter_fn(|line| !UNHEARD.iter().any(|of| line.target().starts_with(of)));
    match format {
        Format::Text => layer.with_filter(worth_it).boxed(),
        Format::Json => layer.json().flatten_event(true).with_filter(worth_it).boxed(),
    }
}

/// Libraries whose lines are not written: what is worth knowing of them their users say, and once. lapin would write every
/// message out that no queue takes; async-nats complains of every try to connect, and has a line for every confirmed batch.
const UNHEARD: &[&str] = &["lapin", "async_nats"];

fn colours(output: &impl IsTerminal) -> bool {
    output.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn least(level: Level) -> LevelFilter {
    match level {
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warn => LevelFilter::WARN,
        Level::Error => LevelFilter::ERROR,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;
    use tracing::{debug, info, warn};

    use super::*;

    fn to_file(folder: &TempDir, format: Format) -> Log {
        let mut log = Log { output: Output::File, format, ..Log::default() };
        log.file.path = folder.path().join("deep/er/frontier.log");
        log
    }

    /// What is written to the file while `work` runs.
    fn written(log: &Log, work: impl FnOnce(&Telemetry)) -> String {
        let (subscriber, telemetry, writers) = subscriber(log).expect("logging starts");
        tracing::subscriber::with_default(subscriber, || work(&telemetry));
        drop(writers);
        fs::read_to_string(&log.file.path).expect("there is a log file")
    }

    #[test]
    fn a_text_line_holds_the_message_as_it_stands() {
        let folder = TempDir::new().unwrap();
        let text = written(&to_file(&folder, Format::Text), |_| {
            info!("edgebound server listening on: {}", "127.0.0.1:30012");
        });
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains(" INFO "), "{text}");
        assert!(text.ends_with(": edgebound server listening on: 127.0.0.1:30012\n"), "{text}");
    }

    #[test]
    fn a_json_line_is_one_object_with_message_level_and_fields() {
        let folder = TempDir::new().unwrap();
        let text = written(&to_file(&folder, Format::Json), |_| {
            warn!(edge = 7, reason = "say \"no\"\n", "link lost");
            info!("frontier ends");
        });
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "link lost");
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["edge"], 7);
        assert_eq!(lines[0]["reason"], "say \"no\"\n");
        assert!(lines[0]["timestamp"].is_string());
        assert_eq!(lines[1]["message"], "frontier ends");
    }

    #[test]
    fn less_severe_lines_are_left_out() {
        let folder = TempDir::new().unwrap();
        let mut log = to_file(&folder, Format::Text);
        log.level = Level::Warn;
        let text = written(&log, |_| {
            debug!("one");
            info!("two");
            warn!("three");
        });
        assert!(text.ends_with("three\n") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn libraries_that_are_not_heard_are_left_out() {
        let folder = TempDir::new().unwrap();
        let text = written(&to_file(&folder, Format::Text), |_| {
            warn!(target: "lapin::returned_messages", "a whole message");
            warn!("ours");
        });
        assert!(text.ends_with("ours\n") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn an_existing_file_is_continued() {
        let folder = TempDir::new().unwrap();
        let log = to_file(&folder, Format::Text);
        written(&log, |_| info!("first run"));
        let text = written(&log, |_| info!("second run"));
        assert!(text.contains("first run") && text.contains("second run"), "{text}");
    }

    #[test]
    fn the_level_can_be_changed_while_running() {
        let folder = TempDir::new().unwrap();
        let text = written(&to_file(&folder, Format::Text), |telemetry| {
            debug!("one");
            telemetry.set_level(Level::Debug);
            debug!("two");
            telemetry.set_level(Level::Error);
            warn!("three");
        });
        assert!(text.ends_with("two\n") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("taken"), "").unwrap();
        for path in ["", "taken/frontier.log"] {
            let mut log = to_file(&folder, Format::Text);
            log.file.path = folder.path().join(path);
            let error = subscriber(&log).err().expect("neither a folder nor what is below a file can be written");
            assert!(matches!(&error, TelemetryError::File { file, .. } if *file == log.file.path), "{error}");
        }
    }

    #[test]
    fn an_output_that_takes_nothing_costs_lines_and_no_time() {
        let (reader, writer) = io::pipe().unwrap();
        let mut outputs = Outputs { format: Format::Text, layers: Vec::new(), lost: Vec::new(), writers: Vec::new() };
        outputs.add(writer, false);
        let subscriber = Registry::default().with(reload::Layer::new(LevelFilter::INFO).0).with(outputs.layers);
        let lost = || outputs.lost[0].dropped_lines();
        tracing::subscriber::with_default(subscriber, || {
            while lost() == 0 {
                info!("{}", "x".repeat(1024));
            }
        });
        drop(reader);
    }
}
