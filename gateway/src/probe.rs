//! `frontier health`: asks a running gateway whether it is well, for images and supervisors that have no HTTP client.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// For all of it, shorter than the time that supervisors give a probe.
const PATIENCE: Duration = Duration::from_secs(4);

/// No answer of the gateway's own is longer; of a stranger's this much is looked at.
const LONGEST_ANSWER: u64 = 1024;

/// Why a gateway is not well, or cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwell {
    /// The name cannot be looked up, or has no port.
    #[error("{addr} is no address that can be asked, give HOST:PORT of `observability.addr`")]
    Unknown { addr: String, source: io::Error },
    /// Nobody listens, or does not answer in time.
    #[error("{addr} does not answer GET {path}")]
    Silent { addr: SocketAddr, path: &'static str, source: io::Error },
    /// Whoever listens there is no HTTP server.
    #[error("{addr} answers GET {path} with something that is not HTTP: {answer:?}")]
    NotHttp { addr: SocketAddr, path: &'static str, answer: String },
    /// The gateway says no.
    #[error("{addr} answers GET {path} with {status}: {body}")]
    No { addr: SocketAddr, path: &'static str, status: u16, body: String },
}

/// Asks the observability port at `addr`, `HOST:PORT`, for `path` and takes 200 as well. A name that stands for several
/// addresses is well if one of them is. Takes at most [`PATIENCE`] beside the look-up of the name.
pub(crate) fn ask(addr: &str, path: &'static str) -> Result<(), Unwell> {
    let unknown = |source| Unwell::Unknown { addr: addr.to_owned(), source };
    let until = Instant::now() + PATIENCE;
    let mut outcome = Err(unknown(io::ErrorKind::NotFound.into()));
    for addr in addr.to_socket_addrs().map_err(unknown)? {
        outcome = ask_one(addr, path, until);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn ask_one(addr: SocketAddr, path: &'static str, until: Instant) -> Result<(), Unwell> {
    let answer = exchange(addr, path, until).map_err(|source| Unwell::Silent { addr, path, source })?;
    let answer = String::from_utf8_lossy(&answer);
    match status(&answer) {
        Some(200) => Ok(()),
        Some(status) => {
            let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
            Err(Unwell::No { addr, path, status, body })
        }
        None => Err(Unwell::NotHttp { addr, path, answer: answer.chars().take(40).collect() }),
    }
}

fn status(answer: &str) -> Option<u16> {
    let mut words = answer.strip_prefix("HTTP/1.")?.split_ascii_whitespace();
    words.nth(1)?.parse().ok()
}

/// One request in HTTP/1.0, so that the end of the connection is the end of the answer.
fn exchange(addr: SocketAddr, path: &str, until: Instant) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&addr, left(until)?)?;
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {addr}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut bounded = stream.try_clone()?.take(LONGEST_ANSWER);
    let mut piece = [0; LONGEST_ANSWER as usize];
    loop {
        stream.set_read_timeout(Some(left(until)?))?;
        match bounded.read(&mut piece) {
            Ok(0) => return Ok(answer),
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Asks somebody who answers one connection with `answer`.
    fn asked_of(answer: &'static str) -> Result<(), Unwell> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            assert!(request.starts_with(b"GET /healthz HTTP/1.0\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let outcome = ask(&addr.to_string(), "/healthz");
        server.join().unwrap();
        outcome
    }

    #[test]
    fn only_200_is_well() {
        asked_of("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
        let error = asked_of("HTTP/1.1 503 Service Unavailable\r\n\r\ndraining").unwrap_err();
        assert!(matches!(error, Unwell::No { status: 503, ref body, .. } if body == "draining"), "{error}");
    }

    #[test]
    fn whoever_speaks_no_http_is_no_gateway() {
        for answer in ["", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.0 fine\r\n\r\n"] {
            assert!(matches!(asked_of(answer), Err(Unwell::NotHttp { .. })), "{answer:?}");
        }
    }

    #[test]
    fn an_address_needs_a_port() {
        assert!(matches!(ask("127.0.0.1", "/healthz"), Err(Unwell::Unknown { .. })));
    }

    #[test]
    fn nobody_is_no_gateway() {
        // Bound, and nobody listens: nobody else can take it meanwhile.
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(matches!(ask(&taken.to_string(), "/healthz"), Err(Unwell::Silent { .. })));
    }
}
