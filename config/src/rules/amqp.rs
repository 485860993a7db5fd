//! Rules about bridges to AMQP.

use super::{Checked, Rules};
use crate::{AmqpBridge, Headers};

/// The most bytes of a name or a key in AMQP.
const SHORT: usize = 255;

/// What stands before a key of the meta in the name of its header.
const META: &str = "frontier-meta-";

/// Where the keys of a bridge stand: `bridges` and `mqm` each call some of them by names of their own.
pub(super) struct AmqpKeys {
    /// The section that all the others are in, under the same names in both.
    pub(super) section: String,
    pub(super) vhost: String,
    pub(super) exchange: String,
    pub(super) properties: String,
    pub(super) bindings: String,
    pub(super) frame_max: String,
    pub(super) headers: String,
}

impl AmqpKeys {
    fn of_bridge(at: &str) -> Self {
        Self {
            section: format!("{at}.amqp"),
            vhost: format!("{at}.amqp.vhost"),
            exchange: format!("{at}.amqp.exchange"),
            properties: format!("{at}.amqp.properties"),
            bindings: format!("{at}.amqp.bindings"),
            frame_max: format!("{at}.amqp.frame_max"),
            headers: format!("{at}.headers.fixed"),
        }
    }
}

impl Rules<'_> {
    pub(super) fn amqp(&self, at: &str, amqp: &AmqpBridge, headers: &Headers) -> Checked {
        let fits = headers.meta.iter().all(|key| META.len() + key.len() <= SHORT);
        self.demand(fits, &format!("{at}.headers.meta"), "AMQP takes at most 241 bytes of a key here")?;
        let keys = AmqpKeys::of_bridge(at);
        let at = &keys.section;
        self.broker(at, &amqp.addrs, &amqp.tls)?;
        let bare = amqp.addrs.iter().all(|addr| !addr.expose().contains(['@', '/']));
        let reason = "write host:port; user, password, vhost and TLS have keys of their own";
        self.demand(bare, &format!("{at}.addrs"), reason)?;
        self.credential(&format!("{at}.password"), &amqp.password)?;
        self.amqp_fits(&keys, amqp, headers)
    }

    /// What AMQP demands of a bridge, whichever form it was written in.
    pub(super) fn amqp_fits(&self, keys: &AmqpKeys, amqp: &AmqpBridge, headers: &Headers) -> Checked {
        self.short(&keys.vhost, &amqp.vhost)?;
        self.short(&keys.exchange, &amqp.exchange)?;
        self.short(&format!("{}.locale", keys.section), &amqp.locale)?;
        let least = AmqpBridge::LEAST_CHANNELS;
        let enough = amqp.channel_max == 0 || amqp.channel_max >= least;
        let reason = format!("a bridge needs {least} channels; 0 is as many as the server allows");
        self.demand(enough, &format!("{}.channel_max", keys.section), &reason)?;
        let least = AmqpBridge::LEAST_FRAME;
        let enough = amqp.frame_max == 0 || amqp.frame_max >= least;
        let reason = format!("AMQP has no frames below {least} bytes; 0 is the server's size");
        self.demand(enough, &keys.frame_max, &reason)?;
        self.amqp_properties(&keys.properties, amqp)?;
        self.amqp_declared(keys, amqp)?;
        let fits = headers.fixed.keys().all(|name| name.len() <= SHORT);
        self.demand(fits, &keys.headers, "AMQP takes at most 255 bytes of a name here")
    }

    fn amqp_properties(&self, at: &str, amqp: &AmqpBridge) -> Checked {
        let of = &amqp.properties;
        let texts = [
            ("content_type", &of.content_type),
            ("content_encoding", &of.content_encoding),
            ("correlation_id", &of.correlation_id),
            ("reply_to", &of.reply_to),
            ("expiration", &of.expiration),
            ("type", &of.kind),
            ("user_id", &of.user_id),
            ("app_id", &of.app_id),
        ];
        for (key, text) in texts {
            self.short(&format!("{at}.{key}"), text)?;
        }
        let number = of.expiration.is_empty() || of.expiration.parse::<u32>().is_ok();
        self.demand(number, &format!("{at}.expiration"), "must be a number of milliseconds")
    }

    fn amqp_declared(&self, keys: &AmqpKeys, amqp: &AmqpBridge) -> Checked {
        let at = &keys.section;
        for (index, exchange) in amqp.exchanges.iter().enumerate() {
            let at = format!("{at}.exchanges[{index}]");
            self.amqp_name(&format!("{at}.name"), &exchange.name, "an exchange that is declared needs a name")?;
            self.short(&format!("{at}.kind"), &exchange.kind)?;
        }
        for (index, queue) in amqp.queues.iter().enumerate() {
            let at = format!("{at}.queues[{index}].name");
            self.amqp_name(&at, &queue.name, "a queue that is declared needs a name")?;
        }
        for (index, binding) in amqp.bindings.iter().enumerate() {
            let at = format!("{}[{index}]", keys.bindings);
            self.amqp_name(&format!("{at}.queue_name"), &binding.queue_name, "a binding needs its queue")?;
            let reason = "a binding needs its exchange; without one every queue is bound by its name";
            self.amqp_name(&format!("{at}.exchange_name"), &binding.exchange_name, reason)?;
            self.short(&format!("{at}.binding_key"), &binding.binding_key)?;
        }
        Ok(())
    }

    fn amqp_name(&self, key: &str, name: &str, reason: &str) -> Checked {
        self.demand(!name.is_empty(), key, reason)?;
        self.short(key, name)
    }

    fn short(&self, key: &str, text: &str) -> Checked {
        self.demand(text.len() <= SHORT, key, "AMQP takes at most 255 bytes here")
    }
}
