//! What edges and services have in common: how they reach the gateway, and what becomes of the link.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use net::tls::{ClientFiles, KeyPair, Roots, TlsConnector};
use sdk::{Builder, LinkState, Reconnect, Tls};
use tokio::sync::watch;

use crate::failure::{Failure, complete};
use crate::output::{Output, fields};

/// How the gateway is reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct LinkArgs {
    /// Time to reach the gateway
    #[arg(long, global = true, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    connect_timeout: Duration,
    #[command(flatten)]
    tls: TlsArgs,
}

/// TLS towards the gateway: any of these turns it on.
#[derive(Debug, Clone, Args)]
struct TlsArgs {
    /// Use TLS, and trust whom this machine trusts
    #[arg(long, global = true)]
    tls: bool,
    /// Use TLS, and trust nobody but whom this PEM file holds
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "tls_insecure")]
    tls_ca: Option<PathBuf>,
    /// Use TLS, and trust whoever answers: whoever sits in between can read and change everything
    #[arg(long, global = true)]
    tls_insecure: bool,
    /// Use TLS, and show this certificate, a PEM file
    #[arg(long, global = true, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of that certificate
    #[arg(long, global = true, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Use TLS, and want a certificate for this name instead of the host of the address
    #[arg(long, global = true, value_name = "NAME")]
    tls_name: Option<String>,
}

impl TlsArgs {
    /// What is wanted; `None` for plain TCP.
    fn tls(&self) -> Option<Tls> {
        let trusted = match &self.tls_ca {
            Some(file) => Tls::roots([file]),
            None if self.tls_insecure => Tls::dangerously_trusting_anybody(),
            None if self.tls || self.tls_cert.is_some() || self.tls_name.is_some() => Tls::system_roots(),
            None => return None,
        };
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => trusted.client_certificate(cert, key),
            _ => trusted,
        };
        Some(match &self.tls_name {
            Some(name) => tls.server_name(name),
            None => tls,
        })
    }
}

impl LinkArgs {
    /// Time to reach the gateway.
    pub(crate) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// The name that the gateway's certificate must have, if not the host's.
    pub(crate) fn tls_name(&self) -> Option<&str> {
        self.tls.tls_name.as_deref()
    }

    /// What TLS needs; none for plain TCP. Reads files.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub(crate) fn tls_connector(&self) -> Result<Option<TlsConnector>, Failure> {
        let TlsArgs { tls, tls_ca, tls_insecure, tls_cert, tls_key, tls_name } = &self.tls;
        let roots = match tls_ca {
            Some(file) => Roots::Files(vec![file.clone()]),
            None if *tls_insecure => Roots::Anybody,
            None if *tls || tls_cert.is_some() || tls_name.is_some() => Roots::System,
            None => return Ok(None),
        };
        let pair = tls_cert.clone().zip(tls_key.clone());
        let certs = pair.into_iter().map(|(cert, key)| KeyPair { cert, key }).collect();
        let loaded = TlsConnector::load(&ClientFiles { roots, certs });
        loaded.map(Some).map_err(|error| Failure::Local(complete(&error)))
    }

    /// Puts them into a builder.
    pub(crate) fn apply<K>(&self, builder: Builder<K>) -> Builder<K> {
        let builder = builder.connect_timeout(self.connect_timeout);
        match self.tls.tls() {
            Some(tls) => builder.tls(tls),
            None => builder,
        }
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
