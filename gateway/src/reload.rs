//! Reading the configuration again while links live on: all of it or nothing.

use config::Config;
use net::Causes;
use tracing::{error, info, warn};

use crate::{Gateway, WayInError, control};

/// What the process around a gateway does for it.
pub trait Process: Send + Sync + 'static {
    /// Reads the configuration again, as at the start. May block.
    ///
    /// # Errors
    /// It cannot be used.
    fn configuration(&self) -> Result<config::Loaded, config::ConfigError>;

    /// Logs from now on as `log` says, as far as that can change, into log files opened anew.
    fn log(&self, log: &config::Log);

    /// Log lines that found no room since the start.
    fn lost_log_lines(&self) -> u64;
}

/// Keys that take effect without a restart, for those who come from then on. One that ends in a dot stands for its section.
const RELOADABLE: [&str; 25] = [
    "log.level",
    "servicebound.listen.tls.ca_certs",
    "servicebound.listen.tls.certs",
    "servicebound.limits.",
    "edgebound.listen.tls.ca_certs",
    "edgebound.listen.tls.certs",
    "edgebound.limits.",
    "edgebound.edgeid_alloc_when_no_idservice_on",
    "edgebound.honour_wanted_id",
    "edgebound.bypass.",
    "edgebound.bypass_sniff_seconds",
    "edgebound.websocket.listen.tls.ca_certs",
    "edgebound.websocket.listen.tls.certs",
    "edgebound.websocket.path",
    "edgebound.websocket.allowed_origins",
    "edgebound.websocket.max_message_bytes",
    "edgebound.websocket.ping_seconds",
    "edgebound.websocket.trusted_proxies",
    // Matters after a start alone.
    "edgebound.hook_grace",
    // Reported to nobody yet.
    "servicebound.listen.advertised_addr",
    "edgebound.listen.advertised_addr",
    "edgebound.websocket.listen.advertised_addr",
    "controlplane.listen.tls.ca_certs",
    "controlplane.listen.tls.certs",
    "controlplane.tokens",
];

/// Why a configuration was not taken over. Then everything is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// It differs in keys that take effect with a restart alone.
    #[error("{} can only change with a restart; what else has changed was not taken over either", keys.join(", "))]
    NeedsRestart {
        /// Those keys, dotted.
        keys: Vec<String>,
    },
    /// Certificates, or what else a listener needs, cannot be used.
    #[error(transparent)]
    WayIn(#[from] WayInError),
    /// Certificates or tokens of the control plane cannot be used.
    #[error(transparent)]
    ControlPlane(#[from] controlplane::LoadError),
}

impl Gateway {
    /// Takes over what can change while links live on, and reads certificates, keys and roots anew from their files. Links
    /// that stand keep what they came with. Returns the keys that have changed from `current` to `new`.
    ///
    /// # Errors
    /// Then nothing was taken over.
    pub async fn reload(&self, current: &Config, new: &Config) -> Result<Vec<String>, ReloadError> {
        let changes = current.changes(new);
        let keys: Vec<String> = changes.iter().filter(|key| !is_reloadable(key)).cloned().collect();
        if !keys.is_empty() {
            return Err(ReloadError::NeedsRestart { keys });
        }
        let control = control::reload(&new.controlplane).await?;
        self.renew_ways_in(new).await?;
        if let (Some(served), Some(loaded)) = (&self.control, control) {
            served.renew(loaded, new);
        }
        self.edgebound.renew(&new.edgebound);
        self.servicebound.renew(&new.servicebound);
        Ok(changes)
    }

    /// What SIGHUP asks for. Tells what came of it, and leaves in `current` what holds from now on.
    pub(crate) async fn reread(&self, process: &dyn Process, current: &mut Config) {
        let metrics = &self.exchange.metrics;
        let failed = |error: &dyn std::fmt::Display| {
            metrics.reloaded(false);
            // Whatever has moved the log file away wants it opened anew all the same.
            process.log(&current.log);
            error!("configuration not reloaded, everything stays as it was: {error}");
        };
        let loaded = match tokio::task::block_in_place(|| process.configuration()) {
            Ok(loaded) => loaded,
            Err(error) => return failed(&error),
        };
        match self.reload(current, &loaded.config).await {
            Ok(changes) => {
                metrics.reloaded(true);
                process.log(&loaded.config.log);
                loaded.warnings.iter().for_each(|warning| warn!("{warning}"));
                info!(changed = changes.join(", "), "configuration reloaded, certificates read again");
                *current = loaded.config;
            }
            Err(error) => failed(&Causes(&error)),
        }
    }
}

fn is_reloadable(key: &str) -> bool {
    // A listener's own time for the handshake stays what it was at the start.
    !key.ends_with(".handshake_seconds")
        && RELOADABLE.iter().any(|one| if one.ends_with('.') { key.starts_with(one) } else { *one == key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reloadable_key_exists() {
        let schema: serde_json::Value = serde_json::from_str(&config::schema()).expect("the schema is JSON");
        for key in RELOADABLE {
            let mut at = &schema;
            for part in key.trim_end_matches('.').split('.') {
                at = &at["properties"][part];
            }
            assert!(at.is_object(), "{key}");
        }
    }

    #[tokio::test]
    async fn a_key_that_needs_a_restart_keeps_all_others_from_changing() {
        let current = Config::default();
        let gateway = Gateway::new(&current, None);
        let mut new = current.clone();
        new.edgebound.allocate_edge_ids = false;
        new.exchange.hash_by = config::HashBy::Random;
        new.edgebound.limits.handshake *= 2;
        let error = gateway.reload(&current, &new).await.expect_err("two of them need a restart");
        assert!(
            matches!(&error, ReloadError::NeedsRestart { keys } if *keys == ["edgebound.limits.handshake_seconds", "exchange.hashby"]),
            "{error}"
        );
        assert!(gateway.edgebound.allocates_ids());

        new.exchange = current.exchange.clone();
        new.edgebound.limits.handshake = current.edgebound.limits.handshake;
        let changed = gateway.reload(&current, &new).await.expect("this can change");
        assert_eq!(changed, ["edgebound.edgeid_alloc_when_no_idservice_on"]);
        assert!(!gateway.edgebound.allocates_ids());
    }
}
