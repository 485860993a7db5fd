//! What is told of a configuration that does not work, before and after the start. No broker is needed.

use frontier_integration_tests::Settings;

use crate::settings;

/// One bridge with these lines below `kafka:`.
fn bridge(lines: &[&str]) -> Settings {
    let mut all = vec!["topics: [t]".to_owned(), "kafka:".to_owned()];
    all.extend(lines.iter().map(|line| format!("  {line}")));
    settings(&[("b", all)])
}

#[test]
fn properties_that_librdkafka_does_not_take_are_told_by_check_and_start() {
    for (property, said) in [
        ("lingr.ms: \"5\"", "bridge \"b\": kafka: property \"lingr.ms\": librdkafka has no such property"),
        (
            "ssl.endpoint.identification.algorithm: s3cret",
            "bridge \"b\": kafka: property \"ssl.endpoint.identification.algorithm\": librdkafka does not take this value; \
             see its list of properties",
        ),
        (
            "delivery.report.only.error: \"true\"",
            "bridge \"b\": kafka: property \"delivery.report.only.error\": cannot be set: publishers would never hear of \
             their success",
        ),
    ] {
        let settings = bridge(&["addrs: [\"127.0.0.1:1\"]", &format!("properties: {{ {property} }}")]);
        let (status, checked) = settings.check();
        assert_eq!((status.code(), checked.trim_end()), (Some(64), &*format!("frontier: {said}")));
        let (status, started) = settings.fails_to_start();
        assert_eq!((status.code(), &*started), (Some(64), checked.trim_end()));
    }
}

#[test]
fn a_name_that_is_not_there_and_files_that_are_not_are_reasons_and_no_noise() {
    let tls = "tls: { enable: true, ca_certs: [/nonexistent/ca.pem] }";
    let key = "tls: { enable: true, cert: /nonexistent/cert.pem, key: /nonexistent/key.pem }";
    for (lines, reason) in [
        (&["addrs: [\"nowhere.invalid:9092\"]"][..], "Failed to resolve 'nowhere.invalid:9092'"),
        (&["addrs: [\"127.0.0.1:1\"]"], "Connection refused"),
        (&["addrs: [\"127.0.0.1:1\"]", tls], "/nonexistent/ca.pem: No such file or directory"),
        (&["addrs: [\"127.0.0.1:1\"]", key], "/nonexistent/"),
    ] {
        let gateway = bridge(lines).start();
        let line = gateway.logged("bridge down");
        assert!(line.contains(reason), "{line}");
        for line in gateway.log.lines() {
            assert!(line.contains(" frontier"), "librdkafka says nothing past the log: {line}");
        }
    }
}
