//! A record as a command.

use std::convert::Infallible;

use config::RedisForm;
use redis::Cmd;

use crate::{PublishError, Record};

/// What channels of the server's own begin with. Sentinels believe whoever speaks on `__sentinel__:hello`, clients that keep copies what
/// `__redis__:invalidate` says, and others the changes of keys on `__keyspace@…` and `__keyevent@…`.
const RESERVED: &str = "__";

/// Checks a name that records go to in this form.
///
/// # Errors
/// [`Refused`](crate::Kind::Refused), with the reason.
pub(crate) fn check_name(form: RedisForm, name: &str) -> Result<(), PublishError> {
    if form == RedisForm::PubSub && name.starts_with(RESERVED) {
        let shown: String = name.chars().take(64).collect();
        return Err(PublishError::refused(format_args!(
            "the channel {shown:?} begins with {RESERVED:?}, as those of the servers of Redis themselves"
        )));
    }
    Ok(())
}

/// What becomes of every record of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) form: RedisForm,
    /// About how many entries a stream keeps; 0 is all.
    pub(super) max_len: u32,
}

impl Shape {
    /// The command that stores or publishes `record`, whose arguments the server takes up to `most` bytes.
    ///
    /// # Errors
    /// One of them is larger, which would cost the connection; or the name is not for records.
    pub(super) fn command(self, record: &Record, most: usize) -> Result<Cmd, PublishError> {
        check_name(self.form, &record.destination)?;
        let body = record.body_bytes();
        let mut largest = body.len().max(record.destination.len()).max(record.key.len());
        let mut command = Cmd::with_capacity(24, body.len() + 512);
        match self.form {
            RedisForm::PubSub => {
                command.arg("PUBLISH").arg(&*record.destination).arg(&body[..]);
            }
            RedisForm::Stream => {
                command.arg("XADD").arg(&*record.destination);
                if self.max_len > 0 {
                    command.arg("MAXLEN").arg("~").arg(self.max_len);
                }
                command.arg("*").arg("payload").arg(&body[..]).arg("key").arg(&*record.key);
                let Ok(()) = record.each_header(|name, value| {
                    largest = largest.max(value.len());
                    command.arg(name).arg(value);
                    Ok::<_, Infallible>(())
                });
            }
        }
        if largest > most {
            return Err(PublishError::too_large(format_args!(
                "{largest} bytes in one argument; the server takes {most}"
            )));
        }
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{message, record_as};

    #[test]
    fn channels_of_the_server_itself_are_refused() {
        let of = |form, name: &str| {
            let record = record_as(&config::Bridge::default(), message(7, name, b""));
            let sent = Shape { form, max_len: 0 }.command(&record, 1000);
            sent.map(drop).map_err(|error| error.to_string())
        };
        for name in ["__sentinel__:hello", "__keyspace@0__:k", "__keyevent@0__:del", "__redis__:invalidate", "__"] {
            let told = format!("the channel {name:?} begins with \"__\", as those of the servers of Redis themselves");
            assert_eq!(of(RedisForm::PubSub, name), Err(told));
            assert_eq!(of(RedisForm::Stream, name), Ok(()), "a stream is a key like any other");
        }
        for name in ["t", "_", "_a", "a__", " __sentinel__:hello", "+sentinel", ""] {
            assert_eq!(of(RedisForm::PubSub, name), Ok(()), "{name:?}");
        }
        let long = "_".repeat(65_536);
        assert!(of(RedisForm::PubSub, &long).unwrap_err().len() < 200);
    }
}
