//! Topic filters with `*` in them.

/// Bytes of a glob before its first `*`: among globs that match, the longest wins.
#[must_use]
pub fn literal_prefix(glob: &str) -> usize {
    glob.find('*').unwrap_or(glob.len())
}

/// Whether `topic` matches `glob`, in which each `*` stands for any run of characters, the empty one included.
///
/// The pieces between the stars are searched from left to right, each at its first place: linear in the topic for each
/// piece, whatever the input.
#[must_use]
pub fn matches(glob: &str, topic: &str) -> bool {
    let mut pieces = glob.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = topic.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_any_run_of_characters() {
        for (glob, topic, expected) in [
            ("a*", "a", true),
            ("a*", "abc", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abcd", false),
            ("*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("s/*/temp", "s/1/2/temp", true),
            ("ä*ü", "äöü", true),
            ("**", "x", true),
        ] {
            assert_eq!(matches(glob, topic), expected, "{glob} on {topic}");
        }
    }

    #[test]
    fn the_literal_prefix_ends_at_the_first_star() {
        assert_eq!((literal_prefix("ab*c"), literal_prefix("*"), literal_prefix("ab")), (2, 0, 2));
    }
}
