//! Rules about values that must go together. What a single value may be, its type says.

mod amqp;
mod bridges;
mod mqm;
mod nats;

use crate::error::ConfigError;
use crate::places::Places;
use crate::{BrokerAddr, Config, ControlToken, Credential, Dial, Tls, WebSocket};

/// Refuses the first thing that does not go together.
pub(crate) fn check(config: &Config, places: &Places) -> Result<(), ConfigError> {
    let rules = Rules { places };
    rules.listener("servicebound.listen", &config.servicebound.listen.tls)?;
    rules.listener("edgebound.listen", &config.edgebound.listen.tls)?;
    if config.edgebound.bypass_enable {
        rules.dialer("edgebound.bypass", &config.edgebound.bypass)?;
    }
    rules.websocket(&config.edgebound.websocket)?;
    if config.controlplane.enable {
        rules.listener("controlplane.listen", &config.controlplane.listen.tls)?;
        rules.tokens("controlplane.tokens", &config.controlplane.tokens)?;
    }
    if config.frontlas.enable {
        rules.dialer("frontlas.dial", &config.frontlas.dial)?;
    }
    rules.mqm(&config.mqm)?;
    rules.bridges(&config.bridges)
}

type Checked = Result<(), ConfigError>;

struct Rules<'a> {
    places: &'a Places,
}

impl Rules<'_> {
    /// Demands that `holds`; else `key` is refused, for `reason`.
    fn demand(&self, holds: bool, key: &str, reason: &str) -> Checked {
        if holds {
            return Ok(());
        }
        Err(ConfigError::Rule { site: self.places.site(key), key: key.to_owned(), reason: reason.to_owned() })
    }

    fn listener(&self, listen: &str, tls: &Tls) -> Checked {
        if !tls.enable {
            return Ok(());
        }
        let certs = format!("{listen}.tls.certs");
        self.demand(!tls.certs.is_empty(), &certs, "TLS needs a certificate; name its files as `cert` and `key`")?;
        self.tls(&format!("{listen}.tls"), tls)
    }

    fn websocket(&self, websocket: &WebSocket) -> Checked {
        if !websocket.enable {
            return Ok(());
        }
        let fault = websocket.path_fault();
        self.demand(fault.is_none(), "edgebound.websocket.path", fault.unwrap_or_default())?;
        self.listener("edgebound.websocket.listen", &websocket.listen.tls)
    }

    fn tokens(&self, key: &str, tokens: &[ControlToken]) -> Checked {
        for (index, token) in tokens.iter().enumerate() {
            let key = format!("{key}[{index}]");
            self.demand(
                !token.name.is_empty(),
                &format!("{key}.name"),
                "a token needs a name, which the log calls it by",
            )?;
            let first = tokens[..index].iter().all(|other| other.name != token.name);
            self.demand(first, &format!("{key}.name"), &format!("{:?} names another token already", token.name))?;
            let reason = "there is no token; name its `file` or its `environment` variable, or write it as `value`";
            self.demand(!token.token.is_empty(), &format!("{key}.token"), reason)?;
            self.credential(&format!("{key}.token"), &token.token)?;
        }
        Ok(())
    }

    fn dialer(&self, key: &str, dial: &Dial) -> Checked {
        let addrs = format!("{key}.addrs");
        self.demand(!dial.addrs.is_empty(), &addrs, "there is no address; write a list of host:port")?;
        for (index, addr) in dial.addrs.iter().enumerate() {
            let port = addr.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            self.demand(port, &format!("{addrs}[{index}]"), &format!("{addr:?} has no port; write host:port"))?;
        }
        if dial.tls.enable { self.tls(&format!("{key}.tls"), &dial.tls) } else { Ok(()) }
    }

    fn tls(&self, key: &str, tls: &Tls) -> Checked {
        let authorities = !tls.mtls || !tls.ca_certs.is_empty();
        let reason = "`mtls` needs the authorities that are trusted; name their files";
        self.demand(authorities, &format!("{key}.ca_certs"), reason)?;
        for (index, pair) in tls.certs.iter().enumerate() {
            let both = !pair.cert.as_os_str().is_empty() && !pair.key.as_os_str().is_empty();
            self.demand(both, &format!("{key}.certs[{index}]"), "a certificate is two files, `cert` and `key`")?;
        }
        Ok(())
    }

    /// Demands addresses without a login and whatever else a URL has: clients say them in their errors.
    fn bare(&self, at: &str, addrs: &[BrokerAddr], reason: &str) -> Checked {
        let bare = addrs.iter().all(|addr| !addr.expose().contains(['@', '/']));
        self.demand(bare, &format!("{at}.addrs"), reason)
    }

    fn credential(&self, key: &str, credential: &Credential) -> Checked {
        let reason = "a secret comes from one place; keep one of `value`, `file` and `environment`";
        self.demand(credential.places() <= 1, key, reason)
    }
}
