//! The files in `compose`, read as compose reads them, where no image can be pulled: which brokers they would start, and that these keep
//! what the tests' own keep.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Yaml;

/// Each broker, its image, and the port at which the gateway beside it finds it.
const BROKERS: [(&str, &str, &str); 5] = [
    ("kafka", "apache/kafka:${KAFKA_VERSION}", "9092"),
    ("rabbitmq", "rabbitmq:${RABBITMQ_VERSION}", "5672"),
    ("nats", "nats:${NATS_VERSION}-alpine", "4222"),
    ("mosquitto", "eclipse-mosquitto:${MOSQUITTO_VERSION}", "1883"),
    ("redis", "redis:${REDIS_VERSION}", "6379"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member lies below the root").to_owned()
}

#[track_caller]
fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[track_caller]
fn yaml(file: &str) -> Yaml {
    serde_saphyr::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// `text` with the variables of `compose/.env`, and else with what stands for one that is not set.
#[track_caller]
fn filled(text: &str) -> String {
    let env = self::text("compose/.env");
    let value = |name: &str| env.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        let (variable, after) =
            behind.split_once('}').unwrap_or_else(|| panic!("{text} has a \"${{\" without its \"}}\""));
        let (name, otherwise) = variable.split_once(":-").map_or((variable, None), |(name, text)| (name, Some(text)));
        let value = value(name).or(otherwise).unwrap_or_else(|| panic!("nothing says what {name} of {text} is"));
        filled.extend([before, value]);
        rest = after;
    }
    filled + rest
}

#[test]
fn every_compose_file_can_be_read_and_names_files_that_are_there() {
    for file in ["compose", "brokers", "tests", "sqlite"] {
        let file = format!("compose/{file}.yaml");
        let services = yaml(&file)["services"].as_object().cloned().unwrap_or_else(|| panic!("{file} has no services"));
        for (name, service) in &services {
            for volume in service["volumes"].as_array().into_iter().flatten().filter_map(Yaml::as_str) {
                // Where the records lie, only who starts it knows.
                if volume.contains(":?") {
                    continue;
                }
                let volume = filled(volume);
                let (ours, _) = volume.split_once(':').expect("a place here and one there");
                assert!(root().join("compose").join(ours).exists(), "{file}, {name}: {ours}");
            }
        }
    }
}

#[test]
fn brokers_in_containers_are_those_of_the_tests_with_health_and_bounds() {
    let services = yaml("compose/brokers.yaml")["services"].clone();
    assert_eq!(services.as_object().map(serde_json::Map::len), Some(BROKERS.len()));
    for (name, image, _) in BROKERS {
        let service = &services[name];
        assert_eq!(filled(service["image"].as_str().expect("an image")), filled(image), "{name}");
        let health = &service["healthcheck"];
        let test: Vec<&str> = health["test"].as_array().into_iter().flatten().filter_map(Yaml::as_str).collect();
        assert!(matches!(test[..], ["CMD" | "CMD-SHELL", _, ..]), "{name}: {health}");
        for key in ["interval", "timeout", "start_period", "retries"] {
            assert!(!health[key].is_null(), "{name} has no {key}: {health}");
        }
        assert_eq!(service["logging"]["driver"], "local", "{name}: else its log has no bound");
    }
}

#[test]
fn the_gateway_beside_them_has_a_topic_for_each_and_the_tests_wait_for_all() {
    let bridges = yaml("compose/forward/frontier.yaml")["bridges"].to_string();
    let waits = yaml("compose/tests.yaml")["services"]["tests"]["depends_on"].clone();
    for (name, _, port) in BROKERS {
        assert!(bridges.contains(&format!("\"{name}:{port}\"")), "no bridge to {name}: {bridges}");
        assert_eq!(waits[name]["condition"], "service_healthy", "{name}");
    }
    assert_eq!(waits["frontier"]["condition"], "service_healthy");
}

/// What was confirmed is worth the same in containers as it is in the tests.
#[test]
fn brokers_in_containers_keep_what_they_confirm_as_those_of_the_tests_do() {
    for (file, lines) in [
        ("redis.conf", frontier_integration_tests::brokers::REDIS_KEEPS),
        ("mosquitto.conf", frontier_integration_tests::brokers::MOSQUITTO_KEEPS),
    ] {
        let there = text(&format!("compose/brokers/{file}"));
        for line in lines {
            assert!(there.lines().any(|its| its == *line), "{file} lacks {line:?}");
        }
    }
}
