//! Which service gets what edges ask for by name.

use std::collections::HashSet;

use frontier_integration_tests::Gateway;
use frontier_integration_tests::raw::{Body, Client, gather, kind};

/// Two services that offer `echo`, by name and by method alike.
fn two(gateway: &Gateway) -> [Client; 2] {
    [(), ()].map(|()| {
        let mut service = Client::service(gateway.service, "svc", &["t"]);
        service.register("echo");
        service
    })
}

/// Lets one of the services answer a call of the edge; which one it was.
#[track_caller]
fn called(services: &mut [Client], edge: &mut Client) -> usize {
    let sent = edge.request(&Body::new().method("echo"));
    let (index, request) = gather(services, kind::REQUEST, 1).remove(0);
    services[index].respond(&request, b"");
    assert_eq!(edge.answer(sent), Ok(Vec::new()));
    index
}

#[test]
fn w36_edges_with_ids_of_the_gateway_s_own_are_spread_over_the_services() {
    let gateway = Gateway::start();
    let mut services = two(&gateway);
    let mut edges: Vec<Client> = (0..40).map(|_| Client::edge(gateway.edge)).collect();
    let chosen: Vec<usize> = edges.iter_mut().map(|edge| called(&mut services, edge)).collect();
    let first = chosen.iter().filter(|index| **index == 0).count();
    assert!((5..=35).contains(&first), "{first} of 40 at one of two");
    let again: Vec<usize> = edges.iter_mut().map(|edge| called(&mut services, edge)).collect();
    assert_eq!(again, chosen, "each edge stays with its service");
}

#[test]
fn w21_when_a_service_goes_its_edges_go_to_another_and_all_others_stay() {
    let gateway = Gateway::start();
    let mut services = Vec::from(two(&gateway));
    services.extend(two(&gateway));
    let mut edges: Vec<Client> = (0..40).map(|_| Client::edge(gateway.edge)).collect();
    let before: Vec<usize> = edges.iter_mut().map(|edge| called(&mut services, edge)).collect();
    assert_eq!(before.iter().collect::<HashSet<_>>().len(), 4);
    // Cut in the middle of nothing: it has no part in what comes next.
    services.remove(3).reset();
    // A call that is on its way to it when it goes fails, as it should.
    gateway.logged("service offline");
    for (edge, before) in edges.iter_mut().zip(before) {
        let after = called(&mut services, edge);
        assert!(before == 3 || after == before, "it was with {before} and is with {after}");
    }
}

#[test]
fn w18_names_are_taken_exactly_as_they_are() {
    let gateway = Gateway::start();
    let mut service = Client::service(gateway.service, "Svc", &[]);
    let mut edge = Client::edge(gateway.edge);
    for method in ["echo", "quo\"ted", "tab\tbed", "ÄÖ"] {
        service.register(method);
        let sent = edge.request(&Body::new().method(method));
        let request = service.called(method);
        service.respond(&request, b"");
        assert_eq!(edge.answer(sent), Ok(Vec::new()), "{method:?}");
    }
    let sent = edge.request(&Body::new().method("ECHO"));
    assert_eq!(edge.answer(sent), Err("record not found".to_owned()));
    let opening = edge.open("svc");
    let session = edge.opened(opening);
    edge.session_ended(session);
}
