//! What can be configured already and is not served yet: asked for, it is refused, never ignored.
//!
//! Whoever builds one of them takes its line out.

use crate::Config;
use crate::error::ConfigError;
use crate::places::Places;

/// Something that can be asked for and is not served.
struct NotServed {
    /// The key that asks for it.
    key: &'static str,
    /// What it is, with its verb.
    what: &'static str,
    /// Whether it is asked for.
    asked: fn(&Config) -> bool,
    /// What to do instead.
    advice: &'static str,
}

const NOT_SERVED: &[NotServed] = &[
    NotServed {
        key: "frontlas.enable",
        what: "clusters are",
        asked: |config| config.frontlas.enable,
        advice: "set it to false and leave FRONTLAS_ADDR unset",
    },
    // This one stays: NSQ is not to be served at all.
    NotServed {
        key: "mqm.nsq.enable",
        what: "NSQ is",
        asked: |config| config.mqm.nsq.enable,
        advice: "set it to false and send these topics to another broker",
    },
];

/// Refuses what is asked for and not served.
pub(crate) fn check(config: &Config, places: &Places) -> Result<(), ConfigError> {
    if let Some(&NotServed { key, what, advice, .. }) = NOT_SERVED.iter().find(|entry| (entry.asked)(config)) {
        return Err(ConfigError::NotServed { site: places.site(key), key: key.to_owned(), what, advice });
    }
    Ok(())
}
