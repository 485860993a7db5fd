//! Links that end, in every way, and what must be gone afterwards.

use std::fs;
use std::thread;
use std::time::Duration;

use frontier_integration_tests::process::cpu_ticks;
use frontier_integration_tests::raw::{Body, Client, Frame, Hello, Pair, call_down, call_up, kind, time};
use frontier_integration_tests::{Gateway, PATIENCE, Settings, eventually};

#[test]
fn res_001_streams_are_cleaned_up_when_their_edge_closes() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let sessions: Vec<u64> = (0..5)
        .map(|_| {
            let opening = pair.edge.open("svc");
            let there = pair.service.accept();
            pair.edge.opened(opening);
            there
        })
        .collect();
    pair.edge.close();
    for session in sessions {
        pair.service.session_ended(session);
    }
    pair.edge = Client::edge(gateway.edge);
    pair.works();
}

#[test]
fn res_002_the_methods_of_a_service_end_with_it() {
    let gateway = Gateway::start();
    let Pair { mut edge, service } = Pair::connect(&gateway);
    service.close();
    let call = edge.request(&Body::new().method("echo"));
    assert_eq!(edge.answer(call), Err("record not found".to_owned()));
}

#[test]
fn res_003_edges_and_services_that_come_and_go_leave_no_descriptor_behind() {
    let gateway = Gateway::start();
    Pair::connect(&gateway).works();
    let open = |gateway: &Gateway| {
        let folder = format!("/proc/{}/fd", gateway.pid());
        fs::read_dir(folder).expect("the gateway runs on Linux").count()
    };
    let before = eventually("the first links are gone", || {
        let count = open(&gateway);
        (count < 40).then_some(count)
    });
    for _ in 0..100 {
        let Pair { edge, service } = Pair::connect(&gateway);
        edge.close();
        service.reset();
    }
    eventually("as many descriptors as before", || (open(&gateway) <= before).then_some(()));
}

#[test]
fn race_001_fifty_edges_connect_and_close_at_once() {
    let gateway = Gateway::start();
    let addr = gateway.edge;
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(move || Client::edge(addr).close());
        }
    });
    Pair::connect(&gateway).works();
}

#[test]
fn race_002_goodbye_is_answered_once_however_often_it_is_said() {
    let gateway = Gateway::start();
    let mut edge = Client::edge(gateway.edge);
    let goodbyes: Vec<u8> = (0..10).flat_map(|at| Frame::bytes_of(kind::DIS_CONN, 100 + at, &[])).collect();
    edge.send_bytes(&goodbyes);
    let frames = edge.ended();
    let of = |wanted| frames.iter().filter(|frame| frame.kind == wanted).count();
    assert_eq!((of(kind::DIS_CONN_ACK), of(kind::DIS_CONN)), (1, 1), "{frames:?}");
    Pair::connect(&gateway).works();
}

#[test]
fn race_003_a_method_registered_by_ten_services_at_once_is_called_all_the_while() {
    let gateway = Gateway::start();
    let addr = gateway.service;
    let mut edge = Client::edge(gateway.edge);
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(move || {
                let mut service = Client::service(addr, "svc", &[]);
                for _ in 0..20 {
                    service.register("echo");
                }
                service.close();
            });
        }
        for _ in 0..100 {
            let call = edge.request(&Body::new().method("echo"));
            assert!(edge.answer(call).is_err(), "no service here answers");
        }
    });
}

#[test]
fn race_004_an_edge_closes_while_its_call_is_in_flight() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    edge.request(&Body::new().method("echo"));
    let request = service.called("echo");
    edge.close();
    service.respond(&request, b"nobody there");
    Pair { edge: Client::edge(gateway.edge), service }.works();
}

#[test]
fn w10_links_that_are_cut_with_hundreds_of_messages_on_the_way_harm_nobody() {
    let mut gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for _ in 0..12 {
        let mut edge = Client::edge(gateway.edge);
        for _ in 0..300 {
            edge.message(&Body::new().topic("t").value(&[0; 100]));
            edge.request(&Body::new().method("echo"));
        }
        let held = pair.service.received();
        edge.reset();
        pair.service.ack(&held);
        drain(&gateway, &mut pair.service);
    }
    pair.works();
    assert!(gateway.is_running());
}

/// Acknowledges and answers everything that an edge which is gone has left on its way to a service. A heartbeat's ack may
/// overtake what waits in the gateway, so that is looked at too.
fn drain(gateway: &Gateway, service: &mut Client) {
    eventually("all that was on its way has come", || {
        let gone = gateway.metric("frontier_links", &["edge"]) == 1.0;
        let queued = gateway.metric("frontier_queued_bytes", &["service"]);
        let frames = service.unasked();
        for frame in &frames {
            if frame.kind == kind::MESSAGE {
                service.ack(frame);
            } else {
                service.respond(frame, b"");
            }
        }
        (gone && queued == 0.0 && frames.is_empty()).then_some(())
    });
}

#[test]
fn w10_streams_that_open_and_close_all_the_time_harm_nobody() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    for round in 0..100 {
        let opening = pair.edge.open("svc");
        let there = pair.service.accept();
        pair.edge.write(opening.negotiate, b"for nobody: this is not the session");
        if round % 10 == 0 {
            pair.edge.reset();
            pair.service.session_ended(there);
            pair.edge = Client::edge(gateway.edge);
            continue;
        }
        let here = pair.edge.opened(opening);
        pair.edge.write(here, b"hello");
        pair.edge.end_session(here);
        pair.service.session_ended(there);
    }
    pair.works();
}

#[test]
fn w30_links_that_ended_cost_no_time_afterwards() {
    let gateway = Gateway::start();
    for round in 0..30 {
        let Pair { mut edge, mut service } = Pair::connect(&gateway);
        edge.request(&Body::new().method("echo"));
        edge.message(&Body::new().topic("t"));
        service.called("echo");
        if round % 2 == 0 {
            edge.reset()
        } else {
            drop(edge)
        }
        if round % 3 == 0 { service.reset() } else { drop(service) }
    }
    eventually("the gateway comes to rest", || {
        let before = cpu_ticks(gateway.pid());
        thread::sleep(Duration::from_millis(500));
        (cpu_ticks(gateway.pid()) - before <= 1).then_some(())
    });
}

#[test]
fn w38_a_half_closed_edge_still_gets_the_answers_to_its_calls() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let call = edge.request(&Body::new().method("echo"));
    let message = edge.message(&Body::new().topic("t"));
    let request = service.called("echo");
    let received = service.received();
    edge.finish_writing();
    service.heartbeat();
    service.respond(&request, &[1; 100_000]);
    service.ack(&received);
    assert_eq!(edge.answer(call), Ok(vec![1; 100_000]));
    assert_eq!(edge.acked(message), Ok(()));
    edge.ended();
}

#[test]
fn w38_calls_to_a_half_closed_edge_fail() {
    let gateway = Gateway::start();
    let Pair { mut edge, mut service } = Pair::connect(&gateway);
    let call = service.request(&Body::new().method("ping").to_edge(edge.id));
    edge.called("ping");
    edge.finish_writing();
    assert_eq!(service.answer(call), Err("force closed".to_owned()));
    let call = service.request(&Body::new().method("ping").to_edge(edge.id));
    assert_eq!(service.answer(call), Err("edge not online".to_owned()));
}

#[test]
fn the_first_session_may_be_dismissed_and_the_link_stays() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    pair.edge.end_session(1);
    pair.edge.heartbeat();
    let call = pair.service.request(&Body::new().method("ping").to_edge(pair.edge.id));
    assert!(pair.service.answer(call).is_err());
    let opening = pair.edge.open("svc");
    let there = pair.service.accept();
    let here = pair.edge.opened(opening);
    pair.edge.write(here, b"still alive");
    assert_eq!(pair.service.read(there, 11), b"still alive");
    pair.edge.close();
}

#[test]
fn no_heartbeat_is_acked_behind_a_goodbye() {
    let gateway = Gateway::start();
    let mut edge = Client::edge(gateway.edge);
    let id = edge.fresh();
    let bytes = [Frame::bytes_of(kind::DIS_CONN, id, &[]), Frame::bytes_of(kind::HEARTBEAT, id + 2, &[])].concat();
    edge.send_bytes(&bytes);
    let frames = edge.ended();
    assert!(frames.iter().all(|frame| frame.kind != kind::HEARTBEAT_ACK), "{frames:?}");
}

#[test]
fn a_goodbye_without_its_last_ack_ends_all_the_same() {
    let gateway = Gateway::start();
    let mut edge = Client::edge(gateway.edge);
    let id = edge.fresh();
    edge.send(kind::DIS_CONN, id, &[]);
    edge.reply(kind::DIS_CONN_ACK, id);
    edge.expect(kind::DIS_CONN);
    edge.ended();
}

#[test]
fn a_link_that_falls_silent_is_ended_after_twice_its_heartbeat() {
    let gateway = Gateway::start();
    let mut service = Client::hooked(&gateway, &["edge_offline"]);
    let five_seconds = Hello { flags: 0x08, ..Hello::default() };
    let mut polite = Client::connect(gateway.edge, &five_seconds);
    let deaf = Client::connect(gateway.edge, &five_seconds);
    let mut gone = [service.heard("edge_offline"), service.heard("edge_offline")];
    gone.sort_unstable();
    let mut expected = [polite.id, deaf.id];
    expected.sort_unstable();
    assert_eq!(gone, expected);
    polite.answer_goodbye();
}

#[test]
fn dead_phones_are_cut_even_with_much_unsent_towards_them_and_leave_their_places() {
    const PHONES: usize = 20;
    let edgebound = vec![format!("limits: {{ max_links: {PHONES} }}")];
    let gateway = Settings { edgebound, ..Settings::default() }.start();
    let mut hooks = Client::hooked(&gateway, &["edge_offline"]);
    let mut caller = Client::service(gateway.service, "caller", &[]);
    let phones: Vec<Client> = (0..PHONES)
        .map(|_| {
            let mut phone = Client::dial_narrow(gateway.edge, 4096);
            phone.say(&Hello { flags: 0x08, ..Hello::default() });
            phone.admitted();
            phone
        })
        .collect();
    Client::dial(gateway.edge).cut_off();
    gateway.logged("edgebound.limits.max_links is 20");
    let soon = time::from_now(2);
    let bulky = Body::new().method("x").value(&[0; 150_000]);
    let calls: Vec<u64> =
        phones.iter().map(|phone| caller.request(&bulky.clone().to_edge(phone.id).deadline(&soon))).collect();
    for call in calls {
        assert_eq!(caller.answer(call), Err("context deadline exceeded".to_owned()));
    }
    let mut gone: Vec<u64> = phones.iter().map(|_| hooks.heard("edge_offline")).collect();
    gone.sort_unstable();
    let mut ids: Vec<u64> = phones.iter().map(|phone| phone.id).collect();
    ids.sort_unstable();
    assert_eq!(gone, ids);
    let hello = Frame::bytes_of(kind::CONN, 1, &Hello::default().body());
    eventually("there is room for others, once the dead sockets are closed", || {
        let mut other = Client::dial(gateway.edge);
        other.try_send_bytes(&hello).ok()?;
        other.try_next(PATIENCE).ok().filter(|ack| ack.kind == kind::CONN_ACK)
    });
}

#[test]
fn anything_that_a_peer_sends_keeps_its_link_alive() {
    let gateway = Gateway::start();
    let mut pair = Pair::connect(&gateway);
    let mut quiet = Client::connect(gateway.edge, &Hello { flags: 0x08, ..Hello::default() });
    let mut busy = Client::connect(gateway.edge, &Hello { flags: 0x08, ..Hello::default() });
    // While the quiet one is on its way out, calls alone keep the busy one.
    eventually("the quiet link is ended", || {
        call_up(&mut busy, &mut pair.service, b"still here");
        let frame = quiet.try_next(Duration::from_millis(100));
        frame.ok().filter(|frame| frame.kind == kind::DIS_CONN)
    });
    call_down(&mut pair.service, &mut busy, b"and here");
}
