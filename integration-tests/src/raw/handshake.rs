//! How a scripted client comes and goes.

use std::net::SocketAddr;

use super::body::{Body, base64, quoted};
use super::client::{Client, Lost};
use super::frame::{Frame, kind};

/// What a client says in its Conn. The default is what the Go SDK sends.
#[derive(Clone, Debug)]
pub struct Hello {
    /// The flags byte.
    pub flags: u8,
    /// The wanted client id; 0 for none.
    pub wanted: u64,
    /// The meta; none leaves the key out.
    pub meta: Option<Vec<u8>>,
}

impl Default for Hello {
    fn default() -> Self {
        Self { flags: 0x18, wanted: 0, meta: None }
    }
}

impl Hello {
    /// An edge with meta.
    #[must_use]
    pub fn edge(meta: &[u8]) -> Self {
        Self { meta: Some(meta.to_vec()), ..Self::default() }
    }

    /// A service with its name and topics.
    #[must_use]
    pub fn service(name: &str, topics: &[&str]) -> Self {
        let topics: Vec<String> = topics.iter().map(|topic| quoted(topic)).collect();
        let meta = format!("{{\"service\":{},\"topics\":[{}]}}", quoted(name), topics.join(","));
        Self { meta: Some(meta.into_bytes()), ..Self::default() }
    }

    /// The same with a wanted client id.
    #[must_use]
    pub fn wanting(self, id: u64) -> Self {
        Self { wanted: id, ..self }
    }

    /// The body of the Conn.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let json = match &self.meta {
            Some(meta) => Body::new().json("meta", &quoted(&base64(meta))),
            None => Body::new(),
        };
        let mut out = vec![self.flags, 0];
        out.extend(self.wanted.to_be_bytes());
        out.extend(json.text().as_bytes());
        out
    }
}

/// A ConnAck that says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The return code.
    pub code: u8,
    /// The client id in the ack.
    pub id: u64,
    /// The reason.
    pub text: String,
}

impl Client {
    /// Connects an edge without meta.
    #[must_use]
    #[track_caller]
    pub fn edge(addr: SocketAddr) -> Self {
        Self::connect(addr, &Hello::default())
    }

    /// Connects a service.
    #[must_use]
    #[track_caller]
    pub fn service(addr: SocketAddr, name: &str, topics: &[&str]) -> Self {
        Self::connect(addr, &Hello::service(name, topics))
    }

    /// Connects, and must be let in.
    ///
    /// # Panics
    /// When refused.
    #[must_use]
    #[track_caller]
    pub fn connect(addr: SocketAddr, hello: &Hello) -> Self {
        let mut client = Self::dial(addr);
        client.say(hello);
        client.admitted();
        client
    }

    /// Connects, and must be refused.
    ///
    /// # Panics
    /// When let in.
    #[must_use]
    #[track_caller]
    pub fn connect_refused(addr: SocketAddr, hello: &Hello) -> Refusal {
        let mut client = Self::dial(addr);
        client.say(hello);
        client.refused()
    }

    /// Sends the Conn without waiting; returns its packet id.
    #[track_caller]
    pub fn say(&mut self, hello: &Hello) -> u64 {
        let id = self.fresh();
        self.send(kind::CONN, id, &hello.body());
        self.conn_packet = id;
        id
    }

    /// Takes the ConnAck, whichever way it goes.
    ///
    /// # Panics
    /// When another frame or none comes.
    #[track_caller]
    pub fn conn_ack(&mut self) -> Frame {
        let ack = self.next(kind::CONN_ACK);
        assert_eq!(ack.id, self.conn_packet, "the ack carries the packet id of the Conn");
        ack
    }

    /// Takes a ConnAck that lets this client in; returns the id.
    ///
    /// # Panics
    /// When refused.
    #[track_caller]
    pub fn admitted(&mut self) -> u64 {
        let ack = self.conn_ack();
        assert_eq!((ack.body[0], ack.text("error")), (0, String::new()), "the gateway refused");
        self.id = ack.number_at(1);
        assert_ne!(self.id, 0, "id 0 is never assigned");
        self.id
    }

    /// Takes a ConnAck that refuses this client, and the end of the connection behind it.
    ///
    /// # Panics
    /// When let in, or when the connection stays open.
    #[track_caller]
    pub fn refused(&mut self) -> Refusal {
        let ack = self.conn_ack();
        let refusal = Refusal { code: ack.body[0], id: ack.number_at(1), text: ack.text("error") };
        assert!(!refusal.text.is_empty(), "the gateway let it in");
        let rest = self.ended();
        assert!(rest.iter().all(|frame| frame.kind == kind::DIS_CONN), "{rest:?}");
        refusal
    }

    /// Says goodbye: the four packets of an orderly close, then the end of the connection.
    ///
    /// # Panics
    /// When the gateway does not complete it.
    #[track_caller]
    pub fn close(mut self) {
        let id = self.fresh();
        self.send(kind::DIS_CONN, id, &[]);
        let ack = self.reply(kind::DIS_CONN_ACK, id);
        assert_eq!(ack.body.first(), Some(&0), "{ack:?}");
        self.acknowledge_goodbye();
        self.ended();
    }

    /// Takes the gateway's DisConn, completes the goodbye with the ack and a DisConn of its own, and waits for the end of
    /// the connection.
    ///
    /// # Panics
    /// When the gateway does not say goodbye.
    #[track_caller]
    pub fn answer_goodbye(&mut self) {
        self.acknowledge_goodbye();
        let ours = Frame::bytes_of(kind::DIS_CONN, self.fresh(), &[]);
        // The gateway may have given up waiting.
        let _ = self.try_send_bytes(&ours);
        self.ended();
    }

    #[track_caller]
    fn acknowledge_goodbye(&mut self) {
        let theirs = self.expect(kind::DIS_CONN);
        assert!(theirs.body.is_empty(), "{theirs:?}");
        let ack = Frame::bytes_of(kind::DIS_CONN_ACK, theirs.id, b"\0{}");
        // The gateway may close as soon as it has our DisConn.
        let _ = self.try_send_bytes(&ack);
    }

    /// Whether the gateway closes this connection without having sent anything.
    ///
    /// # Panics
    /// When it stays open, or a frame comes.
    #[track_caller]
    pub fn cut_off(&mut self) {
        let outcome = self.try_next(self.patience);
        assert_eq!(outcome, Err(Lost::Ended), "the connection should have been closed in silence");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_the_conn_of_the_specification() {
        let foo = Hello::edge(b"foo").body();
        assert_eq!(foo, b"\x18\0\0\0\0\0\0\0\0\0{\"meta\":\"Zm9v\"}");
        assert_eq!(Hello::default().wanting(42).body(), b"\x18\0\0\0\0\0\0\0\0\x2a{}");
        let service = Hello::service("svc", &["t1"]).meta.unwrap();
        assert_eq!(service, br#"{"service":"svc","topics":["t1"]}"#);
    }
}
