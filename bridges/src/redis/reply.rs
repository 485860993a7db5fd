//! What the server's words mean for a record.

use redis::{ServerError, Value};

use crate::{Outcome, PublishError};

/// Where a node of a cluster says that a key lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// For good: the slot, and `host:port`, the host empty if it is that of the node which says so.
    Moved(u16, String),
    /// For this key, while its slot is on the move.
    Ask(String),
}

/// The text of an error, as the server says it.
pub(super) fn words(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}

/// What an error of the server means for the record that it answers.
pub(super) fn classify(error: &ServerError) -> PublishError {
    let text = words(error);
    match error.code() {
        // No memory, no disk to save to, too few replicas, a script that does not end. Any of these can end between two commands, and to
        // send the first of them again would put it behind the second.
        "OOM" | "MISCONF" | "NOREPLICAS" | "BUSY" => PublishError::full(text),
        // The rest of the cluster works.
        "CLUSTERDOWN" if error.details().is_some_and(|details| details.starts_with("Hash slot")) => {
            PublishError::full(text)
        }
        // The server has become a replica, or has forgotten who we are, or does not work: nothing is sent until another connection
        // was told otherwise.
        "READONLY" | "MASTERDOWN" | "NOAUTH" | "LOADING" | "CLUSTERDOWN" => PublishError::lost(text),
        "MOVED" | "ASK" => {
            PublishError::refused(format_args!("{text}; the server is in a cluster: set `mode: cluster`"))
        }
        _ => PublishError::refused(text),
    }
}

/// What the reply to a record says. `listeners`: somebody must have got it.
pub(super) fn outcome(reply: &Value, listeners: bool) -> Outcome {
    match reply {
        Value::ServerError(error) => Err(classify(error)),
        Value::Int(0) if listeners => Err(PublishError::refused("nobody listens to the channel")),
        _ => Ok(()),
    }
}

/// Where else the reply sends the record, if it does.
pub(super) fn elsewhere(reply: &Value) -> Option<Elsewhere> {
    let Value::ServerError(error) = reply else { return None };
    let (slot, addr) = error.details()?.split_once(' ')?;
    match error.code() {
        "MOVED" => Some(Elsewhere::Moved(slot.parse().ok()?, addr.to_owned())),
        "ASK" => Some(Elsewhere::Ask(addr.to_owned())),
        _ => None,
    }
}

/// Whether the reply to `ROLE` is that of a replica, and if so of which master. A server that does not say has none.
pub(super) fn master_of(role: &Value) -> Option<String> {
    let Value::Array(parts) = role else { return None };
    let replica = matches!(text(parts.first()?).as_deref(), Some("slave" | "replica"));
    let host = parts.get(1).and_then(text);
    let port = match parts.get(2) {
        Some(Value::Int(port)) => Some(*port),
        _ => None,
    };
    replica.then(|| match (host, port) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        _ => "another server".to_owned(),
    })
}

/// The text of a string reply.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// The number that `CONFIG GET` has answered; none if it may not be asked.
pub(super) fn setting(value: &Value) -> Option<usize> {
    match value {
        Value::Array(pair) => text(pair.get(1)?)?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;
    use crate::Kind;

    fn said(line: &str) -> Value {
        parse_redis_value(format!("{line}\r\n").as_bytes()).expect("it is a reply")
    }

    #[test]
    fn errors_mean_what_can_be_done_about_them() {
        for (line, kind) in [
            ("-WRONGTYPE Operation against a key holding the wrong kind of value", Kind::Refused),
            ("-NOPERM this user has no permissions to run the 'xadd' command", Kind::Refused),
            ("-ERR unknown command 'XADD'", Kind::Refused),
            ("-OOM command not allowed when used memory > 'maxmemory'.", Kind::Full),
            ("-MISCONF Redis is configured to save RDB snapshots", Kind::Full),
            ("-NOREPLICAS Not enough good replicas to write.", Kind::Full),
            ("-BUSY Redis is busy running a script.", Kind::Full),
            ("-READONLY You can't write against a read only replica.", Kind::Lost),
            ("-MASTERDOWN Link with MASTER is down", Kind::Lost),
            ("-NOAUTH Authentication required.", Kind::Lost),
            ("-LOADING Redis is loading the dataset in memory", Kind::Lost),
            ("-CLUSTERDOWN The cluster is down", Kind::Lost),
            ("-CLUSTERDOWN Hash slot not served", Kind::Full),
        ] {
            let error = outcome(&said(line), false).expect_err("an error is one");
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, &line[1..]));
        }
        let error = outcome(&said("-MOVED 1 h:1"), false).expect_err("an error is one");
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.to_string().ends_with("set `mode: cluster`"), "{error}");
    }

    #[test]
    fn listeners_count_where_they_are_wanted() {
        assert_eq!((outcome(&said(":0"), false), outcome(&said(":2"), true)), (Ok(()), Ok(())));
        assert!(outcome(&said(":0"), true).is_err());
        assert_eq!(outcome(&said("+1526919030474-55"), true), Ok(()));
    }

    #[test]
    fn moves_are_told_from_errors() {
        assert_eq!(elsewhere(&said("-MOVED 3999 h:1")), Some(Elsewhere::Moved(3999, "h:1".to_owned())));
        assert_eq!(elsewhere(&said("-ASK 3999 ::1:7")), Some(Elsewhere::Ask("::1:7".to_owned())));
        assert_eq!((elsewhere(&said("-ERR MOVED 1 h:1")), elsewhere(&said("-MOVED"))), (None, None));
    }

    #[test]
    fn a_replica_names_its_master() {
        let replica = "*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:6379\r\n$9\r\nconnected\r\n:3167038";
        assert_eq!(master_of(&said(replica)).as_deref(), Some("h:6379"));
        for other in ["*3\r\n$6\r\nmaster\r\n:3129659\r\n*0", "-NOPERM", "*1\r\n$8\r\nsentinel", "*0"] {
            assert_eq!(master_of(&said(other)), None, "{other}");
        }
    }

    #[test]
    fn a_setting_is_a_number_or_none() {
        assert_eq!(setting(&said("*2\r\n$18\r\nproto-max-bulk-len\r\n$7\r\n1048576")), Some(1_048_576));
        assert_eq!((setting(&said("*0")), setting(&said("-NOPERM"))), (None, None));
    }
}
