//! The example programs, as a reader runs them.

use std::net::SocketAddr;

use frontier_integration_tests::process::{Signal, built};
use frontier_integration_tests::raw::{Client, Hello};
use frontier_integration_tests::tool::Running;
use frontier_integration_tests::{Gateway, Settings, Tool};
use serde_json::json;

fn example(gateway: &Gateway, name: &str, args: &str) -> Tool {
    Tool::new(&built(name, "frontier-examples"), gateway, args)
}

#[test]
fn quickstart_calls_both_ways() {
    let gateway = Gateway::start();
    let done = example(&gateway, "quickstart", "").run(b"");
    assert_eq!(done.code, 0, "{}", done.err);
    let lines: Vec<&str> = done.text().lines().collect();
    assert_eq!(lines[0], "the service says: hello sensor 7");
    assert!(lines[1].starts_with("edge ") && lines[1].ends_with(" says: all fine"), "{lines:?}");
}

/// A gateway that leaves ids to the chat room, and the chat room.
fn chat_room() -> (Gateway, Running) {
    let gateway = Settings { local_edge_ids: false, ..Settings::default() }.start();
    let args = format!("--network tcp --address {}", gateway.service);
    let service = example(&gateway, "chatroom_service", &args).start();
    service.prints("the chat room is open");
    (gateway, service)
}

fn user(gateway: &Gateway, service: &Running, name: &str) -> Running {
    let args = format!("--network tcp --address {} --name {name}", gateway.edge);
    let user = example(gateway, "chatroom_client", &args).start();
    service.prints(&format!("{name} comes in from 127.0.0.1:"));
    user.notes(&format!("in the room as {name}"));
    user
}

#[test]
fn users_of_the_chat_room_hear_each_other_and_not_themselves() {
    let (gateway, service) = chat_room();
    let mut alice = user(&gateway, &service, "alice");
    let mut bob = user(&gateway, &service, "bob");
    let carol = user(&gateway, &service, "carol");
    for at in 0..20 {
        alice.types(&format!("message {at}\n"));
    }
    for hearer in [&bob, &carol] {
        hearer.prints("message 19");
        let expected: Vec<String> = (0..20).map(|at| format!("[     alice]: message {at}")).collect();
        assert_eq!(hearer.out.lines(), expected);
    }
    bob.types("hello alice\n");
    alice.prints("[       bob]: hello alice");
    assert_eq!(alice.out.lines().len(), 1, "nobody hears what they said themselves");
    service.prints("[       bob]: hello alice");

    alice.end_input();
    assert_eq!(alice.exit_code(), 0);
    service.prints("alice leaves");
    bob.types("alone?\n");
    carol.prints("[       bob]: alone?");
    assert_eq!(service.end(Signal::Term), 0);
}

#[test]
fn a_name_that_is_taken_is_refused_until_it_is_free() {
    let (gateway, service) = chat_room();
    let mut first = user(&gateway, &service, "alice");
    let args = format!("--address {} --name alice", gateway.edge);
    let second = example(&gateway, "chatroom_client", &args).run(b"");
    assert_eq!((second.code, second.err.trim()), (1, "refused by the gateway: user exists"));
    first.end_input();
    assert_eq!(first.exit_code(), 0);
    service.prints("alice leaves");
    let again = example(&gateway, "chatroom_client", &args).run(b"I am back\n");
    assert_eq!(again.code, 0, "{}", again.err);
    service.prints("[     alice]: I am back");
}

#[test]
fn the_chat_room_speaks_the_json_that_other_clients_expect() {
    let (gateway, service) = chat_room();
    let mut other = Client::connect(gateway.edge, &Hello::edge(b"old client"));
    let mut alice = user(&gateway, &service, "alice");
    alice.types("hi\n");
    let message = other.received();
    let chat: serde_json::Value = serde_json::from_slice(&message.value()).expect("JSON");
    assert_eq!(chat, json!({ "User": "alice", "Msg": "hi" }));
    other.ack(&message);
}

#[test]
fn a_client_of_the_chat_room_ends_with_the_link() {
    let (gateway, service) = chat_room();
    let mut alice = user(&gateway, &service, "alice");
    drop(gateway);
    assert_eq!(alice.exit_code(), 1);
    assert_eq!(alice.err.lines()[1..], ["the link to the gateway is gone"]);
}

#[test]
fn a_chat_room_without_a_gateway_says_so() {
    let gateway = Gateway::start();
    let nowhere: SocketAddr = {
        let bound = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        bound.local_addr().expect("an address")
    };
    let service = example(&gateway, "chatroom_service", &format!("--address {nowhere}")).run(b"");
    assert_ne!(service.code, 0);
    assert!(service.err.contains(&nowhere.to_string()), "{}", service.err);
}
