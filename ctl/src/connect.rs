//! What edges and services have in common: how they reach the gateway, and what becomes of the link.

use std::time::Duration;

use clap::Args;
use sdk::{Builder, LinkState, Reconnect};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::output::{Output, fields};

/// How the gateway is reached.
#[derive(Debug, Args)]
pub(crate) struct LinkArgs {
    /// Time to reach the gateway
    #[arg(long, global = true, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    connect_timeout: Duration,
}

impl LinkArgs {
    /// Puts them into a builder.
    pub(crate) fn apply<K>(&self, builder: Builder<K>) -> Builder<K> {
        builder.connect_timeout(self.connect_timeout)
    }
}

/// A command that answers once and ends makes no second link; one that goes on comes back.
pub(crate) const fn reconnect(stays: bool) -> Reconnect {
    if stays { Reconnect::Always } else { Reconnect::Never }
}

/// Says that the link is there, and then whatever becomes of it, until it is closed for good.
pub(crate) async fn tell_state(mut state: watch::Receiver<LinkState>, who: &str, output: Output) -> Failure {
    loop {
        let now = state.borrow_and_update().clone();
        let told = match now {
            LinkState::Online { id } => {
                let text = format!("{who} {id} is online");
                output.note(&text, fields([("event", "online".into()), ("id", id.to_string().into())]))
            }
            LinkState::Offline { reason, .. } => {
                let text = format!("the link is lost, trying again: {reason}");
                output.note(&text, fields([("event", "offline".into()), ("reason", reason.as_ref().into())]))
            }
            LinkState::Closed => return Failure::NoLink("the link is closed".to_owned()),
            _ => Ok(()),
        };
        if let Err(failure) = told {
            return failure;
        }
        if state.changed().await.is_err() {
            return Failure::NoLink("the link is closed".to_owned());
        }
    }
}

/// Reads a time in seconds, fractions allowed.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("must be above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_with_fractions() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("30"), Ok(Duration::from_secs(30)));
        for wrong in ["0", "-1", "NaN", "1e300", "soon", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
