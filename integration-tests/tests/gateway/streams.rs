//! Streams between edges and services.

use std::time::Duration;

use frontier_integration_tests::raw::{Body, Client, Lost, Pair, call_down, call_up, kind};
use frontier_integration_tests::{Gateway, Settings};

/// A stream from the edge to the service: the session id at each.
fn from_edge(pair: &mut Pair) -> (u64, u64) {
    let opening = pair.edge.open("svc");
    let there = pair.service.accept();
    (pair.edge.opened(opening), there)
}

/// A stream from the service to the edge: the session id at the edge and at the service.
fn from_service(pair: &mut Pair) -> (u64, u64) {
    let opening = pair.service.open(&pair.edge.id.to_string());
    let here = pair.edge.accept();
    (here, pair.service.opened(opening))
}

/// A gateway that waits so long before the first frame behind an ack that a test can see it wait.
fn patient_gateway() -> Gateway {
    let settle = vec!["limits: { settle_ms: 3000 }".to_owned()];
    Settings { edgebound: settle, ..Settings::default() }.start()
}

/// Long enough to see a frame that comes at once.
const A_MOMENT: Duration = Duration::from_millis(200);

/// Bytes that show loss and disorder.
fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at / 251 + at) as u8).collect()
}

type Open = fn(&mut Pair) -> (u64, u64);
const BOTH_WAYS: [Open; 2] = [from_edge, from_service];

#[test]
fn strm_001_an_edge_opens_a_stream_to_a_service() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let opening = pair.edge.open("svc");
    let offer = pair.service.offered();
    assert_eq!((offer.text("meta"), offer.text("peer")), (String::new(), String::new()));
    pair.service.accept_offer(&offer);
    pair.edge.opened(opening);
    pair.works();
}

#[test]
fn strm_002_a_service_opens_a_stream_to_an_edge() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    from_service(&mut pair);
    pair.works();
}

#[test]
fn strm_003_raw_bytes_flow_both_ways_and_then_the_stream_is_closed() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for open in BOTH_WAYS {
        let (at_edge, at_service) = open(&mut pair);
        for size in [1, 1000, 300_000] {
            let bytes = pattern(size);
            pair.edge.write(at_edge, &bytes);
            assert_eq!(pair.service.read(at_service, size), bytes);
            pair.service.write(at_service, &bytes);
            assert_eq!(pair.edge.read(at_edge, size), bytes);
        }
        pair.edge.write(at_edge, b"");
        pair.edge.end_session(at_edge);
        pair.service.session_ended(at_service);
    }
    pair.works();
}

#[test]
fn strm_003_every_side_may_close_a_stream_of_either() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for open in BOTH_WAYS {
        let (at_edge, at_service) = open(&mut pair);
        pair.service.end_session(at_service);
        pair.edge.session_ended(at_edge);
    }
    pair.works();
}

#[test]
fn strm_003_what_was_written_before_the_close_arrives_before_it() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for open in BOTH_WAYS {
        let (at_edge, at_service) = open(&mut pair);
        let bytes = pattern(200_000);
        for piece in bytes.chunks(10_000) {
            pair.edge.write(at_edge, piece);
        }
        pair.edge.end_session(at_edge);
        assert_eq!(pair.service.read(at_service, bytes.len()), bytes);
        pair.service.session_ended(at_service);
    }
}

#[test]
fn strm_003_bytes_that_a_dismiss_has_overtaken_are_delivered() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let (at_edge, at_service) = from_edge(&mut pair);
    let dismiss = pair.edge.dismiss(at_edge);
    pair.edge.dismiss_acked(at_edge, dismiss);
    // The sender of the old generation: its data follows the Dismiss but precedes its final ack.
    pair.edge.write(at_edge, b"overtaken");
    pair.edge.take_dismiss(at_edge);
    assert_eq!(pair.service.read(at_service, 9), b"overtaken");
    pair.service.session_ended(at_service);
}

#[test]
fn strm_004_messages_inside_a_stream() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for open in BOTH_WAYS {
        let (at_edge, at_service) = open(&mut pair);
        let sent = pair.edge.message_on(at_edge, &Body::new().topic("any").value(b"in").custom(b"c"));
        let message = pair.service.received();
        assert_eq!((message.session(), message.text("topic").as_str()), (at_service, "any"));
        assert_eq!((message.value(), message.custom()), (b"in".to_vec(), b"c".to_vec()), "no tail inside a stream");
        pair.service.ack(&message);
        assert_eq!(pair.edge.acked(sent), Ok(()));

        let sent = pair.service.message_on(at_service, &Body::new().value(b"out"));
        let message = pair.edge.received();
        assert_eq!(message.session(), at_edge);
        pair.edge.refuse(&message, "no");
        assert_eq!(pair.service.acked(sent), Err("no".to_owned()));

        let sent = pair.service.message_on(at_service, &Body::new().value(b"again"));
        let message = pair.edge.received();
        pair.edge.ack(&message);
        assert_eq!(pair.service.acked(sent), Ok(()), "a refused message does not end the ones behind it");
    }
}

#[test]
fn strm_004_a_message_sent_right_before_the_close_arrives() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let (at_edge, at_service) = from_edge(&mut pair);
    pair.service.message_on(at_service, &Body::new().value(b"last words"));
    pair.service.end_session(at_service);
    let message = pair.edge.received();
    assert_eq!(message.value(), b"last words");
    pair.edge.ack(&message);
    pair.edge.session_ended(at_edge);
}

#[test]
fn strm_005_calls_inside_a_stream() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for open in BOTH_WAYS {
        let (at_edge, at_service) = open(&mut pair);
        let call = pair.edge.request_on(at_edge, &Body::new().method("inner").value(b"v").custom(b"c"));
        let request = pair.service.called("inner");
        assert_eq!((request.session(), request.value(), request.custom()), (at_service, b"v".to_vec(), b"c".to_vec()));
        pair.service.respond(&request, b"up");
        assert_eq!(pair.edge.answer(call), Ok(b"up".to_vec()));

        let call = pair.service.request_on(at_service, &Body::new().method("inner"));
        let request = pair.edge.called("inner");
        pair.edge.respond_error(&request, "no such rpc: inner");
        assert_eq!(pair.service.answer(call), Err("no such rpc: inner".to_owned()));
    }
}

#[test]
fn strm_005_a_call_inside_a_stream_that_ends_is_answered() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let (at_edge, _) = from_edge(&mut pair);
    let call = pair.edge.request_on(at_edge, &Body::new().method("inner"));
    let message = pair.edge.message_on(at_edge, &Body::new().value(b"x"));
    pair.service.called("inner");
    pair.service.received();
    pair.service.reset();
    assert!(pair.edge.answer(call).is_err());
    assert!(pair.edge.acked(message).is_err());
    pair.edge.session_ended(at_edge);
}

#[test]
fn strm_006_closing_a_stream_twice_does_no_harm() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let (at_edge, at_service) = from_edge(&mut pair);
    pair.edge.end_session(at_edge);
    pair.service.session_ended(at_service);
    pair.edge.dismiss(at_edge);
    pair.service.dismiss(at_service);
    pair.works();
}

#[test]
fn strm_006_both_sides_may_close_at_once() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let (at_edge, at_service) = from_edge(&mut pair);
    let from_edge = pair.edge.dismiss(at_edge);
    let from_service = pair.service.dismiss(at_service);
    pair.edge.dismiss_acked(at_edge, from_edge);
    pair.service.dismiss_acked(at_service, from_service);
    pair.edge.take_dismiss(at_edge);
    pair.service.take_dismiss(at_service);
    pair.works();
}

/// An opened stream to nobody: ack, a pause, then a Dismiss.
#[track_caller]
fn refused(client: &mut Client, peer: &str) {
    let opening = client.open(peer);
    let session = client.opened(opening);
    client.session_ended(session);
}

#[test]
fn strm_007_a_stream_to_an_edge_that_is_not_there_is_refused() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let gone = Client::edge(gateway.edge).id.to_string();
    for peer in [gone.as_str(), "4242", "0", "", "not a number", "-1", "99999999999999999999999"] {
        refused(&mut pair.service, peer);
    }
    pair.works();
}

#[test]
fn w08_a_stream_to_an_unknown_service_is_refused() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for peer in ["unknown", "SVC", "svc ", ""] {
        refused(&mut pair.edge, peer);
    }
    pair.works();
}

#[test]
fn w08_the_refusal_waits_until_the_opener_is_ready() {
    let gateway = patient_gateway();
    let mut pair = Pair::connect(&gateway);
    let opening = pair.edge.open("unknown");
    let session = pair.edge.opened(opening);
    // A Go opener forgets what reaches it before it has filed the new session: nothing comes on its heels.
    assert_eq!(pair.edge.try_next(A_MOMENT), Err(Lost::TimedOut));
    pair.edge.session_ended(session);
}

#[test]
fn w08_what_is_sent_into_a_refused_stream_is_answered() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let opening = pair.edge.open("unknown");
    let session = pair.edge.opened(opening);
    pair.edge.write(session, b"hello?");
    let call = pair.edge.request_on(session, &Body::new().method("x"));
    let message = pair.edge.message_on(session, &Body::new().value(b"x"));
    assert!(pair.edge.answer(call).is_err());
    assert!(pair.edge.acked(message).is_err());
    pair.edge.session_ended(session);
}

#[test]
fn the_first_frame_behind_an_ack_leaves_the_opener_time() {
    let gateway = patient_gateway();
    let mut pair = Pair::connect(&gateway);
    let opening = pair.edge.open("svc");
    let at_service = pair.service.accept();
    pair.service.write(at_service, b"greeting");
    let at_edge = pair.edge.opened(opening);
    assert_eq!(pair.edge.try_next(A_MOMENT), Err(Lost::TimedOut));
    assert_eq!(pair.edge.read(at_edge, 8), b"greeting");
}

#[test]
fn nothing_is_sent_on_a_session_before_its_receiver_has_acked_it() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    pair.edge.open("svc");
    let offer = pair.service.offered();
    call_up(&mut pair.edge, &mut pair.service, b"meanwhile");
    assert_eq!(pair.service.unasked(), []);
    pair.service.accept_offer(&offer);
    pair.works();
}

#[test]
fn w11_streams_that_cross_open_at_once() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let peer = pair.edge.id.to_string();
    let up: Vec<_> = (0..20).map(|_| pair.edge.open("svc")).collect();
    let down: Vec<_> = (0..20).map(|_| pair.service.open(&peer)).collect();
    for _ in 0..20 {
        pair.service.accept();
        pair.edge.accept();
    }
    for opening in up {
        pair.edge.opened(opening);
    }
    for opening in down {
        pair.service.opened(opening);
    }
    pair.works();
}

#[test]
fn w12_a_stream_that_its_target_does_not_accept_holds_up_nothing() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let waiting = pair.edge.open("svc");
    let offer = pair.service.offered();
    pair.works();
    let mut other = Client::service(gateway.service, "other", &[]);
    let opening = pair.edge.open("other");
    other.accept();
    pair.edge.opened(opening);
    pair.service.accept_offer(&offer);
    pair.edge.opened(waiting);
}

#[test]
fn w12_at_most_32_streams_wait_for_a_service_to_accept_them() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let openings: Vec<_> = (0..40).map(|_| pair.edge.open("svc")).collect();
    let offers: Vec<_> = (0..32).map(|_| pair.service.offered()).collect();
    call_up(&mut pair.edge, &mut pair.service, b"meanwhile");
    call_down(&mut pair.service, &mut pair.edge, b"meanwhile");
    let more = pair.service.unasked();
    assert!(more.is_empty(), "a Go peer wedges at the 33rd stream: {more:?}");
    for offer in &offers {
        pair.service.accept_offer(offer);
    }
    for opening in &openings[..32] {
        pair.edge.opened(*opening);
    }
}

#[test]
fn w13_a_slow_reader_loses_nothing_and_holds_up_nobody() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let (at_edge, at_service) = from_edge(&mut pair);
    let bytes = pattern(512 * 1024);
    for piece in bytes.chunks(8 * 1024) {
        pair.edge.write(at_edge, piece);
    }
    call_up(&mut pair.edge, &mut pair.service, b"meanwhile");
    assert_eq!(pair.service.read(at_service, bytes.len()), bytes);
}

#[test]
fn w35_a_method_registered_inside_a_stream_stays_there() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let (at_edge, at_service) = from_edge(&mut pair);
    pair.service.register_on(at_service, "inner");
    pair.edge.register_on(at_edge, "inner");
    let call = pair.edge.request(&Body::new().method("inner"));
    assert_eq!(pair.edge.answer(call), Err("record not found".to_owned()));
}

#[test]
fn w40_a_dismiss_of_an_unknown_session_is_completed() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for unknown in [2, 0x6650_0000_0000_0b02, u64::MAX] {
        pair.edge.end_session(unknown);
        pair.service.end_session(unknown);
    }
    pair.works();
}

#[test]
fn frames_of_unknown_sessions_close_nothing_and_what_needs_an_answer_gets_one() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    pair.edge.write(77, b"lost");
    let id = pair.edge.fresh();
    pair.edge.send(kind::DISMISS_ACK, id, &Body::new().on(77));
    let call = pair.edge.request_on(77, &Body::new().method("echo"));
    let message = pair.edge.message_on(77, &Body::new().topic("t"));
    assert!(pair.edge.answer(call).is_err());
    assert!(pair.edge.acked(message).is_err());
    pair.works();
}

#[test]
fn when_one_end_dies_the_other_is_told() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let (at_edge, at_service) = from_edge(&mut pair);
    pair.edge.write(at_edge, b"before the end");
    assert_eq!(pair.service.read(at_service, 14), b"before the end");
    pair.edge.reset();
    pair.service.session_ended(at_service);

    pair.edge = Client::edge(gateway.edge);
    let (at_edge, _) = from_service(&mut pair);
    drop(pair.service);
    pair.edge.session_ended(at_edge);
}

#[test]
fn the_first_session_carries_no_raw_bytes_anywhere_and_survives_them() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    pair.edge.write(1, b"to nobody");
    pair.service.write(1, b"to nobody");
    pair.works();
}

#[test]
fn many_streams_at_once_keep_their_bytes_apart() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let streams: Vec<(u64, u64)> = (0..30).map(|at| BOTH_WAYS[at % 2](&mut pair)).collect();
    for (at, (at_edge, at_service)) in streams.iter().enumerate() {
        pair.edge.write(*at_edge, &vec![at as u8; 10_000]);
        pair.service.write(*at_service, &vec![at as u8 + 100; 10_000]);
    }
    for (at, (at_edge, at_service)) in streams.iter().enumerate().rev() {
        assert_eq!(pair.service.read(*at_service, 10_000), vec![at as u8; 10_000]);
        assert_eq!(pair.edge.read(*at_edge, 10_000), vec![at as u8 + 100; 10_000]);
    }
}
