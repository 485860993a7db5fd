//! Messages in both directions and their acknowledgements.

use frontier_integration_tests::Gateway;
use frontier_integration_tests::raw::{Body, Client, Frame, Pair, call_down, call_up, kind, with_tail};

fn to(edge: u64, value: &[u8]) -> Body {
    Body::new().value(value).to_edge(edge)
}

#[test]
fn msg_001_an_edge_publishes_to_a_service() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    for value in [b"".to_vec(), b"hello".to_vec(), vec![3; 1 << 20]] {
        let sent = edge.message(&Body::new().topic("t").value(&value).custom(b"c"));
        let message = service.received();
        assert_eq!((message.session(), message.text("topic").as_str()), (1, "t"));
        assert_eq!((message.value(), message.custom()), (value, with_tail(b"c", edge.id)));
        service.ack(&message);
        assert_eq!(edge.acked(sent), Ok(()));
    }
}

#[test]
fn msg_002_a_service_publishes_to_an_edge() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let body = Body::new().value(b"v").topic("kept").custom(&with_tail(b"c", edge.id));
    let sent = service.message(&body);
    let message = edge.received();
    assert_eq!(
        (message.text("topic").as_str(), message.value(), message.custom()),
        ("kept", b"v".to_vec(), b"c".to_vec())
    );
    edge.ack(&message);
    assert_eq!(service.acked(sent), Ok(()));
    let bare = service.message(&to(edge.id, b""));
    let message = edge.received();
    assert_eq!((message.text("topic"), message.custom()), (String::new(), Vec::new()));
    edge.ack(&message);
    assert_eq!(service.acked(bare), Ok(()));
}

#[test]
fn msg_003_two_topics_reach_their_own_services() {
    let gateway = Gateway::start();
    let mut edge = Client::edge(gateway.edge);
    let mut services = ["a", "b"].map(|topic| (topic, Client::service(gateway.service, "svc", &[topic])));
    for (topic, service) in &mut services {
        let sent = edge.message(&Body::new().topic(topic));
        let message = service.received();
        assert_eq!(message.text("topic"), *topic);
        service.ack(&message);
        assert_eq!(edge.acked(sent), Ok(()));
    }
}

#[test]
fn msg_004_a_topic_that_nobody_takes_is_an_error() {
    let gateway = Gateway::start();
    let Pair { mut edge, .. } = Pair::connect(&gateway);
    for topic in ["nope", "T", "t ", ""] {
        let sent = edge.message(&Body::new().topic(topic).value(b"x"));
        assert_eq!(edge.acked(sent), Err("topic not online".to_owned()), "{topic:?}");
    }
    let sent = edge.message(&Body::new().value(b"no topic at all"));
    assert_eq!(edge.acked(sent), Err("topic not online".to_owned()));
}

#[test]
fn msg_005_ten_edges_publish_at_once() {
    let gateway = Gateway::start();
    let Pair { edge, mut service } = Pair::connect(&gateway);
    let mut edges: Vec<Client> = (0..9).map(|_| Client::edge(gateway.edge)).collect();
    edges.push(edge);
    let sent: Vec<u64> = edges.iter_mut().map(|edge| edge.message(&Body::new().topic("t"))).collect();
    for _ in &edges {
        let message = service.received();
        service.ack(&message);
    }
    for (edge, id) in edges.iter_mut().zip(sent) {
        assert_eq!(edge.acked(id), Ok(()));
    }
}

#[test]
fn a_refusal_reaches_the_publisher_word_for_word() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let sent = edge.message(&Body::new().topic("t"));
    let message = service.received();
    service.refuse(&message, "voll: <ä>");
    assert_eq!(edge.acked(sent), Err("voll: <ä>".to_owned()));
    let sent = service.message(&to(edge.id, b""));
    let message = edge.received();
    edge.refuse(&message, "nein");
    assert_eq!(service.acked(sent), Err("nein".to_owned()));
}

#[test]
fn w01_a_failed_delivery_does_not_end_the_ones_behind_it() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let gone = Client::edge(gateway.edge).id;
    let sent = pair.service.message(&to(gone, b"into the void"));
    assert!(pair.service.acked(sent).is_err(), "its link is gone or going");
    pair.works();
    let refused = pair.service.message(&to(pair.edge.id, b"refused"));
    let message = pair.edge.received();
    pair.edge.refuse(&message, "no");
    assert_eq!(pair.service.acked(refused), Err("no".to_owned()));
    pair.works();
}

#[test]
fn w01_an_edge_that_never_acks_stops_nobody() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let mut deaf = Client::edge(gateway.edge);
    let flood: Vec<u64> = (0..400).map(|_| pair.service.message(&to(deaf.id, &[0; 1024]))).collect();
    pair.works();
    deaf.heartbeat();
    drop(deaf);
    for sent in flood {
        let outcome = pair.service.acked(sent);
        assert!(outcome.is_err(), "nobody accepted this message");
    }
}

#[test]
fn w14_a_message_without_ack_does_not_hold_up_the_next() {
    let gateway = Gateway::start();
    let mut slow = Client::service(gateway.service, "slow", &["slow"]);
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let held = edge.message(&Body::new().topic("slow"));
    let later = edge.message(&Body::new().topic("slow"));
    let other = edge.message(&Body::new().topic("t"));
    let held_there = slow.received();
    let later_there = slow.received();
    let message = service.received();
    service.ack(&message);
    assert_eq!(edge.acked(other), Ok(()));
    slow.ack(&later_there);
    assert_eq!(edge.acked(later), Ok(()));
    call_up(&mut edge, &mut service, b"a call passes too");
    slow.ack(&held_there);
    assert_eq!(edge.acked(held), Ok(()));
}

#[test]
fn w14_messages_of_a_service_to_one_edge_do_not_hold_up_those_to_another() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let mut slow = Client::edge(gateway.edge);
    let held = pair.service.message(&to(slow.id, b"held"));
    let message = slow.received();
    pair.works();
    slow.ack(&message);
    assert_eq!(pair.service.acked(held), Ok(()));
}

#[test]
fn messages_of_one_edge_keep_their_order_and_32_of_them_are_on_the_way() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let sent: Vec<u64> = (0..100_u8).map(|at| edge.message(&Body::new().topic("t").value(&[at]))).collect();
    let mut window: Vec<Frame> = (0..32).map(|_| service.received()).collect();
    edge.heartbeat();
    assert_eq!(service.unasked(), [], "the Go SDK queues 32 messages and no more");
    let mut order: Vec<u8> = Vec::new();
    for _ in 0..100 {
        let message = window.remove(0);
        order.extend(message.value());
        service.ack(&message);
        if window.len() + order.len() < 100 {
            window.push(service.received());
        }
    }
    assert_eq!(order, (0..100).collect::<Vec<u8>>());
    for id in sent {
        assert_eq!(edge.acked(id), Ok(()));
    }
}

#[test]
fn a_full_window_of_messages_holds_up_no_call() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    for _ in 0..40 {
        edge.message(&Body::new().topic("t"));
        service.message(&to(edge.id, b"x"));
    }
    call_up(&mut edge, &mut service, b"up");
    call_down(&mut service, &mut edge, b"down");
}

#[test]
fn a_message_is_acked_once_however_often_its_receiver_answers() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let sent = edge.message(&Body::new().topic("t"));
    let message = service.received();
    service.ack(&message);
    service.refuse(&message, "too late");
    service.ack(&message);
    service.heartbeat();
    assert_eq!(edge.acked(sent), Ok(()));
    assert_eq!(edge.unasked(), []);
}

#[test]
fn a_message_whose_receiver_dies_is_answered() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let sent: Vec<u64> = (0..50).map(|_| edge.message(&Body::new().topic("t"))).collect();
    let message = service.received();
    service.ack(&message);
    assert_eq!(edge.acked(sent[0]), Ok(()));
    service.reset();
    for id in &sent[1..] {
        assert!(edge.acked(*id).is_err());
    }
    assert_eq!(edge.unasked(), []);
}

#[test]
fn what_an_edge_published_before_it_left_is_delivered() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    for at in 0..20_u8 {
        edge.message(&Body::new().topic("t").value(&[at]));
    }
    edge.close();
    for at in 0..20_u8 {
        let message = service.received();
        assert_eq!(message.value(), [at]);
        service.ack(&message);
    }
    assert!(service.unasked().iter().all(|frame| frame.kind != kind::MESSAGE));
}
