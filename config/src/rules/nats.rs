//! Rules about bridges to NATS.

use super::{Checked, Rules};
use crate::{Headers, NatsBridge};

impl Rules<'_> {
    pub(super) fn nats(&self, at: &str, nats: &NatsBridge) -> Checked {
        self.broker(at, &nats.addrs, &nats.tls)?;
        self.bare(at, &nats.addrs, "write host:port; a login goes to the keys beside it, and TLS to `tls`")?;
        for (key, credential) in [("password", &nats.password), ("token", &nats.token), ("nkey", &nats.nkey)] {
            self.credential(&format!("{at}.{key}"), credential)?;
        }
        let ways = [nats.username.is_some(), !nats.token.is_empty(), !nats.nkey.is_empty(), nats.creds_file.is_some()];
        let ways = ways.into_iter().filter(|&used| used).count();
        self.demand(ways <= 1, at, "there is one way to log in; keep one of username, token, nkey and creds_file")?;
        let password = nats.password.is_empty() || nats.username.is_some();
        self.demand(password, &format!("{at}.password"), "a password needs its `username`")?;
        let reason = "must be a subject, such as `_INBOX`: words and dots, without spaces, `*` and `>`";
        self.demand(is_subject(&nats.inbox_prefix, ""), &format!("{at}.inbox_prefix"), reason)?;
        self.jetstream(&format!("{at}.jetstream"), nats)
    }

    fn jetstream(&self, at: &str, nats: &NatsBridge) -> Checked {
        let stream = &nats.jetstream;
        self.nats_stream(&format!("{at}.stream"), stream.enable, &stream.stream)?;
        self.nats_name(&format!("{at}.domain"), &stream.domain)?;
        self.nats_subjects(&format!("{at}.subjects"), stream.enable && stream.create, &stream.subjects)
    }

    /// The name of a stream, which must be there if it is `used`.
    pub(super) fn nats_stream(&self, key: &str, used: bool, name: &str) -> Checked {
        self.demand(!used || !name.is_empty(), key, "JetStream needs the name of a stream")?;
        self.nats_name(key, name)
    }

    fn nats_name(&self, key: &str, name: &str) -> Checked {
        let legal = !name.contains(|c: char| c.is_whitespace() || c.is_control() || "./\\*>".contains(c));
        self.demand(legal, key, "NATS takes no name with spaces, dots, slashes, `*` or `>`")
    }

    /// The subjects of a stream, some of which must be there if it is `created`.
    pub(super) fn nats_subjects(&self, key: &str, created: bool, subjects: &[String]) -> Checked {
        self.demand(!created || !subjects.is_empty(), key, "a stream that is created needs its subjects")?;
        let legal = subjects.iter().all(|subject| is_subject(subject, "*>"));
        let reason = "a subject is words and dots, without spaces; `*` stands for a word, and `>` at the end for all that follow";
        self.demand(legal, key, reason)
    }

    /// Names that can be sent, and that the server does not take for its own.
    pub(super) fn nats_headers(&self, at: &str, headers: &Headers) -> Checked {
        let legal = |name: &String| name.chars().all(|c| c.is_ascii_graphic() && c != ':') && !name.is_empty();
        let reason = "NATS takes no header name with spaces, colons or characters outside ASCII";
        self.demand(headers.meta.iter().all(legal), &format!("{at}.meta"), reason)?;
        self.demand(headers.fixed.keys().all(legal), &format!("{at}.fixed"), reason)?;
        let orders = headers.fixed.keys().any(|name| name.to_ascii_lowercase().starts_with("nats-"));
        self.demand(!orders, &format!("{at}.fixed"), "what begins with `Nats-` is the server's and the bridge's own")
    }
}

/// Whether all words between the dots are legal; of `wild` some stand for others.
fn is_subject(subject: &str, wild: &str) -> bool {
    let words = subject.split('.').count();
    subject.split('.').enumerate().all(|(at, word)| match word {
        "*" => wild.contains('*'),
        ">" => wild.contains('>') && at + 1 == words,
        _ => !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || c.is_control()),
    })
}
