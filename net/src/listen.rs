//! Ways in: a TCP listener that goes on whatever happens to single connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tracing::{info, warn};

/// Connections that the kernel holds ready: a whole fleet may come back in one second.
const BACKLOG: i32 = 4096;

/// Pause after the process or system ran out of something that accepting needs.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// An exhaustion is over when it has not shown for so long: until then it is one, and told once.
const CALM: Duration = Duration::from_secs(10);

/// The system's number for "address family not supported".
const NO_IPV6: i32 = 97;

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}")]
pub struct ListenError {
    /// The address as configured.
    pub addr: String,
    /// What the system says.
    pub source: io::Error,
}

/// Accepts TCP connections.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    addr: SocketAddr,
    exhausted: Option<Exhaustion>,
}

/// A time in which the system gave no new connections.
#[derive(Debug)]
struct Exhaustion {
    failures: u64,
    last: Instant,
}

impl Listener {
    /// Listens on `addr` (`host:port`).
    ///
    /// # Errors
    /// The address does not resolve, is taken, or may not be bound.
    pub fn bind(addr: &str) -> Result<Listener, ListenError> {
        let fail = |source| ListenError { addr: addr.to_owned(), source };
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
        for resolved in addr.to_socket_addrs().map_err(fail)? {
            match bind(resolved).and_then(|listener| Ok((listener.local_addr()?, listener))) {
                Ok((addr, listener)) => return Ok(Listener { listener, addr, exhausted: None }),
                Err(error) => last = error,
            }
        }
        Err(fail(last))
    }

    /// The address that is listened on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The next connection, with `TCP_NODELAY` and keep-alive set. Errors that concern one connection are passed over;
    /// while descriptors are exhausted, accepting pauses and goes on later. Cancel-safe.
    pub async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    self.succeeded();
                    prepare(&stream);
                    // A listener of both families writes IPv4 in IPv6.
                    return (stream, SocketAddr::new(peer.ip().to_canonical(), peer.port()));
                }
                Err(error) if concerns_one(&error) => {}
                Err(error) => {
                    self.failed(&error);
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    fn failed(&mut self, error: &io::Error) {
        let last = Instant::now();
        match &mut self.exhausted {
            Some(exhaustion) => *exhaustion = Exhaustion { failures: exhaustion.failures + 1, last },
            None => {
                warn!(addr = %self.addr, %error, "cannot accept connections for now; they wait, and it is tried again");
                self.exhausted = Some(Exhaustion { failures: 1, last });
            }
        }
    }

    fn succeeded(&mut self) {
        if let Some(Exhaustion { failures, .. }) =
            self.exhausted.take_if(|exhaustion| exhaustion.last.elapsed() >= CALM)
        {
            info!(addr = %self.addr, failures, "accepts connections as before");
        }
    }
}

/// `0.0.0.0` means every address of both families, as it does for the Go gateway; where there is no IPv6, those of IPv4.
fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    if addr.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
        let both = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), addr.port());
        bind_one(both, false).or_else(|error| match error.raw_os_error() {
            Some(NO_IPV6) | None => bind_one(addr, true),
            Some(_) => Err(error),
        })
    } else {
        bind_one(addr, true)
    }
}

fn bind_one(addr: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Sets what every link wants. A socket that the peer has already closed may refuse it; its first read tells.
pub(crate) fn prepare(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

fn concerns_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
