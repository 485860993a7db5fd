//! How long a caller waits, and what the gateway makes of deadlines from clocks that are wrong.

use std::time::Duration;

use frontier_integration_tests::Gateway;
use frontier_integration_tests::raw::{Body, Client, Frame, Hello, Pair, time};

/// The gateway's own limit for a call or message without a usable deadline.
const DEFAULT: Duration = Duration::from_secs(30);

/// Longer than [`DEFAULT`], with room for a busy machine.
const BEYOND_DEFAULT: Duration = Duration::from_secs(50);

/// Deadlines that count as none.
fn absurd() -> Vec<String> {
    let fixed =
        ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999+14:00"];
    let mut all: Vec<String> = fixed.into_iter().map(str::to_owned).collect();
    all.extend([-3600, -90, 3700, 86_400].map(time::from_now));
    all
}

/// The deadline that a forwarded request carries, from now.
#[track_caller]
fn left(request: &Frame) -> Duration {
    time::until(&request.text("deadline"))
}

#[test]
fn a_call_or_message_without_deadline_ends_after_thirty_seconds() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    pair.edge.patience = BEYOND_DEFAULT;
    pair.service.patience = BEYOND_DEFAULT;
    let to_edge = |body: Body, edge: &Client| body.to_edge(edge.id);
    let mut up = vec![pair.edge.request(&Body::new().method("echo"))];
    let mut down = vec![pair.service.request(&to_edge(Body::new().method("ping"), &pair.edge))];
    for deadline in absurd() {
        up.push(pair.edge.request(&Body::new().method("echo").deadline(&deadline)));
        let context = Body::new().method("ping").context_deadline(&deadline);
        down.push(pair.service.request(&to_edge(context, &pair.edge)));
    }
    let message_up = pair.edge.message(&Body::new().topic("t"));
    let message_down = pair.service.message(&to_edge(Body::new().value(b"x"), &pair.edge));
    for _ in &up {
        let left = left(&pair.service.called("echo"));
        assert!(left > Duration::ZERO && left <= DEFAULT, "{left:?}");
    }
    for call in up {
        assert_eq!(pair.edge.answer(call), Err("timeout".to_owned()));
    }
    for call in down {
        assert_eq!(pair.service.answer(call), Err("timeout".to_owned()));
    }
    assert_eq!(pair.edge.acked(message_up), Err("timeout".to_owned()));
    assert_eq!(pair.service.acked(message_down), Err("timeout".to_owned()));
    // What comes after its time is dropped.
    let late = pair.edge.called("ping");
    pair.edge.respond(&late, b"late");
    pair.edge.heartbeat();
    assert_eq!(pair.service.unasked().len(), 1, "only the message that nobody acked");
}

#[test]
fn a_callers_own_deadline_ends_its_call() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let at = time::from_now(1);
    let with_deadline = pair.edge.request(&Body::new().method("echo").deadline(&at));
    let with_context = pair.edge.request(&Body::new().method("echo").context_deadline(&at));
    let the_earlier_one =
        pair.edge.request(&Body::new().method("echo").deadline(&time::from_now(600)).context_deadline(&at));
    let down = pair.service.request(&Body::new().method("ping").to_edge(pair.edge.id).deadline(&at));
    for _ in 0..3 {
        let left = left(&pair.service.called("echo"));
        assert!(left <= Duration::from_secs(1), "{left:?}");
    }
    for call in [with_deadline, with_context, the_earlier_one] {
        assert_eq!(pair.edge.answer(call), Err("context deadline exceeded".to_owned()));
    }
    assert_eq!(pair.service.answer(down), Err("context deadline exceeded".to_owned()));
    pair.edge.called("ping");
    pair.works();
}

#[test]
fn a_messages_deadline_ends_it() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let at = time::from_now(1);
    let up = pair.edge.message(&Body::new().topic("t").deadline(&at));
    let down = pair.service.message(&Body::new().value(b"x").to_edge(pair.edge.id).context_deadline(&at));
    assert!(pair.edge.acked(up).is_err());
    assert!(pair.service.acked(down).is_err());
    pair.edge.received();
    pair.service.received();
    pair.works();
}

#[test]
fn a_deadline_that_has_just_passed_is_answered_at_once() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for seconds in [-1, -30, -55] {
        let call = pair.edge.request(&Body::new().method("echo").deadline(&time::from_now(seconds)));
        assert_eq!(pair.edge.answer(call), Err("context deadline exceeded".to_owned()));
        let message = pair.edge.message(&Body::new().topic("t").deadline(&time::from_now(seconds)));
        assert!(pair.edge.acked(message).is_err());
    }
}

#[test]
fn a_long_deadline_is_kept_and_stamped_with_our_own_clock() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for seconds in [100, 3000] {
        let call = pair.edge.request(&Body::new().method("echo").deadline(&time::from_now(seconds)));
        let request = pair.service.called("echo");
        let left = left(&request).as_secs_f64();
        assert!(left > seconds as f64 - 20.0 && left <= seconds as f64 + 1.0, "{seconds} s became {left}");
        pair.service.respond(&request, b"");
        assert_eq!(pair.edge.answer(call), Ok(Vec::new()));
    }
}

#[test]
fn every_spelling_of_a_time_is_understood() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for deadline in ["2031-02-28T23:59:59.123456789+14:00", "2031-02-28T23:59:59-12:00", "2000-02-29T00:00:00.1Z"] {
        let call = pair.edge.request(&Body::new().method("echo").deadline(deadline).context_deadline(time::ZERO));
        let request = pair.service.called("echo");
        assert!(left(&request) <= DEFAULT);
        pair.service.respond(&request, b"");
        assert_eq!(pair.edge.answer(call), Ok(Vec::new()), "{deadline}");
    }
    let none = Body::new().method("echo").json("deadline", "null").json("context", "null").json("timeout", "1000");
    let call = pair.edge.request(&none);
    let request = pair.service.called("echo");
    pair.service.respond(&request, b"");
    assert_eq!(pair.edge.answer(call), Ok(Vec::new()));
}

#[test]
fn hooks_carry_a_deadline_of_our_clock() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["get_edge_id"]);
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    let request = service.called("get_edge_id");
    let left = left(&request);
    assert!(left > Duration::ZERO && left <= DEFAULT, "{left:?}");
    service.respond(&request, &5_u64.to_be_bytes());
    assert_eq!(edge.admitted(), 5);
}
