//! Bounds: what is too large, too much or too slow costs only the one who does it.

use std::thread;
use std::time::Duration;

use frontier_integration_tests::process::resident_kib;
use frontier_integration_tests::raw::{Body, Client, Frame, Hello, Pair, base64, call_down, call_up, kind};
use frontier_integration_tests::{Gateway, Settings, eventually};

/// The largest body that any peer may send or get.
const CAP: usize = 10 * 1024 * 1024;

/// A request body of exactly `length` bytes, with `"custom"` as given.
fn request_of(length: usize, custom: &str) -> Vec<u8> {
    let empty = |value: &str| {
        let body = Body::new().method("echo").json("custom", custom).json("value", &format!("\"{value}\""));
        body.on(1)
    };
    let room = length - empty("").len();
    // Base64 comes in groups of four; white space behind the JSON fills the rest.
    let mut body = empty(&"A".repeat(room / 4 * 4));
    body.resize(length, b' ');
    body
}

#[test]
fn a_frame_of_exactly_the_limit_passes_and_one_byte_more_closes_the_link() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    // A service addresses by custom, which is taken off: what arrives is smaller than what was sent.
    let custom = format!("\"{}\"", base64(&pair.edge.id.to_be_bytes()));
    let call = pair.service.fresh();
    pair.service.send(kind::REQUEST, call, &request_of(CAP, &custom));
    let request = pair.edge.called("echo");
    pair.edge.respond(&request, b"");
    assert_eq!(pair.service.answer(call), Ok(Vec::new()));

    let mut edge = Client::edge(gateway.edge);
    let too_long = [&[1, kind::REQUEST, 0, 0, 0, 0, 0, 0, 0, 5], &u32::to_be_bytes(CAP as u32 + 1)[..]].concat();
    edge.send_bytes(&too_long);
    edge.ended();
    pair.works();
}

#[test]
fn a_request_that_the_tail_would_make_too_large_is_answered_with_an_error() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for length in [CAP, CAP - 4] {
        let call = pair.edge.fresh();
        pair.edge.send(kind::REQUEST, call, &full_request(length));
        assert!(pair.edge.answer(call).is_err());
    }
    pair.works();
}

/// A request body of `length` bytes that has no room for a tail anywhere: no white space, no custom.
fn full_request(length: usize) -> Vec<u8> {
    let filled = |filler: &str, value: &str| {
        let body = Body::new().method("echo").json("topic", &format!("\"{filler}\""));
        body.json("value", &format!("\"{value}\"")).on(1)
    };
    let room = length - filled("", "").len();
    let body = filled(&"x".repeat(room % 4), &"A".repeat(room / 4 * 4));
    assert_eq!(body.len(), length);
    body
}

#[test]
fn a_configured_limit_holds() {
    let edgebound = vec!["limits: { max_message_bytes: 2048 }".to_owned()];
    let gateway = Settings { edgebound, ..Settings::default() }.start();
    let mut pair = Pair::connect(&gateway);
    let call = pair.edge.fresh();
    pair.edge.send(kind::REQUEST, call, &request_of(2048, "null"));
    let request = pair.service.called("echo");
    pair.service.respond(&request, b"");
    assert_eq!(pair.edge.answer(call), Ok(Vec::new()));
    let mut greedy = Client::edge(gateway.edge);
    greedy.send(kind::REQUEST, 5, &request_of(2049, "null"));
    greedy.ended();
    pair.works();
}

#[test]
fn a_claimed_length_alone_takes_no_memory() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let before = resident_kib(gateway.pid());
    let mut claimants: Vec<Client> = (0..100).map(|_| Client::edge(gateway.edge)).collect();
    for client in &mut claimants {
        let header = [&[1, kind::REQUEST, 0, 0, 0, 0, 0, 0, 0, 5][..], &u32::to_be_bytes(CAP as u32)].concat();
        client.send_bytes(&header);
    }
    pair.works();
    let grown = resident_kib(gateway.pid()).saturating_sub(before);
    assert!(grown < 50 * 1024, "100 headers that claim 10 MiB each took {grown} KiB");
}

#[test]
fn a_target_that_reads_nothing_is_congested_and_holds_up_nobody() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let mut deaf = Client::dial_narrow(gateway.edge, 4096);
    deaf.say(&Hello::default());
    deaf.admitted();
    let flood = Body::new().method("x").value(&[0; 64 * 1024]).to_edge(deaf.id);
    let calls: Vec<u64> = (0..400).map(|_| pair.service.request(&flood)).collect();
    // How much the system takes for the deaf one before its queue fills is the system's business.
    let labels = ["direction=\"to_edge\"", "result=\"congested\""];
    eventually("calls are turned down", || (gateway.metric("frontier_calls_total", &labels) > 100.0).then_some(()));
    pair.works();
    let gone = deaf.id;
    drop(deaf);
    for call in calls {
        assert!(pair.service.answer(call).is_err());
    }
    let call = pair.service.request(&Body::new().method("x").to_edge(gone));
    assert_eq!(pair.service.answer(call), Err("edge not online".to_owned()));
}

#[test]
fn an_empty_queue_takes_any_one_frame() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let value = vec![5; 7_000_000];
    for _ in 0..3 {
        call_down(&mut service, &mut edge, &value);
        call_up(&mut edge, &mut service, &value);
    }
}

#[test]
fn a_full_message_queue_leaves_room_for_calls() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let mut lazy = Client::edge(gateway.edge);
    let flood = Body::new().value(&[0; 32 * 1024]).to_edge(lazy.id);
    let messages: Vec<u64> = (0..200).map(|_| pair.service.message(&flood)).collect();
    assert_eq!(pair.service.acked(messages[199]), Err("congested".to_owned()));
    call_down(&mut pair.service, &mut lazy, b"a call passes");
    pair.works();
}

#[test]
fn a_link_that_accepts_no_bytes_is_ended() {
    let edgebound = vec!["limits: { stalled_write_seconds: 1 }".to_owned()];
    let gateway = Settings { edgebound, ..Settings::default() }.start();
    let mut service = Client::hooked(&gateway, &["edge_offline"]);
    let mut deaf = Client::dial_narrow(gateway.edge, 4096);
    deaf.say(&Hello::default());
    deaf.admitted();
    let flood = Body::new().method("x").value(&[0; 7_000_000]).to_edge(deaf.id);
    let call = service.request(&flood);
    assert_eq!(service.heard("edge_offline"), deaf.id);
    assert_eq!(service.answer(call), Err("force closed".to_owned()));
}

#[test]
fn w41_an_edge_and_a_service_that_flood_each_other_are_all_answered() {
    const MESSAGES: usize = 3000;
    let gateway = Gateway::start();
    let Pair { edge, service } = Pair::connect(&gateway);
    let to_edge = Body::new().value(&[2; 2048]).to_edge(edge.id);
    let to_service = Body::new().value(&[1; 2048]).topic("t");
    thread::scope(|scope| {
        scope.spawn(|| flood(edge, &to_service, MESSAGES));
        scope.spawn(|| flood(service, &to_edge, MESSAGES));
    });
}

/// Publishes as fast as the socket takes it and acks what comes in between, until every message is answered.
fn flood(mut client: Client, body: &Body, count: usize) {
    let mut answered = 0;
    let mut sent = 0;
    let mut held: Vec<Frame> = Vec::new();
    client.set_send_patience(Duration::from_secs(60));
    eventually("every message of the flood is answered", || {
        if sent < count {
            for _ in 0..50 {
                client.message(body);
            }
            sent += 50;
        }
        while let Ok(frame) = client.try_next(Duration::from_millis(1)) {
            match frame.kind {
                kind::MESSAGE => held.push(frame),
                kind::MESSAGE_ACK => answered += 1,
                other => panic!("unexpected frame {other:#04x}"),
            }
        }
        for message in held.drain(..) {
            client.ack(&message);
        }
        (answered >= count).then_some(())
    });
}

#[test]
fn a_stream_whose_reader_stops_is_ended_alone() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let mut deaf = Client::dial_narrow(gateway.edge, 4096);
    deaf.say(&Hello::default());
    deaf.admitted();
    let opening = pair.service.open(&deaf.id.to_string());
    deaf.accept();
    let session = pair.service.opened(opening);
    let piece = [0; 64 * 1024];
    eventually("the stream is ended", || {
        pair.service.write(session, &piece);
        let ended = pair.service.try_next(Duration::from_millis(1)).ok()?;
        (ended.kind == kind::DISMISS && ended.session() == session).then_some(())
    });
    pair.works();
}

#[test]
fn an_edge_may_open_a_few_hundred_streams_and_all_end_with_it() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let mut sessions = Vec::new();
    for _ in 0..300 {
        let opening = pair.edge.open("svc");
        let there = pair.service.accept();
        let here = pair.edge.opened(opening);
        pair.edge.write(here, b"x");
        pair.service.read(there, 1);
        pair.service.write(there, b"y");
        sessions.push(there);
    }
    call_up(&mut pair.edge, &mut pair.service, b"meanwhile");
    drop(pair.edge);
    for session in sessions {
        pair.service.session_ended(session);
    }
}

/// Holds that a limit was told in one line and counted `times` times.
#[track_caller]
fn told_once(gateway: &Gateway, section: &str, bound: &str, times: f64) {
    let side = format!("side=\"{}\"", section.trim_end_matches("bound"));
    let label = format!("bound=\"{bound}\"");
    assert_eq!(gateway.metric("frontier_overruns_total", &[&side, &label]), times, "{bound}");
    gateway.logged(&format!("{section}.limits.{bound}"));
    assert_eq!(gateway.log.count(&format!("{section}.limits.{bound}")), 1, "{:?}", gateway.log.lines());
}

#[test]
fn an_edge_has_as_many_streams_as_configured_whoever_opens_them() {
    let edgebound = vec!["limits: { max_streams: 2 }".to_owned()];
    let gateway = Settings { edgebound, ..Settings::default() }.start();
    let mut pair = Pair::connect(&gateway);
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let opening = pair.edge.open("svc");
        pair.service.accept();
        sessions.push(pair.edge.opened(opening));
    }
    let opening = pair.edge.open("svc");
    let declined = pair.edge.opened(opening);
    pair.edge.session_ended(declined);
    let opening = pair.service.open(&pair.edge.id.to_string());
    let declined = pair.service.opened(opening);
    pair.service.session_ended(declined);
    told_once(&gateway, "edgebound", "max_streams", 2.0);

    pair.edge.end_session(sessions[0]);
    let opening = pair.edge.open("svc");
    pair.service.accept();
    pair.edge.opened(opening);
    pair.works();
}

#[test]
fn a_service_registers_as_many_methods_as_configured() {
    let servicebound = vec!["limits: { max_registrations: 2 }".to_owned()];
    let gateway = Settings { servicebound, ..Settings::default() }.start();
    let mut service = Client::service(gateway.service, "svc", &[]);
    let mut edge = Client::edge(gateway.edge);
    for method in ["a", "b", "a", "c", "d"] {
        service.register(method);
    }
    let call = edge.request(&Body::new().method("b"));
    let request = service.called("b");
    service.respond(&request, b"");
    assert_eq!(edge.answer(call), Ok(Vec::new()));
    for method in ["c", "d"] {
        let call = edge.request(&Body::new().method(method));
        assert_eq!(edge.answer(call), Err("record not found".to_owned()));
    }
    told_once(&gateway, "servicebound", "max_registrations", 2.0);
}

#[test]
fn an_edge_registers_as_many_methods_as_configured_and_is_still_called() {
    let edgebound = vec!["limits: { max_registrations: 1 }".to_owned()];
    let gateway = Settings { edgebound, ..Settings::default() }.start();
    let mut pair = Pair::connect(&gateway);
    let mut edge = Client::edge(gateway.edge);
    for method in ["a", "b", "c"] {
        edge.register(method);
    }
    // Methods of edges are for those who list them; calls go by the edge's id.
    call_down(&mut pair.service, &mut edge, b"x");
    told_once(&gateway, "edgebound", "max_registrations", 2.0);
}
