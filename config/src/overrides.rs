//! Environment variables and flags, laid over a configuration.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{ConfigError, Origin};
use crate::listen::ListenAddr;
use crate::places::Places;
use crate::{Config, Rlimit};

/// Command-line flags that override the file and the environment. An empty
/// value counts as absent, as in the Go gateway.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--loglevel`: see [`Level`](crate::Level).
    pub log_level: Option<String>,
    /// `--log-output`: see [`Output`](crate::Output).
    pub log_output: Option<String>,
    /// `--log-format`: see [`Format`](crate::Format).
    pub log_format: Option<String>,
    /// `--log-file`: a path.
    pub log_file: Option<String>,
    /// `--daemon-rlimit-nofile`: turns `daemon.rlimit` on, with this number; 0
    /// is as many as the system allows.
    pub open_files: Option<u64>,
}

/// Lays the environment and then the flags over `config`, and notes in `places` what was laid.
///
/// `env` looks a variable up; an empty value counts as absent. For the log
/// settings a flag wins over a variable (`LOG_LEVEL`, `LOG_OUTPUT`,
/// `LOG_FORMAT`, `LOG_FILE`); `FRONTIER_SERVICEBOUND_PORT` and
/// `FRONTIER_EDGEBOUND_PORT` replace the port of the address to listen on;
/// `NODE_NAME` sets `daemon.frontier_id` to `frontier-` and the name;
/// `FRONTLAS_ADDR` turns `frontlas` on with this one address.
///
/// # Errors
///
/// [`ConfigError::Override`], naming the variable or flag; `config` may then
/// hold a part of the changes.
pub(crate) fn apply(
    config: &mut Config,
    places: &mut Places,
    env: impl Fn(&str) -> Option<String>,
    flags: &Overrides,
) -> Result<(), ConfigError> {
    let mut over = Layers { env: &env, places };
    let log = &mut config.log;
    over.set(&mut log.level, "log.level", "LOG_LEVEL", ("--loglevel", &flags.log_level))?;
    over.set(&mut log.output, "log.output", "LOG_OUTPUT", ("--log-output", &flags.log_output))?;
    over.set(&mut log.format, "log.format", "LOG_FORMAT", ("--log-format", &flags.log_format))?;
    over.set(&mut log.file.path, "log.file.path", "LOG_FILE", ("--log-file", &flags.log_file))?;

    over.set_port(&mut config.servicebound.listen.addr, "servicebound.listen.addr", "FRONTIER_SERVICEBOUND_PORT")?;
    over.set_port(&mut config.edgebound.listen.addr, "edgebound.listen.addr", "FRONTIER_EDGEBOUND_PORT")?;
    if let Some(name) = over.variable("NODE_NAME", &["daemon.frontier_id"]) {
        config.daemon.frontier_id = format!("frontier-{name}");
    }
    if let Some(addr) = over.variable("FRONTLAS_ADDR", &["frontlas.enable", "frontlas.dial.addrs"]) {
        config.frontlas.enable = true;
        config.frontlas.dial.addrs = vec![addr];
    }
    if let Some(number) = flags.open_files {
        config.daemon.rlimit = Rlimit { enable: true, nofile: Some(number).filter(|&number| number > 0) };
    }
    Ok(())
}

struct Layers<'a, E> {
    env: &'a E,
    places: &'a mut Places,
}

impl<E: Fn(&str) -> Option<String>> Layers<'_, E> {
    /// The value of a variable, which then has its say about `keys`.
    fn variable(&mut self, name: &'static str, keys: &[&str]) -> Option<String> {
        let value = (self.env)(name).filter(|value| !value.is_empty())?;
        keys.iter().for_each(|key| self.places.overridden(key, Origin::Variable(name)));
        Some(value)
    }

    /// Sets `target` from the flag, else from the variable, else not at all.
    fn set<T: FromStr<Err: Display>>(
        &mut self,
        target: &mut T,
        key: &str,
        variable: &'static str,
        (flag, value): (&'static str, &Option<String>),
    ) -> Result<(), ConfigError> {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            self.places.overridden(key, Origin::Flag(flag));
            *target = parsed(value, Origin::Flag(flag))?;
        } else if let Some(value) = self.variable(variable, &[key]) {
            *target = parsed(&value, Origin::Variable(variable))?;
        }
        Ok(())
    }

    fn set_port(&mut self, addr: &mut ListenAddr, key: &str, variable: &'static str) -> Result<(), ConfigError> {
        let Some(value) = self.variable(variable, &[key]) else {
            return Ok(());
        };
        let port = value.parse().map_err(|_| ConfigError::Override {
            origin: Origin::Variable(variable),
            reason: format!("{value:?} is not a port: a number from 0 to 65535"),
        })?;
        addr.set_port(port);
        Ok(())
    }
}

fn parsed<T: FromStr<Err: Display>>(value: &str, origin: Origin) -> Result<T, ConfigError> {
    value.parse().map_err(|error: T::Err| ConfigError::Override { origin, reason: error.to_string() })
}

/// The drain window where nothing else is said.
pub const DEFAULT_DRAIN: Duration = Duration::from_secs(30);

/// More than any supervisor waits; also keeps the sum with a point in time in range.
const MAX_DRAIN_SECONDS: u32 = 86_400;

/// A value of `FRONTIER_DRAIN_SECONDS` that is not used; [`DEFAULT_DRAIN`] is
/// taken in its place, with a warning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "environment variable FRONTIER_DRAIN_SECONDS: {given:?} is not a whole number of seconds \
     from 0 to {MAX_DRAIN_SECONDS}; {} is used", DEFAULT_DRAIN.as_secs()
)]
pub struct BadDrainSeconds {
    /// What was given.
    pub given: String,
}

/// How long calls and messages in flight may take to finish once the gateway is
/// told to stop, from `FRONTIER_DRAIN_SECONDS`; 0 is no wait.
///
/// # Errors
///
/// [`BadDrainSeconds`]: not a reason to stop, see there.
pub fn drain_window(env: impl Fn(&str) -> Option<String>) -> Result<Duration, BadDrainSeconds> {
    match env("FRONTIER_DRAIN_SECONDS") {
        Some(given) if !given.is_empty() => match given.parse::<u32>() {
            Ok(seconds) if seconds <= MAX_DRAIN_SECONDS => Ok(Duration::from_secs(seconds.into())),
            _ => Err(BadDrainSeconds { given }),
        },
        _ => Ok(DEFAULT_DRAIN),
    }
}

#[cfg(test)]
mod tests;
