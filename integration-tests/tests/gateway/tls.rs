//! TLS and mTLS on both listeners.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use frontier_integration_tests::certificates::{Authority, Pair as Certificate, listener_yaml};
use frontier_integration_tests::process::Signal;
use frontier_integration_tests::raw::{Body, Client, Hello, Pair, TlsClient, call_down, call_up};
use frontier_integration_tests::{Gateway, PATIENCE, Settings, eventually};

const NAME: &str = "gateway.test";

/// A gateway with TLS on both listeners.
fn gateway(certificate: &Certificate, clients: Option<&Authority>) -> Gateway {
    let tls = listener_yaml(&[certificate], clients);
    Settings { edge_tls: tls.clone(), service_tls: tls, ..Settings::default() }.start()
}

fn edge(gateway: &Gateway, tls: &TlsClient) -> Client {
    let mut edge = Client::dial_tls(gateway.edge, tls);
    edge.say(&Hello::default());
    edge.admitted();
    edge
}

fn pair(gateway: &Gateway, tls: &TlsClient) -> Pair {
    let mut service = Client::dial_tls(gateway.service, tls);
    service.say(&Hello::service("svc", &["t"]));
    service.admitted();
    service.register("echo");
    Pair { edge: edge(gateway, tls), service }
}

#[test]
fn calls_and_messages_go_over_tls_in_both_directions() {
    let authority = Authority::new("ours");
    let gateway = gateway(&authority.pair("server", NAME), None);
    let tls = TlsClient::new(&authority, NAME, None);
    let mut pair = pair(&gateway, &tls);
    pair.works();
    let large = vec![7; 3_000_000];
    let call = pair.edge.request(&Body::new().method("echo").value(&large));
    let request = pair.service.called("echo");
    pair.service.respond(&request, &request.value());
    assert!(pair.edge.answer(call) == Ok(large), "three megabytes come back as they went");
}

#[test]
fn plain_clients_get_nothing_from_a_port_with_tls() {
    let authority = Authority::new("ours");
    let gateway = gateway(&authority.pair("server", NAME), None);
    for addr in [gateway.edge, gateway.service] {
        let mut plain = Client::dial(addr);
        plain.say(&Hello::default());
        plain.cut_off();
    }
    pair(&gateway, &TlsClient::new(&authority, NAME, None)).works();
}

#[test]
fn with_mtls_only_clients_with_a_good_certificate_come_in() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let mut gateway = gateway(&ours.pair("server", NAME), Some(&ours));
    let known = TlsClient::new(&ours, NAME, Some(&ours.pair("client", "client.test")));
    pair(&gateway, &known).works();
    let foreign = others.pair("client", "client.test");
    for stranger in [None, Some(&foreign)] {
        let tls = TlsClient::new(&ours, NAME, stranger);
        for addr in [gateway.edge, gateway.service] {
            // Depending on who is faster the refusal is seen in the handshake or behind it; never is there an ack.
            let refused = tls.connect(addr).and_then(|mut stream| stream.read(&mut [0; 1]));
            assert!(refused.is_err(), "{refused:?}");
        }
    }
    let failed = |side| gateway.metric("frontier_tls_handshakes_total", &[side, "result=\"failed\""]);
    eventually("both sides count", || {
        (failed("side=\"edge\"") == 2.0 && failed("side=\"service\"") == 2.0).then_some(())
    });
    gateway.ends_without_complaint();
}

#[test]
fn a_half_closed_edge_still_gets_its_answer_over_tls() {
    let authority = Authority::new("ours");
    let gateway = gateway(&authority.pair("server", NAME), None);
    let Pair { mut edge, mut service } = pair(&gateway, &TlsClient::new(&authority, NAME, None));
    let call = edge.request(&Body::new().method("echo").value(b"late"));
    let request = service.called("echo");
    edge.finish_writing();
    eventually("the gateway has seen the end", || {
        (gateway.metric("frontier_links", &["side=\"edge\""]) == 0.0).then_some(())
    });
    service.respond(&request, b"late");
    assert_eq!(edge.answer(call), Ok(b"late".to_vec()));
    edge.ended();
}

#[test]
fn unfinished_handshakes_are_cut_and_hold_up_nobody() {
    let authority = Authority::new("ours");
    let limits = vec!["limits: { handshake_seconds: 5 }".to_owned()];
    let tls = listener_yaml(&[&authority.pair("server", NAME)], None);
    let settings = Settings {
        edge_tls: tls.clone(),
        service_tls: tls,
        edgebound: limits.clone(),
        servicebound: limits,
        ..Settings::default()
    };
    let mut gateway = settings.start();
    let client = TlsClient::new(&authority, NAME, None);
    let mut stuck = Vec::new();
    for addr in [gateway.edge, gateway.service] {
        for _ in 0..20 {
            let mut half = Client::dial(addr);
            half.send_bytes(&[0x16, 3, 1, 2, 0]);
            stuck.push(half);
        }
        // The time for TLS and for the Conn is one.
        stuck.push(Client::dial_tls(addr, &client));
    }
    let mut service = pair(&gateway, &client).service;
    for _ in 0..50 {
        let mut edge = edge(&gateway, &client);
        call_up(&mut edge, &mut service, b"normal");
    }
    for half in &mut stuck {
        half.ended();
    }
    let timed_out = |side| gateway.metric("frontier_tls_handshakes_total", &[side, "result=\"timed_out\""]);
    assert_eq!((timed_out("side=\"edge\""), timed_out("side=\"service\"")), (20.0, 20.0));
    call_up(&mut edge(&gateway, &client), &mut service, b"as before");
    drop(service);
    gateway.ends_without_complaint();
}

#[test]
fn files_that_cannot_be_used_end_the_start_with_their_name() {
    let authority = Authority::new("ours");
    let (good, other) = (authority.pair("server", NAME), authority.pair("other", NAME));
    let missing = Certificate { cert: authority.file().with_file_name("missing.pem"), ..good.clone() };
    let mixed = Certificate { key: other.key.clone(), ..good.clone() };
    for (pair, named) in [(&missing, &missing.cert), (&mixed, &other.key)] {
        let tls = listener_yaml(&[&good, pair], None);
        for (settings, key) in [
            (Settings { edge_tls: tls.clone(), ..Settings::default() }, "edgebound.listen.tls: "),
            (Settings { service_tls: tls.clone(), ..Settings::default() }, "servicebound.listen.tls: "),
        ] {
            for (status, said) in [settings.fails_to_start(), settings.check()] {
                assert!(!status.success());
                let why = format!("{key}{}: ", named.display());
                assert!(said.lines().any(|line| line.contains(&why)), "{said}");
            }
        }
    }
}

#[test]
fn new_certificates_are_taken_on_a_signal_and_no_link_is_dropped() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let files = old.pair("server", NAME);
    let gateway = gateway(&files, None);
    let (before, after) = (TlsClient::new(&old, NAME, None), TlsClient::new(&new, NAME, None));
    let mut standing = pair(&gateway, &before);
    assert!(after.connect(gateway.edge).is_err());

    files.replace_with(&new.pair("server", NAME));
    gateway.signal(Signal::Hup);
    eventually("the new certificates are in use", || after.connect(gateway.edge).ok());
    assert!(before.connect(gateway.edge).is_err());
    assert!(before.connect(gateway.service).is_err());
    newcomers_and_old_links_work(&gateway, &after, &mut standing);

    std::fs::write(&files.cert, "torn").expect("a file can be written");
    gateway.signal(Signal::Hup);
    let line = gateway.logged(&format!("{}: holds no certificate", files.cert.display()));
    assert!(line.contains("ERROR") || line.contains("WARN"), "{line}");
    newcomers_and_old_links_work(&gateway, &after, &mut standing);
}

fn newcomers_and_old_links_work(gateway: &Gateway, tls: &TlsClient, standing: &mut Pair) {
    call_up(&mut edge(gateway, tls), &mut standing.service, b"a new edge");
    let mut service = Client::dial_tls(gateway.service, tls);
    service.say(&Hello::service("new", &[]));
    service.admitted();
    call_down(&mut service, &mut standing.edge, b"a new service");
    standing.works();
}

#[test]
fn a_client_that_takes_no_bytes_is_ended_over_tls_too() {
    let authority = Authority::new("ours");
    let edgebound = vec!["limits: { stalled_write_seconds: 1 }".to_owned()];
    let edge_tls = listener_yaml(&[&authority.pair("server", NAME)], None);
    let gateway = Settings { edge_tls, edgebound, ..Settings::default() }.start();
    let mut service = Client::hooked(&gateway, &["edge_offline"]);
    let deaf = edge(&gateway, &TlsClient::new(&authority, NAME, None));
    let flood = Body::new().method("x").value(&[0; 7_000_000]).to_edge(deaf.id);
    let calls: Vec<u64> = (0..4).map(|_| service.request(&flood)).collect();
    assert_eq!(service.heard("edge_offline"), deaf.id);
    for call in calls {
        assert!(service.answer(call).is_err());
    }
}

#[test]
fn the_recipe_works_as_it_stands() {
    let (server, services) = (Authority::new("server"), Authority::new("services"));
    let recipe = include_str!("../../../etc/frontier_tls.yaml");
    let pair = server.pair("server", NAME);
    let here = |text: &str, from: &str, to: &Path| text.replace(from, to.to_str().expect("a path of ours is text"));
    let text = here(recipe, "/etc/frontier/tls/server.pem", &pair.cert);
    let text = here(&text, "/etc/frontier/tls/server.key", &pair.key);
    let text = here(&text, "/etc/frontier/tls/services-ca.pem", &services.file());
    let text = text.replace("0.0.0.0:30011", "127.0.0.1:0").replace("0.0.0.0:30012", "127.0.0.1:0");
    let gateway =
        Settings { whole: Some(text + "observability:\n  addr: 127.0.0.1:0\n"), ..Settings::default() }.start();

    let own = services.pair("own", "greeter.test");
    let mut service = Client::dial_tls(gateway.service, &TlsClient::new(&server, NAME, Some(&own)));
    service.say(&Hello::service("svc", &["t"]));
    service.admitted();
    service.register("echo");
    Pair { edge: edge(&gateway, &TlsClient::new(&server, NAME, None)), service }.works();
}

#[test]
fn a_link_that_ends_says_goodbye_in_tls() {
    let authority = Authority::new("ours");
    let mut gateway = gateway(&authority.pair("server", NAME), None);
    let mut stream = TlsClient::new(&authority, NAME, None).connect(gateway.edge).expect("a handshake");
    stream.write_all(b"this is no frame of ours").expect("it can be sent");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("an end that is announced is no error");
    gateway.signal(Signal::Term);
    gateway.exit(PATIENCE);
    let refused = TcpStream::connect(gateway.edge).and_then(|socket| socket.shutdown(Shutdown::Both));
    assert!(refused.is_err());
}
