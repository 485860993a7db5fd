//! A kind of broker under test.

use std::net::SocketAddr;

use frontier_integration_tests::Proxy;
use frontier_integration_tests::bridges::Arrived;
use frontier_integration_tests::brokers::{Broker, Login, Settings};
use frontier_integration_tests::certificates::Pair;

/// What a bridge needs to get in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// User and password; the password by the lines of its `password:` as they stand, such as `{ value: x }`.
    pub(crate) login: Option<(String, String)>,
    /// The PEM file of the broker's authority, if TLS is spoken, and the certificate that is shown.
    pub(crate) tls: Option<(std::path::PathBuf, Option<Pair>)>,
}

impl Access {
    /// By this login, the password as a value.
    pub(crate) fn by(login: &Login) -> Self {
        let password = format!("{{ value: {:?} }}", login.password);
        Self { login: Some((login.user.clone(), password)), tls: None }
    }

    /// The lines of `tls:`, with their indent of two.
    pub(crate) fn tls_lines(&self) -> Vec<String> {
        let Some((authority, own)) = &self.tls else { return Vec::new() };
        let mut lines = vec!["  tls:".to_owned(), "    enable: true".to_owned()];
        lines.push(format!("    ca_certs: [{}]", authority.display()));
        if let Some(own) = own {
            lines.push(format!("    cert: {}", own.cert.display()));
            lines.push(format!("    key: {}", own.key.display()));
        }
        lines
    }
}

/// A kind of broker, started by a test, whose stored records outlive its death.
pub(crate) trait Target: Sized {
    /// Whether its records have keys.
    const HAS_KEYS: bool = false;

    /// Messages that are under way at the least while it stands still and as many and more are published, one after the other.
    const UNDER_WAY: u64 = 50;

    /// What is said of every message that it finds too large.
    const TOO_LARGE: &str;

    /// What a gateway may hold more while it stands still and the queue of a bridge is full: those 16 MiB, as much again, and what
    /// the links of all who wait for it take.
    const MEMORY_KIB: u64 = 36 * 1024;

    /// What [`Target::start`] has to be given so that what arrives at any of `names` can be read, if it arrives.
    fn destinations<'a>(names: &[&'a str]) -> Vec<&'a str> {
        names.to_vec()
    }

    /// Starts one, ready to keep what goes to any of `destinations` until it is read.
    fn start(settings: &Settings, destinations: &[&str]) -> Self;

    /// Starts one that is reached through `proxy`, in clear text.
    fn start_behind(proxy: &Proxy, settings: &Settings, destinations: &[&str]) -> Self {
        let target = Self::start(settings, destinations);
        proxy.aim(target.addr());
        target
    }

    /// As [`Target::start_behind`], for clients who know the proxy by that name.
    fn start_called(_name: &str, proxy: &Proxy, settings: &Settings, destinations: &[&str]) -> Self {
        Self::start_behind(proxy, settings, destinations)
    }

    /// Its process.
    fn broker(&mut self) -> &mut Broker;

    /// Where it listens in clear text.
    fn addr(&self) -> SocketAddr;

    /// Where it listens with TLS, if that is set.
    fn tls_addr(&self) -> Option<SocketAddr>;

    /// The lines of a bridge to the broker at `addr` (`host:port`), without `topics`: what is stored survives the broker's death.
    fn bridge(addr: &str, access: &Access) -> Vec<String>;

    /// All that has been stored at `destination` so far, in its order; calls give the same again and what came since.
    fn stored(&mut self, destination: &str) -> Vec<Arrived>;
}
