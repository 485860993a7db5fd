//! A file as the target of a bridge.

use std::path::PathBuf;

use crate::section::section;

section! {
    /// A file, one JSON object a line.
    pub struct FileBridge {
        /// The file that lines are appended to; `-` is standard output.
        path: PathBuf = PathBuf::from("-"),
    }
}
