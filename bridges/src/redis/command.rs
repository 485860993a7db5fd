//! A record as a command.

use std::convert::Infallible;

use config::RedisForm;
use redis::Cmd;

use crate::{PublishError, Record};

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
    /// One of them is larger. Sent all the same it would cost the connection.
    pub(super) fn command(self, record: &Record, most: usize) -> Result<Cmd, PublishError> {
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
