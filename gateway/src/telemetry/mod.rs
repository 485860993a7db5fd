//! Where log lines go, and how they look.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{Format, Level, Log, Output};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    /// The folder of the log file is not there and cannot be made.
    #[error("log file {}: its folder cannot be made: {cause}", file.display())]
    Folder {
        /// The log file.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The log file cannot be opened for appending.
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

/// Sends the log lines of the whole process where `log` says.
///
/// # Errors
///
/// When the log file cannot be written, or at the second call.
pub(crate) fn init(log: &Log) -> Result<(), TelemetryError> {
    tracing::subscriber::set_global_default(subscriber(log)?)?;
    Ok(())
}

fn subscriber(log: &Log) -> Result<impl Subscriber + use<>, TelemetryError> {
    let mut layers = Vec::new();
    match log.output {
        Output::Stdout | Output::Both => layers.push(layer(log.format, io::stdout, colours(&io::stdout()))),
        Output::Stderr => layers.push(layer(log.format, io::stderr, colours(&io::stderr()))),
        Output::File => {}
    }
    if let Output::File | Output::Both = log.output {
        layers.push(layer(log.format, Arc::new(open(&log.file.path)?), false));
    }
    Ok(Registry::default().with(layers).with(least(log.level)))
}

fn layer<W>(format: Format, writer: W, colours: bool) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // A line that cannot be written is lost: to complain on a standard error that is gone as well would panic.
    let layer = fmt::layer().with_writer(writer).with_ansi(colours).log_internal_errors(false);
    match format {
        Format::Text => layer.boxed(),
        Format::Json => layer.json().flatten_event(true).boxed(),
    }
}

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

/// Opens the log file for appending, making its folder where there is none.
fn open(file: &Path) -> Result<File, TelemetryError> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|cause| TelemetryError::Folder { file: file.to_owned(), cause })?;
    }
    let opened = OpenOptions::new().append(true).create(true).open(file);
    opened.map_err(|cause| TelemetryError::File { file: file.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tracing::{debug, info, warn};

    use super::*;

    fn to_file(folder: &TempDir, format: Format) -> Log {
        let mut log = Log { output: Output::File, format, ..Log::default() };
        log.file.path = folder.path().join("deep/er/frontier.log");
        log
    }

    /// What is written to the file while `work` runs.
    fn written(log: &Log, work: impl FnOnce()) -> String {
        tracing::subscriber::with_default(subscriber(log).expect("logging starts"), work);
        fs::read_to_string(&log.file.path).expect("there is a log file")
    }

    #[test]
    fn a_text_line_holds_the_message_as_it_stands() {
        let folder = TempDir::new().unwrap();
        let text = written(&to_file(&folder, Format::Text), || {
            info!("edgebound server listening on: {}", "127.0.0.1:30012");
        });
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains(" INFO "), "{text}");
        assert!(text.ends_with(": edgebound server listening on: 127.0.0.1:30012\n"), "{text}");
    }

    #[test]
    fn a_json_line_is_one_object_with_message_level_and_fields() {
        let folder = TempDir::new().unwrap();
        let text = written(&to_file(&folder, Format::Json), || {
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
        let text = written(&log, || {
            debug!("one");
            info!("two");
            warn!("three");
        });
        assert!(text.ends_with("three\n") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn an_existing_file_is_continued() {
        let folder = TempDir::new().unwrap();
        let log = to_file(&folder, Format::Text);
        written(&log, || info!("first run"));
        let text = written(&log, || info!("second run"));
        assert!(text.contains("first run") && text.contains("second run"), "{text}");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let folder = TempDir::new().unwrap();
        let mut log = to_file(&folder, Format::Text);
        log.file.path = folder.path().to_owned();
        let error = subscriber(&log).err().expect("a folder is no log file");
        assert!(matches!(&error, TelemetryError::File { file, .. } if *file == log.file.path), "{error}");

        fs::write(folder.path().join("taken"), "").unwrap();
        log.file.path = folder.path().join("taken/frontier.log");
        let error = subscriber(&log).err().expect("a file is no folder");
        assert!(matches!(&error, TelemetryError::Folder { file, .. } if *file == log.file.path), "{error}");
    }
}
