//! The recordings as files: `proto/tests/vectors/README.md` describes the format.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::pattern::{expand, expand_base64, hex};
use crate::raw::{Frame, kind, time};

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From a client.
    ToGateway,
    /// From the gateway.
    ToClient,
}

impl Way {
    /// The opposite way.
    #[must_use]
    pub fn back(self) -> Self {
        match self {
            Self::ToGateway => Self::ToClient,
            Self::ToClient => Self::ToGateway,
        }
    }
}

/// What a line tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A whole frame.
    Frame(Frame),
    /// Bytes that are no frame a gateway could take.
    Garbage(Vec<u8>),
    /// The client dialled.
    Open,
    /// The client closed its sending side.
    Finish,
    /// The client reset the connection.
    Reset,
    /// The client's socket was closed under it.
    Cut,
    /// The gateway ended the connection.
    End,
    /// What the recording program did.
    Note(String),
}

/// One line of a recording.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Since the first byte.
    pub at: Duration,
    /// The client's connection; `-` for a note.
    pub link: String,
    /// Who caused it.
    pub way: Way,
    /// What happened.
    pub entry: Entry,
}

/// One recorded conversation.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Folder and name: `go-client-new/01-edge-alone`.
    pub case: String,
    /// What happens in it.
    pub what: String,
    /// The wall clock at the first byte, where the frames tell it.
    pub began: Option<SystemTime>,
    /// A line of the gateway's section `edgebound`.
    pub config: Option<String>,
    /// In order of time.
    pub lines: Vec<Line>,
}

/// The names of the folders of recordings.
fn folders() -> [&'static str; 3] {
    ["go-client-new", "go-client-old", "gen-a"]
}

impl Recording {
    /// All recordings of a folder, by name.
    #[track_caller]
    fn all_of(folder: &str) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this member lies in the workspace");
        let folder = root.join("proto/tests/vectors").join(folder);
        let listing = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut files: Vec<PathBuf> = listing.map(|entry| entry.expect("a folder can be listed").path()).collect();
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }

    /// All recordings of all folders.
    ///
    /// # Panics
    /// When one cannot be read.
    #[must_use]
    #[track_caller]
    pub fn all() -> Vec<Self> {
        folders().iter().flat_map(|folder| Self::all_of(folder)).collect()
    }

    #[track_caller]
    fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let folder = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let case = format!("{folder}/{}", file.file_stem().unwrap_or_default().to_string_lossy());
        Self::parse(case, &text)
    }

    /// The recording that `text` is.
    #[track_caller]
    pub(super) fn parse(case: String, text: &str) -> Self {
        let mut recording = Self { case, what: String::new(), began: None, config: None, lines: Vec::new() };
        for (at, line) in text.lines().enumerate() {
            match line.strip_prefix("# ") {
                Some(head) => recording.head(head),
                None => {
                    let line = Line::parse(at + 1, line);
                    let line = line.unwrap_or_else(|| panic!("{} line {}", recording.case, at + 1));
                    recording.lines.push(line);
                }
            }
        }
        recording
    }

    fn head(&mut self, text: &str) {
        if let Some(began) = text.strip_prefix("began ") {
            self.began = time::parse(began);
        } else if let Some(config) = text.strip_prefix("config ") {
            self.config = Some(config.to_owned());
        } else {
            text.clone_into(&mut self.what);
        }
    }
}

impl Line {
    fn parse(number: usize, text: &str) -> Option<Self> {
        let (millis, text) = text.split_once(' ')?;
        let (link, text) = text.split_once(' ')?;
        let (way, text) = text.split_once(' ')?;
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let entry = match kind {
            "note" => Entry::Note(rest.to_owned()),
            "garbage" => Entry::Garbage(hex(rest)),
            "open" => Entry::Open,
            "fin" => Entry::Finish,
            "rst" => Entry::Reset,
            "cut" => Entry::Cut,
            "end" => Entry::End,
            _ => Entry::Frame(frame(code(kind)?, rest)?),
        };
        let way = if way == "g2c" { Way::ToClient } else { Way::ToGateway };
        let at = Duration::from_secs_f64(millis.parse::<f64>().ok()? / 1000.0);
        Some(Self { number, at, link: link.to_owned(), way, entry })
    }
}

/// The frame of `id fixed rest`.
fn frame(kind: u8, text: &str) -> Option<Frame> {
    let mut parts = text.splitn(3, ' ');
    let id = u64::from_str_radix(parts.next()?, 16).ok()?;
    let mut body = match parts.next() {
        Some("-") | None => Vec::new(),
        Some(fixed) => hex(fixed),
    };
    let rest = parts.next().unwrap_or_default();
    match kind {
        kind::STREAM if rest.starts_with('<') => body.extend(expand(rest)),
        kind::STREAM => body.extend(hex(rest)),
        _ => body.extend(expand_base64(rest).into_bytes()),
    }
    Some(Frame { kind, id, body })
}

fn code(name: &str) -> Option<u8> {
    kind::NAMES.iter().find(|(_, known)| *known == name).map(|(code, _)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_conversation_is_read_and_lies_in_order() {
        let counts = folders().map(|folder| Recording::all_of(folder).len());
        assert_eq!(counts, [16, 16, 55]);
        for recording in Recording::all() {
            assert!(!recording.what.is_empty(), "{}", recording.case);
            assert!(recording.lines.is_sorted_by_key(|line| line.at), "{}", recording.case);
        }
    }
}
