//! What librdkafka is told.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use config::{Acks, Bridge, BridgeTls, KafkaBridge, KafkaCompression, Partitioner, SaslMechanism, Secret, WhenFull};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
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

/// Second names that librdkafka has for properties set here.
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
        for (name, value) in &kafka.properties {
            let name = ALIASES.iter().find(|(alias, _)| alias == name).map_or(name.as_str(), |(_, name)| name);
            if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                return Err(BadProperty::new(name, format_args!("cannot be set: {reason}")));
            }
            if name == "debug" {
                base.set_log_level(RDKafkaLogLevel::Debug);
            }
            base.set(name, value.expose());
        }
        try_out(&base)?;
        let linger = divide_linger(&mut base);
        Ok(Self { base, tls: kafka.tls.clone(), patience: kafka.delivery_timeout, linger })
    }

    /// How long records gather.
    pub(super) fn linger(&self) -> Linger {
        self.linger
    }

    /// Whether records become smaller on their way to the broker.
    pub(super) fn compress(&self) -> bool {
        self.base.get("compression.codec").is_some_and(|codec| codec != "none")
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
        if let Some(password) = password {
            now.set("sasl.password", password.expose());
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
            now.set("ssl.ca.pem", authorities);
        }
        if let (Some(cert), Some(key)) = (&self.tls.cert, &self.tls.key) {
            // librdkafka reads them itself, and would not say which one is not there.
            read(cert)?;
            read(key)?;
            now.set("ssl.certificate.location", cert.to_string_lossy());
            now.set("ssl.key.location", key.to_string_lossy());
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
    base.set("enable.idempotence", if kafka.is_idempotent() { "true" } else { "false" });
    if !kafka.is_idempotent() {
        // Else what is repeated would come behind what was sent after it.
        base.set("max.in.flight.requests.per.connection", "1");
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
fn divide_linger(base: &mut ClientConfig) -> Linger {
    let millis = base.get("linger.ms").and_then(|linger| linger.parse().ok());
    let linger = millis.and_then(|millis: f64| Duration::try_from_secs_f64(millis / 1e3).ok()).unwrap_or_default();
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

/// Has librdkafka look at them: each by itself, then all together, by a producer that knows no broker.
fn try_out(base: &ClientConfig) -> Result<(), BadProperty> {
    let mut alone = base.clone();
    alone.remove("bootstrap.servers");
    if alone.get("sasl.password") == Some("") {
        alone.set("sasl.password", "-");
    }
    let made: Result<BaseProducer, KafkaError> = alone.create();
    match made {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _)) => {
            Err(BadProperty::new(&name, "librdkafka has no such property"))
        }
        Err(KafkaError::ClientConfig(_, _, name, _)) => {
            Err(BadProperty::new(&name, "librdkafka does not take this value; see its list of properties"))
        }
        Err(KafkaError::ClientCreation(reason)) => Err(BadProperty::new("", reason)),
        Err(error) => Err(BadProperty::new("", error)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::kafka::limits::Limits;

    fn kafka(properties: &[(&str, &str)]) -> KafkaBridge {
        let secret = |text: &str| text.parse().expect("any text is one");
        let properties: BTreeMap<String, Secret> =
            properties.iter().map(|(name, value)| ((*name).to_owned(), secret(value))).collect();
        KafkaBridge { addrs: vec!["k:9092".parse().expect("any text is one")], properties, ..KafkaBridge::default() }
    }

    fn of(kafka: &KafkaBridge) -> Result<Properties, BadProperty> {
        Properties::new(&Bridge::default(), kafka)
    }

    #[track_caller]
    fn refused(kafka: &KafkaBridge) -> String {
        of(kafka).map(|_| "taken").expect_err("it is refused").to_string()
    }

    #[test]
    fn without_idempotence_one_request_at_a_time_keeps_the_order() {
        for (acks, idempotence, word, expected) in [
            (Acks::All, None, "all", None),
            (Acks::All, Some(false), "all", Some("1")),
            (Acks::Leader, None, "1", Some("1")),
            (Acks::None, None, "0", Some("1")),
        ] {
            let properties = of(&KafkaBridge { acks, idempotence, ..kafka(&[]) }).unwrap().base;
            assert_eq!(properties.get("acks"), Some(word));
            assert_eq!(properties.get("max.in.flight.requests.per.connection"), expected, "{acks:?} {idempotence:?}");
        }
    }

    #[test]
    fn the_client_has_room_for_all_that_may_wait() {
        let bridge = Bridge { when_full: WhenFull::Wait, ..Bridge::default() };
        let properties = Properties::new(&bridge, &kafka(&[])).unwrap().base;
        let kbytes: u64 = properties.get("queue.buffering.max.kbytes").unwrap().parse().unwrap();
        assert!(kbytes * 1024 >= 5 * 16 * 1024 * 1024 + 1_000_000, "{kbytes}");
    }

    #[test]
    fn what_lingers_for_long_does_so_before_the_client_has_it() {
        let millis =
            |before, client| Linger { before: Duration::from_millis(before), client: Duration::from_millis(client) };
        for (millis_in_all, expected, told) in
            [("0", millis(0, 0), "0"), ("2", millis(0, 2), "2"), ("4", millis(0, 4), "4"), ("50", millis(46, 4), "4")]
        {
            let properties = of(&kafka(&[("linger.ms", millis_in_all)])).unwrap();
            assert_eq!(properties.linger(), expected, "{millis_in_all}");
            assert_eq!(properties.base.get("linger.ms"), Some(told));
        }
    }

    #[test]
    fn properties_of_the_operator_come_last_by_either_of_their_names() {
        let own = kafka(&[("queue.buffering.max.ms", "0"), ("socket.timeout.ms", "20000")]);
        let properties = of(&own).unwrap().base;
        assert_eq!(properties.get("linger.ms"), Some("0"));
        assert_eq!(properties.get("queue.buffering.max.ms"), None);
        assert_eq!(properties.get("socket.timeout.ms"), Some("20000"));
    }

    #[test]
    fn compression_is_known_by_whichever_key_it_comes() {
        let keyed = KafkaBridge { compression: KafkaCompression::Zstd, ..kafka(&[]) };
        assert!(of(&keyed).unwrap().compress());
        assert!(!of(&kafka(&[])).unwrap().compress());
        for name in ["compression.type", "compression.codec"] {
            assert!(of(&kafka(&[(name, "lz4")])).unwrap().compress(), "{name}");
            assert!(
                !of(&KafkaBridge { compression: KafkaCompression::Zstd, ..kafka(&[(name, "none")]) })
                    .unwrap()
                    .compress()
            );
        }
    }

    #[test]
    fn a_property_that_cannot_be_used_is_named_and_its_value_is_not() {
        for (name, value, reason) in [
            ("lingr.ms", "5", "property \"lingr.ms\": librdkafka has no such property"),
            (
                "linger.ms",
                "s3cret",
                "property \"linger.ms\": librdkafka does not take this value; see its list of properties",
            ),
            ("transactional.id", "x", "property \"transactional.id\": cannot be set: nothing is sent in transactions"),
        ] {
            assert_eq!(refused(&kafka(&[(name, value)])), reason);
        }
        let together = refused(&kafka(&[("max.in.flight", "6")]));
        assert!(together.contains("max.in.flight"), "{together}");
    }

    #[test]
    fn a_login_needs_no_password_until_it_connects() {
        let mut kafka = kafka(&[]);
        kafka.sasl.mechanism = SaslMechanism::ScramSha512;
        kafka.sasl.username = "u".to_owned();
        let properties = of(&kafka).unwrap();
        let password = "p#a$s".parse().unwrap();
        let now = properties.now(Some(&password), &Limits::new(1_000, Vec::new()).batches()).unwrap();
        assert_eq!(now.get("sasl.password"), Some("p#a$s"));
        assert_eq!((now.get("security.protocol"), now.get("batch.size")), (Some("sasl_plaintext"), Some("1000")));
    }

    #[test]
    fn authorities_are_read_at_each_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let mut kafka = kafka(&[]);
        kafka.tls = BridgeTls { enable: true, ca_certs: vec![file.clone()], ..BridgeTls::default() };
        let properties = of(&kafka).unwrap();
        let batches = Limits::new(1_000, Vec::new()).batches();
        let error = properties.now(None, &batches).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: No such file or directory (os error 2)", file.display()));
        std::fs::write(&file, "pem").unwrap();
        assert_eq!(properties.now(None, &batches).unwrap().get("ssl.ca.pem"), Some("pem\n"));
    }
}
