//! Reading and writing JSON text by the rules of Go's `encoding/json`.

mod cursor;
mod fields;
mod names;
mod skip;
mod text;
mod write;

pub(super) use cursor::{Cursor, RawString};
pub(super) use write::{Members, string_len, write_base64, write_string};

/// How deep objects and arrays may nest, the outermost one counted (Go's limit).
pub(super) const MAX_DEPTH: usize = 10_000;
