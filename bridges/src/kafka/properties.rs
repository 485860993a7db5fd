//! What librdkafka is told.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use config::{Acks, Bridge, BridgeTls, KafkaBridge, KafkaCompression, Partitioner, SaslMechanism, Secret, WhenFull};
use rdkafka::config::{ClientConfig, NativeClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::producer::BaseProducer;
use rdkafka::types::RDKafkaConfRes;

use super::limits::Batches;
use crate::supervisor::WAITING_ROOM;
use crate::{PublishError, Terms};

/// What holds whatever is configured, unless the operator names the property.
const ALWAYS: &[(&str, &str)] = &[
    ("client.id", "frontier"),
    // A name is asked for again before each dial, and all its addresses are tried.
    ("broker.address.ttl", "1000"),
    ("broker.address.family", "any"),
    ("reconnect.backoff.ms", "100"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
    ("socket.nagle.disable", "true"),
    // A broker that has fallen silent is left, and dialled again, well before publishers give up.
    ("socket.connection.setup.timeout.ms", "5000"),
    ("socket.timeout.ms", "10000"),
    ("request.timeout.ms", "8000"),
    // How long a topic that is not there may take to come about, before its records are refused. Below the stall that
    // would count as trouble of the whole bridge.
    ("topic.metadata.propagation.max.ms", "3000"),
    ("statistics.interval.ms", "0"),
    ("enable.metrics.push", "false"),
];

/// How long the client gathers at most.
const GATHERS: Duration = Duration::from_millis(4);

/// Properties that would take away what the bridge stands on.
const REFUSED: &[(&str, &str)] = &[
    ("delivery.report.only.error", "publishers would never hear of their success"),
    ("transactional.id", "nothing is sent in transactions"),
    ("plugin.library.paths", "no code is loaded"),
];

/// Second names that librdkafka has for properties set here. It would take the one or the other, as chance has it.
const ALIASES: &[(&str, &str)] = &[
    ("metadata.broker.list", "bootstrap.servers"),
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("compression.type", "compression.codec"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("sasl.mechanisms", "sasl.mechanism"),
];

/// A property of librdkafka that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", Named(name))]
pub struct BadProperty {
    /// Its name; empty where several do not go together.
    pub name: String,
    /// What is wrong with it, and never its value.
    pub reason: String,
}

struct Named<'a>(&'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "property {:?}: ", self.0) }
    }
}

impl BadProperty {
    fn new(name: &str, reason: impl fmt::Display) -> Self {
        Self { name: name.to_owned(), reason: reason.to_string() }
    }
}

/// The properties of one bridge, without those that are read anew for each producer.
#[derive(Clone)]
pub(super) struct Properties {
    base: ClientConfig,
    tls: BridgeTls,
    patience: Duration,
    linger: Linger,
    batch_bytes: u32,
    batch_records: usize,
    compress: bool,
}

impl Properties {
    /// As configured.
    ///
    /// # Errors
    /// librdkafka does not take them: one of the operator's own, or all of them together.
    pub(super) fn new(bridge: &Bridge, kafka: &KafkaBridge) -> Result<Self, BadProperty> {
        let mut base = ClientConfig::new();
        base.set_log_level(RDKafkaLogLevel::Info);
        for (name, value) in ALWAYS {
            base.set(*name, *value);
        }
        let addrs: Vec<&str> = kafka.addrs.iter().map(config::BrokerAddr::expose).collect();
        base.set("bootstrap.servers", addrs.join(","));
        deliver(&mut base, kafka);
        gather(&mut base, bridge, kafka);
        secure(&mut base, kafka);
        set_own(&mut base, kafka)?;
        // What follows from them follows from the operator's own too.
        keep_order(&mut base)?;
        try_out(&base)?;
        let told = Native::of(&base)?;
        let linger = divide_linger(&mut base, told.number("linger.ms")?);
        Ok(Self {
            base,
            tls: kafka.tls.clone(),
            patience: Duration::from_millis(told.number("message.timeout.ms")?),
            linger,
            batch_bytes: told.number("batch.size")?,
            batch_records: told.number("batch.num.messages")?,
            compress: told.get("compression.codec")? != "none",
        })
    }

    /// How long records gather.
    pub(super) fn linger(&self) -> Linger {
        self.linger
    }

    /// Whether records become smaller on their way to the broker.
    pub(super) fn compress(&self) -> bool {
        self.compress
    }

    /// The most bytes of a batch, where no topic takes less.
    pub(super) fn batch_bytes(&self) -> u32 {
        self.batch_bytes
    }

    /// The most records of a batch.
    pub(super) fn batch_records(&self) -> usize {
        self.batch_records
    }

    /// How long a record is tried.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Those of a producer that is made now and gathers records as `batches` says. Blocks: certificates are read anew.
    ///
    /// # Errors
    /// One of their files cannot be read.
    pub(super) fn now(&self, password: Option<&Secret>, batches: &Batches) -> Result<ClientConfig, PublishError> {
        let mut now = self.base.clone();
        // What the operator has set as a property stays.
        let fill = |now: &mut ClientConfig, name: &str, value: &str| {
            if now.get(name).is_none_or(str::is_empty) {
                now.set(name, value);
            }
        };
        if let Some(password) = password {
            fill(&mut now, "sasl.password", password.expose());
        }
        batches.limit(&mut now);
        if !self.tls.enable {
            return Ok(now);
        }
        let mut authorities = String::new();
        for file in &self.tls.ca_certs {
            authorities += &read(file)?;
            authorities.push('\n');
        }
        if !authorities.is_empty() {
            fill(&mut now, "ssl.ca.pem", &authorities);
        }
        if let (Some(cert), Some(key)) = (&self.tls.cert, &self.tls.key) {
            // librdkafka reads them itself, and would not say which one is not there.
            read(cert)?;
            read(key)?;
            fill(&mut now, "ssl.certificate.location", &cert.to_string_lossy());
            fill(&mut now, "ssl.key.location", &key.to_string_lossy());
        }
        Ok(now)
    }
}

fn read(file: &Path) -> Result<String, PublishError> {
    std::fs::read_to_string(file).map_err(|error| PublishError::lost(format_args!("{}: {error}", file.display())))
}

/// When a record is delivered, and how often it is tried.
fn deliver(base: &mut ClientConfig, kafka: &KafkaBridge) {
    let acks = match kafka.acks {
        Acks::None => "0",
        Acks::Leader => "1",
        Acks::All => "all",
    };
    base.set("acks", acks);
    if let Some(idempotence) = kafka.idempotence {
        base.set("enable.idempotence", idempotence.to_string());
    }
    base.set("message.timeout.ms", kafka.delivery_timeout.as_millis().to_string());
}

/// How records are gathered, and how many the client may hold.
fn gather(base: &mut ClientConfig, bridge: &Bridge, kafka: &KafkaBridge) {
    let codec = match kafka.compression {
        KafkaCompression::None => "none",
        KafkaCompression::Gzip => "gzip",
        KafkaCompression::Snappy => "snappy",
        KafkaCompression::Lz4 => "lz4",
        KafkaCompression::Zstd => "zstd",
    };
    base.set("compression.codec", codec);
    base.set("compression.level", kafka.compression_level.to_string());
    // Those with chance for what has no key.
    let partitioner = match kafka.partitioner {
        Partitioner::Murmur2 => "murmur2_random",
        Partitioner::Consistent => "consistent_random",
        Partitioner::Fnv1a => "fnv1a_random",
        Partitioner::Random => "random",
    };
    base.set("partitioner", partitioner);
    base.set("linger.ms", kafka.linger.as_millis().to_string());
    base.set("batch.size", kafka.batch_bytes.to_string());
    base.set("message.max.bytes", kafka.max_message_bytes.to_string());
    // The supervisor bounds what is held; the client has room for all of that and any one record.
    let room = match bridge.when_full {
        WhenFull::Fail => 1,
        WhenFull::Wait => WAITING_ROOM as u64,
    };
    let bytes = u64::from(bridge.queue_bytes.get()) * room + u64::from(kafka.max_message_bytes);
    base.set("queue.buffering.max.kbytes", bytes.div_ceil(1024).min(i32::MAX as u64).to_string());
    base.set("queue.buffering.max.messages", Terms::default().window.to_string());
}

/// How long records gather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Linger {
    /// Before the client has them.
    pub(super) before: Duration,
    /// Once it has them.
    pub(super) client: Duration,
}

/// Leaves the client as much of its linger as it is to have, and tells where all of it is spent.
fn divide_linger(base: &mut ClientConfig, millis: f64) -> Linger {
    let linger = Duration::try_from_secs_f64(millis / 1e3).unwrap_or_default();
    let client = linger.min(GATHERS);
    if linger > client {
        base.set("linger.ms", client.as_millis().to_string());
    }
    Linger { before: linger - client, client }
}

/// TLS and login, files and password aside.
fn secure(base: &mut ClientConfig, kafka: &KafkaBridge) {
    let login = match kafka.sasl.mechanism {
        SaslMechanism::None => None,
        SaslMechanism::Plain => Some("PLAIN"),
        SaslMechanism::ScramSha256 => Some("SCRAM-SHA-256"),
        SaslMechanism::ScramSha512 => Some("SCRAM-SHA-512"),
    };
    let protocol = match (login, kafka.tls.enable) {
        (None, false) => "plaintext",
        (None, true) => "ssl",
        (Some(_), false) => "sasl_plaintext",
        (Some(_), true) => "sasl_ssl",
    };
    base.set("security.protocol", protocol);
    if let Some(mechanism) = login {
        base.set("sasl.mechanism", mechanism);
        base.set("sasl.username", &kafka.sasl.username);
        // Replaced by the real one, which need not be there yet.
        base.set("sasl.password", "");
    }
    if kafka.tls.insecure_skip_verify {
        base.set("enable.ssl.certificate.verification", "false");
        base.set("ssl.endpoint.identification.algorithm", "none");
    }
}

/// Sets the operator's own properties over those of the keys.
fn set_own(base: &mut ClientConfig, kafka: &KafkaBridge) -> Result<(), BadProperty> {
    let known = Native::of(base)?;
    for (name, value) in &kafka.properties {
        // All topics have the same properties, so those of topics need no prefix; some names of others begin so.
        let bare = name.strip_prefix("topic.").filter(|bare| known.get(bare).is_ok()).unwrap_or(name);
        let name = ALIASES.iter().find(|(alias, _)| *alias == bare).map_or(bare, |(_, name)| name);
        if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return Err(BadProperty::new(name, format_args!("cannot be set: {reason}")));
        }
        if name == "debug" {
            base.set_log_level(RDKafkaLogLevel::Debug);
        }
        base.set(name, value.expose());
    }
    Ok(())
}

/// Sees to it that what is repeated does not come behind what was sent after it.
fn keep_order(base: &mut ClientConfig) -> Result<(), BadProperty> {
    let told = Native::of(base)?;
    let idempotent = match base.get("enable.idempotence") {
        Some(_) => told.get("enable.idempotence")? == "true",
        None => told.get("acks")? == "-1",
    };
    base.set("enable.idempotence", idempotent.to_string());
    if !idempotent && base.get("max.in.flight.requests.per.connection").is_none() {
        base.set("max.in.flight.requests.per.connection", "1");
    }
    Ok(())
}

/// What librdkafka makes of properties: one spelling of each value, and a value for each.
struct Native(NativeClientConfig);

impl Native {
    fn of(config: &ClientConfig) -> Result<Self, BadProperty> {
        config.create_native_config().map(Self).map_err(refused)
    }

    fn get(&self, name: &str) -> Result<String, BadProperty> {
        self.0.get(name).map_err(refused)
    }

    fn number<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<T, BadProperty> {
        self.get(name)?.parse().map_err(|error| BadProperty::new(name, error))
    }
}

/// Has librdkafka look at them: each by itself, then all together, by a producer that knows no broker.
fn try_out(base: &ClientConfig) -> Result<(), BadProperty> {
    let mut alone = base.clone();
    alone.remove("bootstrap.servers");
    if alone.get("sasl.password") == Some("") {
        alone.set("sasl.password", "-");
    }
    let made: Result<BaseProducer, KafkaError> = alone.create();
    made.map(drop).map_err(refused)
}

/// Why librdkafka does not take them.
fn refused(error: KafkaError) -> BadProperty {
    match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
            BadProperty::new(&name, "librdkafka has no such property")
        }
        KafkaError::ClientConfig(_, _, name, _) => {
            BadProperty::new(&name, "librdkafka does not take this value; see its list of properties")
        }
        KafkaError::ClientCreation(reason) => BadProperty::new("", reason),
        error => BadProperty::new("", error),
    }
}

#[cfg(test)]
mod tests;
