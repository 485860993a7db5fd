//! What NATS takes as the subject of a message.
//!
//! The server checks little of a subject that is published to: one with an empty word is taken and reaches nobody, a space makes
//! it another command, and a line that is too long costs the connection. So all of it is checked here, before anything is sent.

use crate::PublishError;

/// The longest subject, in bytes. The server's limit is on the whole line, 4096 unless it was lowered; the rest is room for the subject
/// of the answer and for lengths.
const LONGEST: usize = 3072;

/// First words that are the server's own, or on which answers travel: whoever publishes there speaks in the place of others.
const RESERVED: [&str; 3] = ["_INBOX", "_R_", "_GR_"];

/// Checks a subject that records go to; `inbox` is what the subjects of this client's answers begin with.
///
/// # Errors
/// [`Refused`](crate::Kind::Refused), with the reason.
pub(crate) fn check(subject: &str, inbox: &str) -> Result<(), PublishError> {
    let refused = |reason: &str| {
        let shown: String = subject.chars().take(64).collect();
        Err(PublishError::refused(format_args!("the subject {shown:?} {reason}")))
    };
    if subject.is_empty() {
        return refused("is empty");
    }
    if subject.len() > LONGEST {
        return refused(&format!("… is longer than {LONGEST} bytes"));
    }
    if subject.contains(|c: char| c == ' ' || c.is_control()) {
        return refused("holds a space or a control character");
    }
    if subject.split('.').any(str::is_empty) {
        return refused("has an empty word: a dot must stand between two");
    }
    if subject.split('.').any(|word| word == "*" || word == ">") {
        return refused("has a wildcard as a word, which is for those who subscribe");
    }
    let first = subject.split('.').next().unwrap_or_default();
    let of_answers = subject.strip_prefix(inbox).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if first.starts_with('$') || RESERVED.contains(&first) || of_answers {
        return refused("is reserved for the servers of NATS and for answers");
    }
    Ok(())
}

/// Whether messages on `subject` are among those that `filter` stands for.
pub(super) fn matches(filter: &str, subject: &str) -> bool {
    let mut words = subject.split('.');
    for wanted in filter.split('.') {
        match (wanted, words.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(word)) if wanted == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn what_can_be_published_to_passes() {
        for subject in
            ["t", "a.b.c", "a/b", "#", "a/+/b", "ä.ö", "a*b.c>", "a$b", "_INBOXES", "x.$SYS", &"x".repeat(LONGEST)]
        {
            assert_eq!(check(subject, "_INBOX"), Ok(()), "{subject}");
        }
    }

    #[test]
    fn what_would_go_nowhere_or_elsewhere_is_refused() {
        for (subject, reason) in [
            ("", "is empty"),
            ("a b", "space"),
            ("a\tb", "control"),
            ("a\r\nPUB x 0\r\n", "control"),
            ("a\0b", "control"),
            (".", "empty word"),
            (".a", "empty word"),
            ("a.", "empty word"),
            ("a..b", "empty word"),
            ("*", "wildcard"),
            ("a.*", "wildcard"),
            ("a.>", "wildcard"),
            ("$SYS.x", "reserved"),
            ("$SYS/x", "reserved"),
            ("$JS.API.STREAM.DELETE.s", "reserved"),
            ("_INBOX.x", "reserved"),
            ("answers.of.us", "reserved"),
            ("answers.of.us.x", "reserved"),
        ] {
            let error = check(subject, "answers.of.us").unwrap_err();
            assert_eq!(error.kind(), Kind::Refused);
            assert!(error.to_string().contains(reason), "{subject:?}: {error}");
        }
        let error = check(&"x".repeat(LONGEST + 1), "_INBOX").unwrap_err().to_string();
        assert!(error.contains("longer than 3072 bytes") && error.len() < 200, "{error}");
    }

    #[test]
    fn filters_take_what_the_server_takes() {
        for (filter, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.b", "a", false),
            ("a", "a.b", false),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("*.b", "a.b", true),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a.b", true),
        ] {
            assert_eq!(matches(filter, subject), expected, "{filter} {subject}");
        }
    }
}
