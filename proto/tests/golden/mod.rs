//! The golden frames in `vectors/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

pub(crate) fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| {
        let pair = str::from_utf8(pair).expect("hexadecimal digits");
        u8::from_str_radix(pair, 16).unwrap_or_else(|error| panic!("{pair:?}: {error}"))
    };
    assert_eq!(digits.len() % 2, 0, "two digits for each byte");
    digits.chunks(2).map(byte).collect()
}

/// The worked examples by name.
pub(crate) fn examples() -> BTreeMap<String, Vec<u8>> {
    let mut examples: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut name = String::new();
    for line in read(&folder().join("examples.txt")).lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if line.starts_with(' ') {
            let bytes = if content.starts_with('{') { content.as_bytes().to_vec() } else { hex(content) };
            examples.entry(name.clone()).or_default().extend(bytes);
        } else {
            content.clone_into(&mut name);
        }
    }
    examples
}
