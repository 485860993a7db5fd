//! Which known word an unknown one was probably meant to be.

/// The entry of `known` that is nearest to `word`, unless even that one is too
/// far away to be a slip of the pen: more than a third of the letters differ.
pub(crate) fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let slips = word.chars().count() / 3 + 1;
    known
        .iter()
        .map(|&candidate| (distance(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= slips)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out or changed to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_letters() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("edgebund", "edgebound", 1),
            ("kitten", "sitting", 3),
            ("addr", "adrd", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a:?} to {b:?}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let sections = ["log", "daemon", "servicebound", "edgebound", "exchange", "observability"];
        assert_eq!(nearest("edgebund", &sections), Some("edgebound"));
        assert_eq!(nearest("Service_bound", &sections), Some("servicebound"));
        assert_eq!(nearest("loging", &sections), Some("log"));
        for stranger in ["mqm", "dao", "frontlas", "controlplane", "bridges", ""] {
            assert_eq!(nearest(stranger, &sections), None, "{stranger:?}");
        }
    }

    #[test]
    fn a_very_long_key_is_no_slip() {
        assert_eq!(nearest(&"x".repeat(1024), &["log"]), None);
    }
}
