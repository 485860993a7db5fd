//! The one way to a configuration that a gateway may run with: file, environment, flags, and the checks of the whole.

use std::fmt;
use std::path::Path;

use crate::Config;
use crate::error::ConfigError;
use crate::overrides::{self, Overrides};
use crate::places::{Places, Site};
use crate::read::{self, FileRead, UnknownKey};
use crate::rules;
use crate::served;

/// What a configuration is made of.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The YAML file; none is the embedded defaults.
    pub file: Option<&'a Path>,
    /// Whether an unknown key is a warning in place of an error. Everything else stays as strict as it is.
    pub lenient: bool,
    /// Flags of the command line.
    pub flags: Overrides,
}

/// A configuration that a gateway may run with.
#[derive(Debug)]
pub struct Loaded {
    /// What to run with.
    pub config: Config,
    /// What somebody should look at, in the order of the file.
    pub warnings: Vec<Warning>,
}

/// Something in a configuration that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A key that was left out because it is not known.
    UnknownKey(UnknownKey),
    /// A switch that switches nothing here.
    NoEffect {
        /// Where it was written.
        site: Site,
        /// The key, dotted.
        key: &'static str,
        /// Why it has no effect.
        reason: &'static str,
    },
    /// Something that works here, and may not where this file is used once more.
    Risky {
        /// Where it was written.
        site: Site,
        /// The key, dotted.
        key: String,
        /// What may happen, and what to do instead.
        reason: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(unknown) => write!(f, "{unknown} (ignored)"),
            Self::NoEffect { site, key, reason } => write!(f, "{site}: {key}: has no effect: {reason}"),
            Self::Risky { site, key, reason } => write!(f, "{site}: {key}: {reason}"),
        }
    }
}

/// Makes a configuration of a file, of the environment, which `env` looks variables up in, and of flags.
///
/// # Errors
///
/// [`ConfigError`]: with this configuration no gateway starts.
pub fn load(request: &Request<'_>, env: impl Fn(&str) -> Option<String>) -> Result<Loaded, ConfigError> {
    let FileRead { mut config, mut places, unknown } = match request.file {
        Some(file) => read::parse(file, &read::text(file)?, request.lenient)?,
        None => FileRead { config: Config::default(), places: Places::default(), unknown: Vec::new() },
    };
    overrides::apply(&mut config, &mut places, env, &request.flags)?;
    rules::check(&config, &places)?;
    served::check(&config, &places)?;
    let mut warnings: Vec<_> = unknown.into_iter().map(Warning::UnknownKey).collect();
    if config.daemon.pprof.enable {
        let key = "daemon.pprof.enable";
        let reason = "there is no Go profiler in this program; /metrics tells what it costs";
        warnings.push(Warning::NoEffect { site: places.site(key), key, reason });
    }
    for (index, bridge) in config.bridges.iter().enumerate().filter(|(_, bridge)| bridge.enable) {
        if bridge.mqtt.as_ref().is_some_and(|mqtt| !mqtt.client_id.is_empty()) {
            let key = format!("bridges[{index}].mqtt.client_id");
            let reason = "two gateways with one id throw each other off; left out, each has its own";
            warnings.push(Warning::Risky { site: places.site(&key), key, reason });
        }
    }
    Ok(Loaded { config, warnings })
}
