//! Edges over WebSocket, as browsers come: against a client whose every byte is made by hand, and the SDK.

mod edge;
mod frames;
mod handshake;
mod proxies;
mod sdk;

use std::net::SocketAddr;

use frontier_integration_tests::raw::{Client, Hello};
use frontier_integration_tests::websocket::{Ask, WebSocket};
use frontier_integration_tests::{Gateway, Settings};

/// Settings with the WebSocket port on, and these lines of its section.
fn settings(lines: &[&str]) -> Settings {
    let section = [&["websocket:", "  enable: true", "  listen: { addr: 127.0.0.1:0 }"], &*indented(lines)].concat();
    let edgebound = section.iter().map(|line| (*line).to_owned()).collect();
    Settings { edgebound, ..Settings::default() }
}

fn indented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    assert!(lines.iter().all(|line| line.starts_with("  ")), "lines of a section are indented");
    lines.to_vec()
}

/// The port of a gateway that has it on.
#[track_caller]
fn port(gateway: &Gateway) -> SocketAddr {
    gateway.websocket.expect("the WebSocket port is on")
}

/// An edge that has asked for a WebSocket in this way, and has said nothing in it.
#[track_caller]
fn dialed(gateway: &Gateway, ask: &Ask) -> Client {
    Client::inside(WebSocket::connect(port(gateway), ask))
}

/// An edge that is let in.
#[track_caller]
fn edge(gateway: &Gateway) -> Client {
    let mut edge = dialed(gateway, &Ask::default());
    edge.say(&Hello::default());
    edge.admitted();
    edge
}
