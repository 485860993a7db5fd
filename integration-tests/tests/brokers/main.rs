//! The brokers that the tests of bridges run against: each answers, keeps what it confirmed over `kill -9`, can be
//! frozen and stopped, and does not mind another of its kind beside it. Needs `scripts/setup.sh brokers`.

mod ends;
mod kafka;
mod mosquitto;
mod nats;
mod rabbitmq;
mod redis;
mod talk;

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::thread;

use frontier_integration_tests::brokers::{Broker, Login, Settings, Tls};
use frontier_integration_tests::certificates::{Authority, Pair};
use frontier_integration_tests::eventually;
use frontier_integration_tests::raw::TlsClient;

/// How many messages a broker is to keep.
const KEPT: usize = 20;

/// The message of this number.
fn message(number: usize) -> String {
    format!("message {number}")
}

/// Freezes, kills and stops a broker, and checks each time that it comes back with its data.
#[track_caller]
fn goes_and_comes_back(broker: &mut Broker, mut has_its_data: impl FnMut()) {
    broker.freeze();
    broker.ask().expect_err("who is frozen does not answer");
    broker.thaw();
    eventually("an answer after the freeze", || broker.ask().ok());

    let first = broker.pid();
    broker.kill();
    let refused = broker.ask().expect_err("who is dead does not answer");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    broker.start();
    assert_ne!(broker.pid(), first);
    has_its_data();

    broker.stop();
    broker.start();
    has_its_data();
}

/// Certificates for brokers that want one of their clients, too.
struct Certificates {
    authority: Authority,
    client: Pair,
}

impl Certificates {
    fn new() -> Self {
        let authority = Authority::new("brokers");
        let client = authority.pair("client", "client");
        Self { authority, client }
    }

    /// TLS both ways, and this login.
    fn settings(&self, login: &Login) -> Settings {
        let tls = Tls::by(&self.authority, &login.user).with_clients();
        Settings { tls: Some(tls), login: Some(login.clone()), ..Settings::default() }
    }

    fn known(&self) -> TlsClient {
        TlsClient::new(&self.authority, "localhost", Some(&self.client))
    }

    fn unknown(&self) -> TlsClient {
        TlsClient::new(&self.authority, "127.0.0.1", None)
    }

    /// Asks over TLS: who has a certificate gets an answer of this form, and who has none does not.
    #[track_caller]
    fn are_wanted<const N: usize>(&self, addr: SocketAddr, question: &[u8], good: impl Fn(&[u8; N]) -> bool) {
        let ask = |client: &TlsClient| {
            let mut stream = client.connect(addr)?;
            stream.write_all(question)?;
            let mut answer = [0; N];
            stream.read_exact(&mut answer)?;
            io::Result::Ok(answer)
        };
        let answer = ask(&self.known()).expect("an answer");
        assert!(good(&answer), "{:?}", String::from_utf8_lossy(&answer));
        ask(&self.unknown()).expect_err("a client without a certificate is turned away");
    }
}

/// Two logins, for two brokers that must not be taken for one another.
fn two_logins() -> [Login; 2] {
    [Login::new("alice", "wonder-1"), Login::new("bob", "builder-2")]
}

/// Starts two of a kind at the same time.
fn side_by_side<T: Send>(start: impl Fn(&Settings) -> T + Sync, settings: &[Settings; 2]) -> [T; 2] {
    thread::scope(|scope| {
        let first = scope.spawn(|| start(&settings[0]));
        let second = start(&settings[1]);
        [first.join().expect("the first starts"), second]
    })
}
