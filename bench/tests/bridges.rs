//! The whole of `make bench-bridges` with rounds of a moment, against the real brokers and the built gateway: it runs, and writes what it
//! found where it belongs. How large the figures are is not judged here.

mod quick;

use std::path::{Path, PathBuf};

use quick::{read, run};
use serde_json::Value;

/// The program that starts a broker, beside this test's own.
fn broker() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows where it lies");
    let profile = own.ancestors().nth(2).expect("it lies in the folder deps of a profile");
    let broker = profile.join("examples").join("broker");
    let build = "cargo build -p frontier-integration-tests --example broker";
    assert!(broker.is_file(), "{} is not there: {build}", broker.display());
    broker
}

#[test]
fn a_bridge_is_measured_beside_a_bare_client() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    run("bridges.sh", folder.path(), &[], &[("FRONTIER_BROKER_BIN", broker())]);
    let names =
        ["01-kafka.json", "02-rabbitmq.json", "03-nats.json", "04-jetstream.json", "05-mqtt.json", "06-redis.json"];
    for name in names {
        let report: Value = serde_json::from_str(&read(&folder.path().join(name))).expect("a report is JSON");
        for figure in [
            "/full/gateway/operations",
            "/full/gateway/latency_us/p99",
            "/full/bare/per_second",
            "/full/versus_bare",
            "/full/rounds/0/operations",
            "/full/bare_rounds/0/operations",
            "/half/gateway/latency_us/p50",
            "/half/bare/latency_us/p99",
            "/half_per_second",
            "/memory/private_kib",
        ] {
            let value = report.pointer(figure).and_then(Value::as_f64);
            assert!(value.is_some_and(|value| value > 0.0), "{figure} of {name} is {value:?}");
        }
    }
    let document = read(&folder.path().join("performance.md"));
    let (before, behind) = document.split_once("<!-- bridges -->").expect("the place is there");
    let (figures, after) = behind.split_once("<!-- end of bridges -->").expect("its end is there");
    let rows = [
        "| Kafka (Kafka ",
        "| RabbitMQ (RabbitMQ ",
        "| NATS core (nats-server ",
        "| NATS JetStream (nats-server ",
        "| MQTT QoS 1 (Mosquitto ",
        "| Redis streams (Redis ",
    ];
    for line in rows.into_iter().chain(["gateway, half load"]) {
        assert!(figures.contains(line), "{line} is not in\n{figures}");
    }
    let old = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md"));
    assert!(old.starts_with(before) && old.ends_with(after), "something else of the document was changed");
}
