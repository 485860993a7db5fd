//! A file as the target of a bridge.

use std::path::PathBuf;

use crate::section::section;

section! {
    /// A file, one JSON object a line.
    pub struct FileBridge {
        /// The file that lines are appended to; `-` is standard output, where log lines go too unless `log.output` says otherwise.
        path: PathBuf = PathBuf::from("-"),
        /// Whether a line is on the disk, and not just in the system's memory, before its publisher is told OK.
        fsync: bool = true,
    }
}
