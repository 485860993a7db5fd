//! Ports that stay a broker's own while it is down.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1. It is bound here, so that the system gives it to nobody else, but never listened on, so that a
/// server that allows the reuse of addresses, as all do, can listen there; while none does, connecting is refused.
#[derive(Debug)]
pub(crate) struct Port {
    addr: SocketAddr,
    _bound: Socket,
}

impl Port {
    /// A free one.
    ///
    /// # Panics
    /// When the system has none.
    #[track_caller]
    pub(crate) fn any() -> Self {
        Self::bind(0).expect("127.0.0.1 has free ports")
    }

    /// `wanted` if it is free, else any.
    ///
    /// # Panics
    /// When the system has none.
    #[track_caller]
    pub(crate) fn preferably(wanted: Option<u16>) -> Self {
        wanted.and_then(Self::bind).unwrap_or_else(Self::any)
    }

    fn bind(number: u16) -> Option<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
        socket.set_reuse_address(true).ok()?;
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], number)).into()).ok()?;
        let addr = socket.local_addr().ok()?.as_socket()?;
        Some(Self { addr, _bound: socket })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn number(&self) -> u16 {
        self.addr.port()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::Port;

    #[test]
    fn a_port_is_one_owners_alone_and_a_server_can_listen_there_again_and_again() {
        let ports: Vec<Port> = (0..200).map(|_| Port::any()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 200);
        let addr = ports[0].addr();
        for _ in 0..2 {
            assert!(TcpStream::connect(addr).is_err(), "nobody listens");
            let listener = TcpListener::bind(addr).expect("the owner's server may listen");
            let client = TcpStream::connect(addr).expect("it listens");
            drop((listener.accept().expect("it accepts"), client));
        }
    }

    #[test]
    fn a_wanted_port_in_use_gives_way_to_another() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let taken = listener.local_addr().expect("bound").port();
        assert_ne!(Port::preferably(Some(taken)).number(), taken);
    }
}
