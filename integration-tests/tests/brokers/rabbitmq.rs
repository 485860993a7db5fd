//! RabbitMQ, by its own protocol and its own tool.

use std::net::SocketAddr;
use std::time::Duration;

use frontier_integration_tests::brokers::amqp::Client;
use frontier_integration_tests::brokers::{Login, Rabbitmq, Settings};

use crate::talk::dial;
use crate::{Certificates, KEPT, goes_and_comes_back, message, side_by_side, two_logins};

/// An Erlang machine starts for the tool.
const TOOL_PATIENCE: Duration = Duration::from_secs(180);

#[test]
fn rabbitmq_keeps_what_it_confirmed() {
    let mut rabbitmq = Rabbitmq::start(&Settings::default());
    let guest = Login::new("guest", "guest");
    let mut client = Client::dial(rabbitmq.addr, &guest, "/");
    client.declares("kept");
    for number in 0..KEPT {
        client.publishes("kept", &message(number));
    }
    let addr = rabbitmq.addr;
    goes_and_comes_back(&mut rabbitmq.broker, || {
        let mut client = Client::dial(addr, &guest, "/");
        let there: Vec<String> = std::iter::from_fn(|| client.looks_at("kept"))
            .map(|stored| String::from_utf8(stored.payload).expect("text"))
            .collect();
        assert_eq!(there, (0..KEPT).map(message).collect::<Vec<_>>());
    });
}

#[test]
fn two_rabbitmq_with_logins_and_tls() {
    let (certificates, logins) = (Certificates::new(), two_logins());
    let both = side_by_side(Rabbitmq::start, &logins.each_ref().map(|login| certificates.settings(login)));
    for (rabbitmq, login) in both.iter().zip(&logins) {
        Client::open(dial(rabbitmq.addr), login, "/").expect("the right password is taken");
        let tls: SocketAddr = rabbitmq.tls.expect("TLS is on");
        let secure = certificates.known().connect(tls).expect("a handshake");
        Client::open(secure, login, "/").expect("the right password is taken over TLS");
        certificates.are_wanted(tls, b"AMQP\0\0\x09\x01", |answer| *answer == [1]);
    }
    let [mut first, second] = both;
    let refused = Client::open(dial(second.addr), &logins[0], "/").expect_err("the other one's password is refused");
    assert_eq!(refused, 403);

    let made = second.ctl("add_vhost other").run_within(TOOL_PATIENCE, b"");
    assert_eq!(made.code, 0, "{}", made.err);
    let vhosts = second.ctl("--quiet list_vhosts --no-table-headers").run_within(TOOL_PATIENCE, b"");
    let mut vhosts: Vec<&str> = vhosts.text().lines().collect();
    vhosts.sort_unstable();
    assert_eq!(vhosts, ["/", "other"]);

    first.broker.kill();
    second.broker.ask().expect("the other one is not concerned");
}
