//! Who gets a message: services, bridges, or both.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use frontier_integration_tests::bridges::counters;
use frontier_integration_tests::eventually;
use frontier_integration_tests::raw::{Client, Lost, kind};

use super::bridge_file::{accepted, bridge, folder, lines, payloads, publish, settings};

#[test]
fn a_topic_finds_its_bridges_and_services() {
    let folder = folder();
    let file = |name: &str| folder.path().join(name);
    let bridges = [
        bridge("exact", &file("exact"), &["topics: [a, shared]"]),
        bridge("glob", &file("glob"), &["topics: [\"a*\", \"*/x\"]"]),
        bridge("rest", &file("rest"), &["fallback: true"]),
        bridge("off", &file("off"), &["enable: false", "topics: [\"*\"]"]),
    ];
    let gateway = settings(&bridges).start();
    let mut service = Client::service(gateway.service, "svc", &["shared", "own"]);
    let mut edge = Client::edge(gateway.edge);
    for (topic, service_too, files) in [
        ("a", false, &["exact", "glob"][..]),
        ("abc", false, &["glob"]),
        ("q/x", false, &["glob"]),
        ("a/x", false, &["glob"]),
        ("shared", true, &["exact"]),
        ("own", true, &[]),
        ("nobody's", false, &["rest"]),
        ("", false, &["rest"]),
    ] {
        let before: HashMap<&str, usize> =
            ["exact", "glob", "rest"].into_iter().map(|name| (name, lines(&file(name)).len())).collect();
        let sent = publish(&mut edge, topic, topic);
        if service_too {
            let message = service.received();
            assert_eq!(message.text("topic"), topic);
            service.ack(&message);
        }
        assert_eq!(edge.acked(sent), Ok(()), "{topic}");
        for (name, before) in before {
            let more = lines(&file(name)).len() - before;
            assert_eq!(more, usize::from(files.contains(&name)), "{topic:?} in {name}");
        }
        assert_eq!(service.unasked(), [], "{topic}");
    }
    assert!(!file("off").exists());
}

#[test]
fn a_message_for_a_service_and_a_bridge_is_acked_once_both_have_it() {
    let folder = folder();
    let path = folder.path().join("f");
    let gateway = settings(&[bridge("f", &path, &["topics: [t]"])]).start();
    let mut service = Client::service(gateway.service, "svc", &["t"]);
    let mut edge = Client::edge(gateway.edge);
    let sent = publish(&mut edge, "t", "both");
    let message = service.received();
    eventually("the file has it", || (payloads(&path) == ["both"]).then_some(()));
    assert_eq!(edge.unasked(), [], "not acked before the service has it");
    service.ack(&message);
    assert_eq!(edge.acked(sent), Ok(()));

    let sent = publish(&mut edge, "t", "refused by one");
    let message = service.received();
    service.refuse(&message, "no");
    assert_eq!(edge.acked(sent), Err("no".to_owned()));
    assert_eq!(edge.unasked(), [], "one answer");
}

#[test]
fn what_one_target_fails_the_others_do_not_get_later() {
    let folder = folder();
    let (one, other) = (folder.path().join("later/one"), folder.path().join("later/other"));
    let gateway = settings(&[
        bridge("one", &one, &["topics: [t, u]"]),
        bridge("picky", &folder.path().join("picky"), &["topics: [t]", "destination: \"${meta.site}\""]),
        bridge("other", &other, &["topics: [t, u]"]),
    ])
    .start();
    let mut service = Client::service(gateway.service, "svc", &["t", "u"]);
    let mut edge = Client::edge(gateway.edge);
    let sent = publish(&mut edge, "t", "a bridge refuses it at once");
    let error = edge.acked(sent).expect_err("the edge has no site");
    assert!(error.starts_with("bridge \"picky\" (file "), "{error}");
    let sent = publish(&mut edge, "u", "the service refuses it");
    let message = service.received();
    assert_eq!(message.text("topic"), "u", "what was refused before goes nowhere else");
    service.refuse(&message, "no");
    assert_eq!(edge.acked(sent), Err("no".to_owned()));
    fs::create_dir(folder.path().join("later")).expect("a folder can be made");
    let sent = publish(&mut edge, "u", "taken");
    let message = service.received();
    service.ack(&message);
    assert_eq!(edge.acked(sent), Ok(()));
    for (name, path, dropped) in [("one", &one, 2), ("other", &other, 1)] {
        assert_eq!(payloads(path), ["taken"], "{name}");
        let counters = counters(&gateway, name);
        assert_eq!((counters["delivered"], counters["dropped"], counters["failed"]), (1, dropped, 0), "{name}");
    }
}

#[test]
fn with_delivery_one_an_edge_keeps_to_one_of_service_and_bridge() {
    let folder = folder();
    let path = folder.path().join("f");
    let gateway = settings(&[bridge("f", &path, &["topics: [t]", "delivery: one"])]).start();
    let mut service = Client::service(gateway.service, "svc", &["t"]);
    edges_are_spread(|| {
        let mut edge = Client::edge(gateway.edge);
        [(); 2].map(|()| is_for_service(&mut edge, "t", &mut service, &path))
    });
}

/// Publishes to `topic`, and says whether the service got it, which accepts it then; else the file at `path` has it.
#[track_caller]
fn is_for_service(edge: &mut Client, topic: &str, service: &mut Client, path: &Path) -> bool {
    let before = lines(path).len();
    let sent = publish(edge, topic, "x");
    let by_service = match service.try_next(Duration::from_millis(1)) {
        Ok(message) => Some(message),
        Err(Lost::Ended) => panic!("the service was cut"),
        Err(Lost::TimedOut) => eventually("somebody has it", || {
            let message = service.unasked().into_iter().find(|frame| frame.kind == kind::MESSAGE);
            (message.is_some() || lines(path).len() > before).then_some(message)
        }),
    };
    if let Some(message) = &by_service {
        service.ack(message);
    }
    assert_eq!(edge.acked(sent), Ok(()));
    assert_eq!(lines(path).len() - before, usize::from(by_service.is_none()), "one of them");
    by_service.is_some()
}

/// Of 24 edges each keeps to its taker, and both get some.
#[track_caller]
fn edges_are_spread(mut is_first: impl FnMut() -> [bool; 2]) {
    let mut to_first = 0;
    for _ in 0..24 {
        let [once, again] = is_first();
        assert_eq!(once, again, "an edge keeps to its taker");
        to_first += usize::from(once);
    }
    assert!((1..24).contains(&to_first), "24 edges over two: {to_first} at the first");
}

#[test]
fn what_a_bridge_takes_by_name_is_not_for_a_service_that_takes_the_rest() {
    let folder = folder();
    let file = |name: &str| folder.path().join(name);
    let bridges = [
        bridge("exact", &file("exact"), &["topics: [t]"]),
        bridge("glob", &file("glob"), &["topics: [\"u*\"]", "delivery: one"]),
    ];
    let gateway = settings(&bridges).start();
    let mut service = Client::service(gateway.service, "svc", &["*"]);
    let mut edge = Client::edge(gateway.edge);
    for (topic, file) in [("t", file("exact")), ("u1", file("glob"))] {
        accepted(&mut edge, topic, topic);
        assert_eq!(payloads(&file), [topic]);
        assert_eq!(service.unasked(), [], "{topic}");
    }
    let sent = publish(&mut edge, "other", "x");
    let message = service.received();
    service.ack(&message);
    assert_eq!(edge.acked(sent), Ok(()));
}

#[test]
fn services_and_bridges_that_take_the_rest_share_it() {
    let folder = folder();
    let (every, one) = (folder.path().join("every"), folder.path().join("one"));
    let bridges =
        [bridge("every", &every, &["fallback: true"]), bridge("one", &one, &["fallback: true", "delivery: one"])];
    let gateway = settings(&bridges).start();
    let mut service = Client::service(gateway.service, "svc", &["*"]);
    edges_are_spread(|| {
        let mut edge = Client::edge(gateway.edge);
        [(); 2].map(|()| {
            let before = lines(&every).len();
            let by_service = is_for_service(&mut edge, "t", &mut service, &one);
            assert_eq!(lines(&every).len(), before + 1, "beside whoever else gets it");
            by_service
        })
    });
}

#[test]
fn of_bridges_with_delivery_one_an_edge_keeps_to_one() {
    let folder = folder();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let one = ["topics: [t]", "delivery: one"];
    let gateway = settings(&[bridge("first", &first, &one), bridge("second", &second, &one)]).start();
    edges_are_spread(|| {
        let mut edge = Client::edge(gateway.edge);
        [(); 2].map(|()| {
            let before = [&first, &second].map(|file| lines(file).len());
            accepted(&mut edge, "t", "x");
            let more = [(&first, before[0]), (&second, before[1])].map(|(file, before)| lines(file).len() - before);
            assert_eq!(more.iter().sum::<usize>(), 1, "one of them");
            more[0] == 1
        })
    });
}
