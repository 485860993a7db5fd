//! Two devices that were given the same id: each displaces the other and comes back at once. Nobody else may notice.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use frontier_integration_tests::Gateway;
use frontier_integration_tests::raw::{Body, Client, Frame, HOOKS, Hello, Lost, kind, presence_event};

/// The id that both clones have.
const SHARED: u64 = 7;
const BYSTANDER: u64 = 8;

/// Take-overs that the bystander has to live through, and calls that it makes meanwhile at least.
const TAKEOVERS: f64 = 200.0;
const CALLS: usize = 300;

/// Lines of the log for all of it: the gateway's beginning and end, the bystander's and the service's, the first take-over
/// and the sum of the others. Two of each 200 would be far more.
const LINES: usize = 40;

/// How long a peer waits for a frame before it looks whether the test is over.
const GLANCE: Duration = Duration::from_millis(50);

/// An edge that comes back as soon as it is displaced or refused, until `over`; how often it was let in.
fn clone_of_a_device(addr: SocketAddr, over: &AtomicBool) -> u64 {
    let hello = Frame::bytes_of(kind::CONN, 1, &Hello::edge(b"clone").body());
    let mut admitted = 0;
    while !over.load(Ordering::Relaxed) {
        let mut edge = Client::dial(addr);
        if edge.try_send_bytes(&hello).is_err() {
            continue;
        }
        loop {
            match edge.try_next(GLANCE) {
                Ok(frame) if frame.kind == kind::CONN_ACK && frame.text("error").is_empty() => admitted += 1,
                Err(Lost::TimedOut) if !over.load(Ordering::Relaxed) => {}
                Ok(_) | Err(_) => break,
            }
        }
    }
    admitted
}

/// Hands out ids by meta, answers `echo`, and tells in which order the shared id came and went.
fn serve(mut service: Client, over: &AtomicBool) -> Vec<String> {
    let mut told = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let Ok(request) = service.try_next(GLANCE) else { continue };
        assert_eq!(request.kind, kind::REQUEST, "{request:?}");
        let method = request.method();
        match method.as_str() {
            "get_edge_id" => {
                let id = if request.value() == b"clone" { SHARED } else { BYSTANDER };
                service.respond(&request, &id.to_be_bytes());
            }
            "echo" => service.respond(&request, &request.value()),
            _ => {
                service.respond(&request, b"");
                if presence_event(&request)["EdgeID"] == SHARED {
                    told.push(method);
                }
            }
        }
    }
    told
}

/// How many take-overs a line of the log tells of, if it does. It names the id and both addresses.
fn takeovers_in(line: &str) -> Option<u64> {
    let count = match line.split_once(" and ").filter(|_| line.contains("more take-overs")) {
        Some((_, rest)) => rest.split(' ').next()?.parse().ok()?,
        None if line.contains("edge displaced by a newcomer") => 1,
        None => return None,
    };
    assert!(line.contains("edge=7"), "{line}");
    assert_eq!(line.matches("127.0.0.1:").count(), 2, "both addresses: {line}");
    Some(count)
}

#[test]
fn two_clones_that_displace_each_other_disturb_nobody_and_do_not_flood_the_log() {
    let mut gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &HOOKS);
    service.register("echo");
    let (clones_over, service_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let admitted = AtomicU64::new(0);
    let takeovers = || gateway.metric("frontier_takeovers_total", &["edge"]);
    let told = thread::scope(|scope| {
        let hooks = scope.spawn(|| serve(service, &service_over));
        let mut bystander = Client::edge(gateway.edge);
        assert_eq!(bystander.id, BYSTANDER);
        let clones: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| admitted.fetch_add(clone_of_a_device(gateway.edge, &clones_over), Ordering::Relaxed))
            })
            .collect();
        let mut calls = 0;
        while calls < CALLS || takeovers() < TAKEOVERS {
            let value = format!("call {calls}");
            let call = bystander.request(&Body::new().method("echo").value(value.as_bytes()));
            assert_eq!(bystander.answer(call), Ok(value.into_bytes()), "every call of a bystander is answered");
            let online = gateway.metric("frontier_links", &["edge"]);
            assert!(online <= 2.0, "the bystander and at most one of the clones, not {online}");
            calls += 1;
        }
        clones_over.store(true, Ordering::Relaxed);
        for clone in clones {
            clone.join().expect("a clone does not panic");
        }
        bystander.close();
        service_over.store(true, Ordering::Relaxed);
        hooks.join().expect("the service does not panic")
    });
    for (at, method) in told.iter().enumerate() {
        assert_eq!(method, ["edge_online", "edge_offline"][at % 2], "the id comes and goes in turns");
    }
    assert!(admitted.load(Ordering::Relaxed) > 0, "some of them were let in");
    let counted = takeovers() as u64;
    let lines = gateway.last_words();
    assert!(lines.len() <= LINES, "{} lines for {counted} take-overs:\n{}", lines.len(), lines.join("\n"));
    let said: Vec<u64> = lines.iter().filter_map(|line| takeovers_in(line)).collect();
    assert!(said.len() >= 2, "one line for the first, one for the others: {said:?}");
    assert_eq!(said.iter().sum::<u64>(), counted, "none is left out: {said:?}");
}
