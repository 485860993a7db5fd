//! CONNECT, and what the broker says to it.

use std::time::Duration;

use bytes::BytesMut;
use config::{MqttBridge as Config, MqttVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::reason::{OTHER_VERSION, Told};
use super::wire::{self, Granted, Hello, LONGEST, Packet};
use crate::PublishError;
use crate::broker::Stream;

/// How long the broker may take to answer CONNECT.
const ANSWER: Duration = Duration::from_secs(5);

/// How long the broker keeps a session whose connection is gone, in seconds. It is used for as long as publishers wait, and a
/// gateway that never comes back leaves it behind.
const EXPIRY: u32 = 3600;

/// A connection that the broker has accepted.
pub(super) struct Greeted {
    pub(super) stream: Box<dyn Stream>,
    /// What came behind its answer.
    pub(super) read: BytesMut,
    pub(super) granted: Granted,
}

impl Greeted {
    /// Takes leave at once, and waits until the broker has.
    pub(super) async fn leave(mut self) -> Result<(), PublishError> {
        let mut out = BytesMut::new();
        wire::disconnect(&mut out);
        let talk = async {
            self.stream.write_all(&out).await?;
            self.stream.shutdown().await?;
            // It ends with the connection, in whichever way the broker ends that.
            while matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)) {
                self.read.clear();
            }
            Ok(())
        };
        let left = timeout(ANSWER, talk).await.map_err(|_| {
            PublishError::lost(format_args!("the broker does not end a connection within {} s", ANSWER.as_secs()))
        })?;
        left.map_err(|error: std::io::Error| PublishError::lost(error))
    }
}

/// Introduces us to the broker.
///
/// # Errors
/// It will not have us, says something else, or nothing in time.
pub(super) async fn greet(
    mut stream: Box<dyn Stream>,
    config: &Config,
    client_id: &str,
    password: &str,
    clean: bool,
) -> Result<Greeted, PublishError> {
    let hello = Hello {
        client_id,
        clean,
        expiry: if config.clean_session { 0 } else { EXPIRY },
        keep_alive: u16::try_from(config.keep_alive.as_secs()).expect("the configuration allows an hour"),
        will: config.will.as_ref(),
        username: config.username.as_deref().unwrap_or_default(),
        password,
    };
    if password.len() > LONGEST {
        return Err(PublishError::lost(format_args!("the password is longer than {LONGEST} bytes")));
    }
    let mut out = BytesMut::new();
    wire::connect(config.version, &hello, &mut out);
    let talk = async {
        stream.write_all(&out).await.map_err(PublishError::lost)?;
        stream.flush().await.map_err(PublishError::lost)?;
        answer(&mut stream, config.version).await
    };
    let answered = timeout(ANSWER, talk).await;
    let (read, packet) = answered.map_err(|_| {
        PublishError::lost(format_args!("the broker does not answer within {} s of the connection", ANSWER.as_secs()))
    })??;
    match packet {
        Packet::Connected(granted) => Ok(Greeted { stream, read, granted }),
        Packet::Refused(OTHER_VERSION, words) => {
            let (ours, other) = match config.version {
                MqttVersion::V5 => ("5", "3.1.1"),
                MqttVersion::V3 => ("3.1.1", "5"),
            };
            let words = words.map_or_else(String::new, |words| format!(" ({words})"));
            Err(PublishError::lost(format_args!(
                "the broker does not speak MQTT {ours}{words}; try `version: \"{other}\"`"
            )))
        }
        Packet::Refused(reason, words) => {
            let told = Told(reason, words.as_deref());
            Err(PublishError::lost(format_args!("the broker refuses the connection: {told}")))
        }
        Packet::Disconnect(reason, words) => {
            let told = Told(reason, words.as_deref());
            Err(PublishError::lost(format_args!("the broker ends the connection: {told}")))
        }
        _ => Err(PublishError::lost("the broker says something else before it accepts the connection")),
    }
}

/// The first packet, and what was read behind it.
async fn answer(stream: &mut Box<dyn Stream>, version: MqttVersion) -> Result<(BytesMut, Packet), PublishError> {
    let mut read = BytesMut::new();
    loop {
        if let Some(packet) = wire::next(version, &mut read)? {
            return Ok((read, packet));
        }
        if stream.read_buf(&mut read).await.map_err(PublishError::lost)? == 0 {
            return Err(PublishError::lost("the broker closes the connection in place of an answer to CONNECT"));
        }
    }
}
