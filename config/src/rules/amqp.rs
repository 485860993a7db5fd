//! Rules about bridges to AMQP.

use super::{Checked, Rules};
use crate::{AmqpBridge, Headers};

/// The most bytes of a name or a key in AMQP.
const SHORT: usize = 255;

/// What stands before a key of the meta in the name of its header.
const META: &str = "frontier-meta-";

impl Rules<'_> {
    pub(super) fn amqp(&self, at: &str, amqp: &AmqpBridge) -> Checked {
        self.broker(at, &amqp.addrs, &amqp.tls)?;
        let bare = amqp.addrs.iter().all(|addr| !addr.expose().contains(['@', '/']));
        let reason = "write host:port; user, password, vhost and TLS have keys of their own";
        self.demand(bare, &format!("{at}.addrs"), reason)?;
        self.credential(&format!("{at}.password"), &amqp.password)?;
        self.short(&format!("{at}.vhost"), &amqp.vhost)?;
        self.short(&format!("{at}.exchange"), &amqp.exchange)?;
        self.amqp_properties(&format!("{at}.properties"), amqp)?;
        self.amqp_declared(at, amqp)
    }

    fn amqp_properties(&self, at: &str, amqp: &AmqpBridge) -> Checked {
        let of = &amqp.properties;
        let texts = [
            ("content_type", &of.content_type),
            ("content_encoding", &of.content_encoding),
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

    fn amqp_declared(&self, at: &str, amqp: &AmqpBridge) -> Checked {
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
            let at = format!("{at}.bindings[{index}]");
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

    /// Names that fit.
    pub(super) fn amqp_headers(&self, at: &str, headers: &Headers) -> Checked {
        let meta = headers.meta.iter().all(|key| META.len() + key.len() <= SHORT);
        self.demand(meta, &format!("{at}.meta"), "AMQP takes at most 241 bytes of a key here")?;
        let fixed = headers.fixed.keys().all(|name| name.len() <= SHORT);
        self.demand(fixed, &format!("{at}.fixed"), "AMQP takes at most 255 bytes of a name here")
    }
}
