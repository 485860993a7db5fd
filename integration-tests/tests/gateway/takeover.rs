//! An id that comes a second time while the first link still stands.

use std::time::{Duration, Instant};

use frontier_integration_tests::raw::{Body, Client, HOOKS, Hello, Lost, Pair, kind};
use frontier_integration_tests::{Gateway, eventually};

/// How long a look at one of several clients may take.
const GLANCE: Duration = Duration::from_millis(5);

/// An edge that has got `id` from the hooks.
fn edge_with(gateway: &Gateway, hooks: &mut Client, id: u64) -> Client {
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    hooks.let_in(&mut edge, id);
    edge
}

/// A second edge with the id of one that is online: offline of the old one comes first.
fn successor(gateway: &Gateway, hooks: &mut Client, id: u64) -> Client {
    let mut edge = Client::dial(gateway.edge);
    edge.say(&Hello::default());
    hooks.hand_out(id);
    let (offline, gone) = hooks.told("edge_offline");
    assert_eq!(gone, id);
    hooks.respond(&offline, b"");
    assert_eq!(hooks.heard("edge_online"), id);
    assert_eq!(edge.admitted(), id);
    edge
}

#[track_caller]
fn reaches(caller: &mut Client, edge: &mut Client) {
    let call = caller.request(&Body::new().method("who").to_edge(edge.id));
    let request = edge.called("who");
    edge.respond(&request, b"me");
    assert_eq!(caller.answer(call), Ok(b"me".to_vec()));
}

#[test]
fn w15_offline_of_the_old_link_is_told_before_online_of_the_new_one() {
    let gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut old = edge_with(&gateway, &mut hooks, 42);
    let mut new = successor(&gateway, &mut hooks, 42);
    old.ended();
    reaches(&mut hooks, &mut new);
    new.close();
    assert_eq!(hooks.heard("edge_offline"), 42);
    assert_eq!(hooks.unasked(), []);
}

#[test]
fn calls_to_the_old_link_fail_and_those_to_the_new_one_pass() {
    let gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut old = edge_with(&gateway, &mut hooks, 42);
    let call = hooks.request(&Body::new().method("never").to_edge(42));
    old.called("never");
    let mut new = successor(&gateway, &mut hooks, 42);
    assert_eq!(hooks.answer(call), Err("force closed".to_owned()));
    reaches(&mut hooks, &mut new);
}

#[test]
fn w05_a_link_that_has_gone_silent_is_displaced_without_delay_to_others() {
    let gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    // Neither of the two silent links ever answers, reads or closes.
    let _first = edge_with(&gateway, &mut hooks, 42);
    let _second = successor(&gateway, &mut hooks, 42);
    let mut third = successor(&gateway, &mut hooks, 42);
    reaches(&mut hooks, &mut third);
    let mut stranger = edge_with(&gateway, &mut hooks, 7);
    reaches(&mut hooks, &mut stranger);
}

#[test]
fn a_newcomer_that_the_hook_refuses_leaves_nobody_online() {
    let gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut old = edge_with(&gateway, &mut hooks, 42);
    let mut new = Client::dial(gateway.edge);
    new.say(&Hello::default());
    hooks.hand_out(42);
    assert_eq!(hooks.heard("edge_offline"), 42);
    let (online, _) = hooks.told("edge_online");
    hooks.respond_error(&online, "no");
    assert_eq!(new.refused().text, "no");
    old.ended();
    let call = hooks.request(&Body::new().method("who").to_edge(42));
    assert_eq!(hooks.answer(call), Err("edge not online".to_owned()));
}

#[test]
fn the_late_end_of_the_old_link_does_not_take_the_new_one_with_it() {
    let gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut current = edge_with(&gateway, &mut hooks, 42);
    for round in 0..100 {
        let old = current;
        current = successor(&gateway, &mut hooks, 42);
        match round % 3 {
            0 => drop(old),
            1 => old.reset(),
            _ => {
                let mut old = old;
                old.ended();
            }
        }
        reaches(&mut hooks, &mut current);
    }
    current.close();
    assert_eq!(hooks.heard("edge_offline"), 42);
    assert_eq!(hooks.unasked(), []);
}

/// Old links whose end is held back, as by a proxy, until its time.
#[derive(Default)]
struct HeldBack(Vec<(Instant, Client)>);

impl HeldBack {
    /// Some come at once, some a moment later, and a few of a hundred rounds much later.
    fn hold(&mut self, round: usize, old: Client) {
        let time = match round {
            20 | 60 => Duration::from_secs(5),
            _ if round % 2 == 1 => Duration::from_millis(50),
            _ => Duration::ZERO,
        };
        self.0.push((Instant::now() + time, old));
        self.let_through();
    }

    /// Ends those whose time has come; whether that was the last of them.
    fn let_through(&mut self) -> bool {
        let now = Instant::now();
        self.0.retain(|(time, _)| now < *time);
        self.0.is_empty()
    }
}

#[test]
fn an_end_that_comes_late_through_a_proxy_takes_nothing_from_the_new_link() {
    let gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut current = edge_with(&gateway, &mut hooks, 42);
    let mut held = HeldBack::default();
    for round in 0..100 {
        let old = current;
        current = successor(&gateway, &mut hooks, 42);
        assert_eq!(gateway.metric("frontier_links", &["edge"]), 1.0);
        held.hold(round, old);
        reaches(&mut hooks, &mut current);
    }
    eventually("the last end has come through", || {
        let last = held.let_through();
        reaches(&mut hooks, &mut current);
        last.then_some(())
    });
    assert_eq!(gateway.metric("frontier_takeovers_total", &["edge"]), 100.0);
    current.close();
    assert_eq!(hooks.heard("edge_offline"), 42);
    assert_eq!(hooks.unasked(), []);
}

#[test]
fn an_end_in_the_midst_of_a_take_over_changes_nothing() {
    const STEPS: usize = 5;
    let gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut current = edge_with(&gateway, &mut hooks, 42);
    for round in 0..20 * STEPS {
        let mut old = Some(current);
        let mut end_at = |step| {
            if step == round % STEPS {
                drop(old.take());
            }
        };
        let mut new = Client::dial(gateway.edge);
        end_at(0);
        new.say(&Hello::default());
        end_at(1);
        hooks.hand_out(42);
        end_at(2);
        let (offline, gone) = hooks.told("edge_offline");
        assert_eq!(gone, 42);
        end_at(3);
        hooks.respond(&offline, b"");
        let (online, id) = hooks.told("edge_online");
        end_at(4);
        hooks.respond(&online, b"");
        assert_eq!((id, new.admitted()), (42, 42));
        reaches(&mut hooks, &mut new);
        current = new;
    }
    current.close();
    assert_eq!(hooks.heard("edge_offline"), 42);
    assert_eq!(hooks.unasked(), []);
}

#[test]
fn several_newcomers_with_one_id_leave_one_of_them_online() {
    const NEWCOMERS: usize = 10;
    let gateway = Gateway::start();
    let mut hooks = Client::hooked(&gateway, &HOOKS);
    let mut newcomers: Vec<Client> = (0..NEWCOMERS).map(|_| Client::dial(gateway.edge)).collect();
    for edge in &mut newcomers {
        edge.say(&Hello::default());
    }
    for _ in 0..NEWCOMERS {
        hooks.hand_out(42);
    }
    let mut presence = Vec::new();
    let mut waiting = newcomers;
    let mut admitted = Vec::new();
    eventually("every newcomer has its answer", || {
        while let Ok(request) = hooks.try_next(GLANCE) {
            presence.push(request.method());
            hooks.respond(&request, b"");
        }
        for mut edge in std::mem::take(&mut waiting) {
            match edge.try_next(GLANCE) {
                Ok(ack) if ack.text("error").is_empty() => admitted.push(edge),
                Err(Lost::TimedOut) => waiting.push(edge),
                Ok(_) | Err(Lost::Ended) => {}
            }
        }
        (waiting.is_empty() && presence.len() % 2 == 1).then_some(())
    });
    for (at, method) in presence.iter().enumerate() {
        let alternating = ["edge_online", "edge_offline"][at % 2];
        assert_eq!(method, alternating, "presence of one id alternates: {presence:?}");
    }
    let call = hooks.request(&Body::new().method("who").to_edge(42));
    eventually("one of the newcomers gets the call", || admitted.iter_mut().find_map(answer_if_called));
    assert_eq!(hooks.answer(call), Ok(b"me".to_vec()));
}

fn answer_if_called(edge: &mut Client) -> Option<()> {
    while let Ok(frame) = edge.try_next(GLANCE) {
        if frame.kind == kind::REQUEST {
            edge.respond(&frame, b"me");
            return Some(());
        }
    }
    None
}

#[test]
fn w04_a_second_service_with_an_id_in_use_displaces_the_first() {
    let gateway = Gateway::start();
    let hello = Hello::service("svc", &["t"]).wanting(9);
    let mut old = Client::connect(gateway.service, &hello);
    old.register("echo");
    old.register("old only");
    let mut new = Client::connect(gateway.service, &hello);
    old.ended();
    new.register("echo");
    let edge = Client::edge(gateway.edge);
    let mut pair = Pair { edge, service: new };
    pair.works();
    let call = pair.edge.request(&Body::new().method("old only"));
    assert_eq!(pair.edge.answer(call), Err("record not found".to_owned()));
}

#[test]
fn w04_a_service_that_displaces_a_silent_one_stops_nobody() {
    let gateway = Gateway::start();
    let hello = Hello::service("svc", &["t"]).wanting(9);
    let _silent = Client::connect(gateway.service, &hello);
    let mut other = Client::service(gateway.service, "other", &[]);
    let mut new = Client::connect(gateway.service, &hello);
    new.register("echo");
    let mut edge = Client::edge(gateway.edge);
    reaches(&mut other, &mut edge);
    Pair { edge, service: new }.works();
}

#[test]
fn w19_the_end_of_a_superseded_service_takes_nothing_from_its_successor() {
    let gateway = Gateway::start();
    let hello = Hello::service("svc", &["t"]).wanting(9);
    let mut pair = Pair { edge: Client::edge(gateway.edge), service: Client::connect(gateway.service, &hello) };
    let mut held = HeldBack::default();
    for round in 0..100 {
        let mut new = Client::connect(gateway.service, &hello);
        new.register("echo");
        let old = std::mem::replace(&mut pair.service, new);
        if round % 4 == 2 {
            old.reset()
        } else {
            held.hold(round, old)
        }
        pair.works();
    }
    eventually("the last end has come through", || {
        let last = held.let_through();
        pair.works();
        last.then_some(())
    });
    let one = || (gateway.metric("frontier_links", &["service"]) == 1.0).then_some(());
    eventually("the superseded ones are counted out", one);
}

#[test]
fn w20_a_service_that_ends_in_the_middle_of_registering_leaves_nothing_behind() {
    let gateway = Gateway::start();
    let mut edge = Client::edge(gateway.edge);
    for _ in 0..200 {
        let mut service = Client::dial(gateway.service);
        service.say(&Hello::service("svc", &["t"]));
        for method in ["m", "edge_online", "edge_offline"] {
            let id = service.fresh();
            service.send(kind::REGISTER, id, &[&1_u64.to_be_bytes()[..], method.as_bytes()].concat());
        }
        service.reset();
    }
    eventually("all is forgotten", || {
        let call = edge.request(&Body::new().method("m"));
        let message = edge.message(&Body::new().topic("t"));
        let gone = edge.answer(call) == Err("record not found".to_owned());
        let silent = edge.acked(message) == Err("topic not online".to_owned());
        (gone && silent).then_some(())
    });
    Client::edge(gateway.edge).close();
}
