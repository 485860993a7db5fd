//! SIGTERM: what is in flight is finished, newcomers are turned away, the process ends with 0.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use frontier_integration_tests::process::{Signal, frontier_binary};
use frontier_integration_tests::raw::{Body, Client, Frame, HOOKS, Hello, Pair, call_up, kind};
use frontier_integration_tests::{Gateway, PATIENCE, Settings, Tool, eventually};

/// A gateway that gives what is in flight half a minute.
fn draining_slowly() -> Gateway {
    Settings { drain_seconds: 30, ..Settings::default() }.start()
}

fn status(gateway: &Gateway, path: &str) -> u16 {
    gateway.get(path).map_or(0, |answer| answer.status)
}

#[test]
fn a_gateway_says_that_it_is_well_and_ready() {
    let gateway = Gateway::start();
    for (path, body) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = gateway.get(path).expect("the observability port answers");
        assert_eq!((answer.status, answer.body.trim()), (200, body));
    }
    assert!(!gateway.metrics().is_empty());
    assert_eq!(status(&gateway, "/nothing"), 404);
}

#[test]
fn w25_observability_can_be_switched_off_and_tells_of_the_gateway() {
    let gateway = Gateway::start();
    let _pair = Pair::connect(&gateway);
    for side in ["edge", "service"] {
        let labels = format!("side=\"{side}\"");
        assert_eq!(gateway.metric("frontier_links", &[&labels]), 1.0);
        assert_eq!(gateway.metric("frontier_admissions_total", &[&labels, "result=\"admitted\""]), 1.0);
    }
    let whole = "servicebound: { listen: { addr: 127.0.0.1:0 } }\nedgebound: { listen: { addr: 127.0.0.1:0 } }\n\
                 observability: { enable: false }\n";
    let gateway = Settings { whole: Some(whole.to_owned()), ..Settings::default() }.start_unobserved();
    assert_eq!(gateway.log.count("observability"), 0);
    let service = Client::service(gateway.service, "svc", &[]);
    service.close();
}

#[test]
fn without_traffic_the_end_is_quick_and_clean() {
    let mut gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    gateway.signal(Signal::Term);
    assert!(gateway.exit(PATIENCE).success());
    gateway.logged("frontier ends");
    pair.edge.ended();
    pair.service.ended();
}

#[test]
fn w25_while_draining_the_gateway_is_healthy_but_not_ready_and_lets_nobody_in() {
    let mut gateway = draining_slowly();
    let mut pair = Pair::connect(&gateway);
    let call = pair.edge.request(&Body::new().method("echo"));
    let request = pair.service.called("echo");
    gateway.signal(Signal::Term);
    eventually("readiness ends", || (status(&gateway, "/readyz") == 503).then_some(()));
    assert_eq!(status(&gateway, "/healthz"), 200);
    for addr in [gateway.edge, gateway.service] {
        turned_away(addr);
    }
    pair.service.respond(&request, b"done");
    assert_eq!(pair.edge.answer(call), Ok(b"done".to_vec()));
    assert!(gateway.exit(PATIENCE).success());
}

/// `frontier health` with these arguments: its exit code, and what it says.
fn health(args: &str) -> (i32, String) {
    let done = Tool::installed(&frontier_binary().display().to_string(), &format!("health {args}")).run(b"");
    assert_eq!(done.text(), "");
    (done.code, done.err)
}

#[test]
fn health_can_be_asked_without_an_http_client() {
    let mut gateway = draining_slowly();
    let addr = gateway.observability;
    for ready in ["", "--ready"] {
        assert_eq!(health(&format!("--addr {addr} {ready}")), (0, String::new()));
    }
    let by_variable = Tool::installed(&frontier_binary().display().to_string(), "health");
    assert_eq!(by_variable.env("FRONTIER_HEALTH_ADDR", &addr.to_string()).run(b"").code, 0);

    let mut pair = Pair::connect(&gateway);
    let call = pair.edge.request(&Body::new().method("echo"));
    let request = pair.service.called("echo");
    gateway.signal(Signal::Term);
    let refusal =
        eventually("it drains", || Some(health(&format!("--addr {addr} --ready"))).filter(|said| said.0 != 0));
    let text = format!("frontier: {addr} answers GET /readyz with 503: not ready: draining\n");
    assert_eq!(refusal, (1, text));
    assert_eq!(health(&format!("--addr {addr}")), (0, String::new()));
    pair.service.respond(&request, b"done");
    assert_eq!(pair.edge.answer(call), Ok(b"done".to_vec()));
    assert!(gateway.exit(PATIENCE).success());

    let (code, text) = health(&format!("--addr {addr}"));
    let start = format!("frontier: {addr} does not answer GET /healthz: ");
    assert!(code == 1 && text.starts_with(&start) && text.lines().count() == 1, "{code}: {text}");
    assert_eq!(health("--addr").0, 2);
}

/// A newcomer finds the port closed, or is refused, or cut off: never let in.
fn turned_away(addr: SocketAddr) {
    if let Err(error) = TcpStream::connect(addr) {
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        return;
    }
    let mut newcomer = Client::dial(addr);
    let conn = Frame::bytes_of(kind::CONN, 5, &Hello::service("late", &[]).body());
    if newcomer.try_send_bytes(&conn).is_err() {
        return;
    }
    if let Ok(ack) = newcomer.try_next(PATIENCE) {
        assert_ne!(ack.text("error"), "", "let in while draining");
    }
}

#[test]
fn every_call_and_message_in_flight_is_answered_before_the_end() {
    let mut gateway = draining_slowly();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let up: Vec<u64> = (0..20).map(|_| edge.request(&Body::new().method("echo"))).collect();
    let down: Vec<u64> = (0..20).map(|_| service.request(&Body::new().method("ping").to_edge(edge.id))).collect();
    let messages_up: Vec<u64> = (0..20).map(|_| edge.message(&Body::new().topic("t"))).collect();
    let messages_down: Vec<u64> = (0..20).map(|_| service.message(&Body::new().value(b"x").to_edge(edge.id))).collect();
    let requests_up: Vec<_> = up.iter().map(|_| service.called("echo")).collect();
    let requests_down: Vec<_> = down.iter().map(|_| edge.called("ping")).collect();
    let received_up: Vec<_> = messages_up.iter().map(|_| service.received()).collect();
    let received_down: Vec<_> = messages_down.iter().map(|_| edge.received()).collect();
    gateway.signal(Signal::Term);
    eventually("the drain has begun", || (status(&gateway, "/readyz") == 503).then_some(()));
    for request in &requests_up {
        service.respond(request, b"up");
    }
    for request in &requests_down {
        edge.respond(request, b"down");
    }
    for message in &received_up {
        service.ack(message);
    }
    for message in &received_down {
        edge.ack(message);
    }
    for call in up {
        assert_eq!(edge.answer(call), Ok(b"up".to_vec()));
    }
    for call in down {
        assert_eq!(service.answer(call), Ok(b"down".to_vec()));
    }
    for message in messages_up {
        assert_eq!(edge.acked(message), Ok(()));
    }
    for message in messages_down {
        assert_eq!(service.acked(message), Ok(()));
    }
    assert!(gateway.exit(PATIENCE).success());
}

#[test]
fn what_never_gets_its_answer_gets_an_error_when_the_window_ends() {
    let mut gateway = Settings { drain_seconds: 1, ..Settings::default() }.start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let call = edge.request(&Body::new().method("echo"));
    let message = service.message(&Body::new().value(b"x").to_edge(edge.id));
    service.called("echo");
    edge.received();
    gateway.signal(Signal::Term);
    assert!(edge.answer(call).is_err());
    assert!(service.acked(message).is_err());
    assert!(gateway.exit(PATIENCE).success());
}

#[test]
fn a_drain_waits_for_slow_handlers_and_gives_up_those_that_never_answer() {
    let mut gateway = Settings { drain_seconds: 3, ..Settings::default() }.start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let slow = edge.request(&Body::new().method("echo").value(b"slow"));
    let slow_request = service.called("echo");
    let never = edge.request(&Body::new().method("echo").value(b"never"));
    service.called("echo");
    gateway.signal(Signal::Term);
    eventually("the drain has begun", || (status(&gateway, "/readyz") == 503).then_some(()));
    // Both links are busy, so they go on as before.
    for _ in 0..20 {
        let message = edge.message(&Body::new().topic("t"));
        let received = service.received();
        service.ack(&received);
        assert_eq!(edge.acked(message), Ok(()));
    }
    service.respond(&slow_request, b"done");
    assert_eq!(edge.answer(slow), Ok(b"done".to_vec()));
    let unacked = edge.message(&Body::new().topic("t"));
    service.received();

    gateway.logged("drain window is over");
    assert!(edge.answer(never).is_err() && edge.acked(unacked).is_err());
    let rest = edge.ended();
    let answers = rest.iter().filter(|frame| [kind::RESPONSE, kind::MESSAGE_ACK].contains(&frame.kind)).count();
    assert_eq!(answers, 0, "one answer each: {rest:?}");
    assert!(gateway.exit(PATIENCE).success());
}

#[test]
fn links_that_are_not_let_in_yet_are_ended_at_once() {
    let mut gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut silent = [Client::dial(gateway.edge), Client::dial(gateway.service)];
    let mut old = Client::dial(gateway.edge);
    old.say(&Hello::default());
    hooks.let_in(&mut old, 42);
    let mut unnamed = Client::dial(gateway.edge);
    unnamed.say(&Hello::edge(b"unnamed"));
    hooks.called("get_edge_id");
    let mut waiting = Client::dial(gateway.edge);
    waiting.say(&Hello::edge(b"waiting"));
    hooks.hand_out(42);
    hooks.told("edge_offline");
    let mut announced = Client::dial(gateway.edge);
    announced.say(&Hello::edge(b"announced"));
    hooks.hand_out(43);
    hooks.told("edge_online");

    gateway.signal(Signal::Term);
    for client in &mut silent {
        client.cut_off();
    }
    for client in [&mut unnamed, &mut waiting, &mut announced] {
        assert_eq!(client.refused().text, "gateway is shutting down");
    }
    hooks.close();
    assert!(gateway.exit(PATIENCE).success());
    assert!(gateway.log.wait_for_end(PATIENCE));
    assert_eq!(gateway.log.count("did not end in time"), 0, "nobody was waited for");
}

#[test]
fn what_comes_in_during_the_drain_is_still_answered() {
    let mut gateway = draining_slowly();
    let mut pair = Pair::connect(&gateway);
    let held = pair.edge.request(&Body::new().method("echo"));
    let request = pair.service.called("echo");
    gateway.signal(Signal::Term);
    eventually("the drain has begun", || (status(&gateway, "/readyz") == 503).then_some(()));
    call_up(&mut pair.edge, &mut pair.service, b"meanwhile");
    pair.service.respond(&request, b"");
    assert_eq!(pair.edge.answer(held), Ok(Vec::new()));
    assert!(gateway.exit(PATIENCE).success());
}

#[test]
fn a_second_signal_ends_the_drain_at_once() {
    let mut gateway = draining_slowly();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    edge.request(&Body::new().method("echo"));
    service.called("echo");
    gateway.signal(Signal::Term);
    eventually("the drain has begun", || (status(&gateway, "/readyz") == 503).then_some(()));
    gateway.signal(Signal::Term);
    gateway.exit(PATIENCE);
    edge.ended();
}

#[test]
fn a_successor_takes_over_the_same_ports() {
    let gateway = Gateway::start();
    Pair::connect(&gateway).works();
    let gateway = gateway.restart();
    Pair::connect(&gateway).works();
}

#[test]
fn a_port_in_use_is_one_clear_line_and_a_failure() {
    let first = Gateway::start();
    let (status, output) = first.settings_here().fails_to_start();
    assert!(!status.success());
    let line = format!("frontier: the port for services cannot be opened: cannot listen on {}: Address", first.service);
    assert_eq!(output.matches(&line).count(), 1, "{output}");
    assert_eq!(output.matches("in use").count(), 1, "the cause is said once: {output}");
}

#[test]
fn edges_leave_one_after_another_and_services_when_all_edges_have() {
    let mut gateway = draining_slowly();
    let mut service = Client::hooked(&gateway, &["edge_online", "edge_offline"]);
    let mut edges = Vec::new();
    for _ in 0..30 {
        let mut edge = Client::dial(gateway.edge);
        edge.say(&Hello::default());
        service.heard("edge_online");
        edge.admitted();
        edges.push(edge);
    }
    gateway.signal(Signal::Term);
    edges.iter_mut().for_each(Client::answer_goodbye);
    for _ in 0..30 {
        service.heard("edge_offline");
    }
    service.answer_goodbye();
    assert!(gateway.exit(PATIENCE).success());
}
