//! Names of members, compared as Go compares them.

/// Whether `name` equals `key` under Unicode simple case folding. `key` is ASCII, lower or mixed
/// case.
///
/// Two characters outside ASCII fold into it: U+017F (long s) into `s` and U+212A (the Kelvin sign)
/// into `k`.
pub(super) fn same_folded(name: &str, key: &str) -> bool {
    let folded = name.chars().map(|c| match c {
        '\u{017f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    folded.eq(key.chars().map(|c| c.to_ascii_lowercase()))
}
