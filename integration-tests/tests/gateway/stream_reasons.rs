//! Why a stream was declined or ended: what one end says reaches the other, where both understand it.

use std::net::SocketAddr;

use frontier_integration_tests::Gateway;
use frontier_integration_tests::raw::{Body, Client, base64, kind};

/// A client that understands all extensions (`docs/protocol.md`).
fn connect(addr: SocketAddr, meta: &str) -> Client {
    let mut client = Client::dial(addr);
    let meta = format!("\"{}\"", base64(meta.as_bytes()));
    let caps = r#"{"cancel":1,"prompt":1,"fin":1,"credit":1}"#;
    let json = Body::new().json("meta", &meta).json("caps", caps).text();
    client.send(kind::CONN, 5, &[&[0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0], json.as_bytes()].concat());
    let ack = client.next(kind::CONN_ACK);
    assert_eq!(ack.text("error"), "");
    client.id = ack.number_at(1);
    client
}

fn pair(gateway: &Gateway) -> (Client, Client) {
    let service = connect(gateway.service, r#"{"service":"svc"}"#);
    (connect(gateway.edge, ""), service)
}

/// An error as JSON, behind `head`.
fn with_error(head: &[u8], error: &str) -> Vec<u8> {
    [head, format!("{{\"error\":\"{error}\"}}").as_bytes()].concat()
}

#[test]
fn a_refusal_keeps_its_text() {
    let gateway = Gateway::start();
    let (mut edge, mut service) = pair(&gateway);
    let opening = service.open(&edge.id.to_string());
    let offer = edge.offered();
    let session = offer.number_at(2);
    let head = [&[0, 0][..], &session.to_be_bytes(), &session.to_be_bytes()].concat();
    edge.send(kind::SESSION_ACK, offer.id, &with_error(&head, "all lines are busy"));
    let ack = service.reply(kind::SESSION_ACK, opening.packet);
    assert_eq!(ack.text("error"), "all lines are busy");
}

#[test]
fn w23_the_reason_of_an_end_goes_to_the_other_side_in_either_direction() {
    let gateway = Gateway::start();
    let (mut edge, mut service) = pair(&gateway);
    for from_edge in [true, false] {
        let opening = edge.open("svc");
        let there = service.accept();
        let here = edge.opened(opening);
        let (from, session, to, far) =
            if from_edge { (&mut edge, here, &mut service, there) } else { (&mut service, there, &mut edge, here) };
        from.write(session, b"so far");
        // More than is handed on.
        let reason = "disk full ".repeat(200);
        let packet = from.fresh();
        from.send(kind::DISMISS, packet, &with_error(&session.to_be_bytes(), &reason));
        from.take_dismiss(session);
        assert_eq!(to.read(far, 6), b"so far", "what was sent before comes before it");
        let dismiss = to.find("the end", |frame| frame.kind == kind::DISMISS && frame.session() == far);
        assert_eq!(dismiss.text("error"), reason[..1024]);
    }
}
