//! Why a body is refused.

use super::json::MAX_DEPTH;

/// Why a JSON body is refused. Go's decoder refuses the same text, so the connection that sent it
/// must be closed (wire-protocol §2.5).
///
/// `at` is an offset in bytes from the start of the JSON text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The text is not JSON.
    #[error("the body is not JSON: byte {at} must be {wanted}")]
    Syntax {
        /// Where the text stops being JSON; the length of the text when it ends too early.
        at: usize,
        /// What may stand there.
        wanted: &'static str,
    },
    /// The text is JSON, but objects and arrays are nested deeper than Go allows.
    #[error("the body nests deeper than {MAX_DEPTH} levels at byte {at}: send a flatter one")]
    TooDeep {
        /// Where the first bracket that is too deep stands.
        at: usize,
    },
    /// The text is JSON, but a known key has a value of the wrong kind.
    #[error("the value of `{key}` near byte {at} must be {wanted}")]
    Value {
        /// The key, as the specification spells it.
        key: &'static str,
        /// Where the value starts, or just behind the part of it that is wrong.
        at: usize,
        /// What the key takes.
        wanted: &'static str,
    },
}
