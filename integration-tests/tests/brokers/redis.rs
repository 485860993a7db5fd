//! Redis, by its own protocol.

use std::net::SocketAddr;

use frontier_integration_tests::brokers::{Redis, Settings};

use crate::talk::{answers, dial, line, say};
use crate::{Certificates, KEPT, goes_and_comes_back, message, side_by_side, two_logins};

#[test]
fn redis_keeps_what_it_answered() {
    let mut redis = Redis::start(&Settings::default());
    let mut client = dial(redis.addr);
    answers(&mut client, "PING\r\n", &["+PONG"]);
    for number in 0..KEPT {
        say(&mut client, &format!("XADD s * text \"{}\"\r\n", message(number)));
        assert!(line(&mut client).starts_with('$'), "an id is a string");
        assert!(line(&mut client).contains('-'), "an id has two parts");
    }
    let addr = redis.addr;
    goes_and_comes_back(&mut redis.broker, || {
        answers(&mut dial(addr), "XLEN s\r\n", &[&format!(":{KEPT}")]);
        assert_eq!(last_text(addr), message(KEPT - 1));
    });
}

/// The text of the last entry.
fn last_text(addr: SocketAddr) -> String {
    let mut client = dial(addr);
    say(&mut client, "XREVRANGE s + - COUNT 1\r\n");
    // One entry of two parts: its id; a list of two: the field, the text; all strings with their length before.
    let lines: Vec<String> = (0..9).map(|_| line(&mut client)).collect();
    lines[8].clone()
}

#[test]
fn two_redis_with_logins_and_tls() {
    let (certificates, logins) = (Certificates::new(), two_logins());
    let mut settings = logins.each_ref().map(|login| certificates.settings(login));
    settings[0].lines.push("appendfsync everysec".to_owned());
    let both = side_by_side(Redis::start, &settings);
    for (redis, login, fsync) in [(&both[0], &logins[0], "everysec"), (&both[1], &logins[1], "always")] {
        let question = format!("AUTH {} {}\r\nCONFIG GET appendfsync\r\n", login.user, login.password);
        let length = format!("${}", fsync.len());
        answers(&mut dial(redis.addr), &question, &["+OK", "*2", "$11", "appendfsync", &length, fsync]);
    }
    for (redis, login) in both.iter().zip(&logins) {
        let right = format!("AUTH {} {}\r\nPING\r\n", login.user, login.password);
        answers(&mut dial(redis.addr), &right, &["+OK", "+PONG"]);
        let tls = redis.tls.expect("TLS is on");
        certificates.are_wanted(tls, right.as_bytes(), |answer| answer == b"+OK\r\n+PONG\r\n");
    }
    let [mut first, second] = both;
    let wrong = format!("AUTH {} {}\r\n", logins[0].user, logins[0].password);
    let mut client = dial(second.addr);
    say(&mut client, &wrong);
    assert!(line(&mut client).starts_with("-WRONGPASS"));
    answers(&mut client, "PING\r\n", &["-NOAUTH Authentication required."]);
    first.broker.kill();
    second.broker.ask().expect("the other one is not concerned");
}
