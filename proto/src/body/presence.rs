//! What services are told about edges that come and go.

use std::borrow::Cow;

use super::json::{Cursor, Members, write_base64, write_string};
use super::{Base64, BodyError};

/// Method by which a service gives out edge ids: the edge's meta in, 8 bytes out, the highest first.
pub const GET_EDGE_ID: &str = "get_edge_id";
/// Method by which a service is told, and may refuse, that an edge comes online. Takes [`Presence`].
pub const EDGE_ONLINE: &str = "edge_online";
/// Method by which a service is told that an edge went offline. Takes [`Presence`].
pub const EDGE_OFFLINE: &str = "edge_offline";

/// The argument of [`EDGE_ONLINE`] and [`EDGE_OFFLINE`] (wire-protocol §11.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// The edge's id.
    pub edge: u64,
    /// The meta of its Conn.
    pub meta: Vec<u8>,
    /// Network of its address, for example `tcp`.
    pub net: String,
    /// Its address, for example `192.0.2.7:40312`.
    pub addr: String,
}

impl Presence {
    /// Reads the argument.
    ///
    /// # Errors
    ///
    /// If Go's decoder refuses the text too: see the [module](super).
    pub fn decode(text: &[u8]) -> Result<Self, BodyError> {
        let mut edge = 0;
        let mut meta = Base64::default();
        let (mut net, mut addr) = (Cow::default(), Cow::default());
        Cursor::document(text, |cursor, name| {
            if name.names("EdgeID") {
                cursor.u64_field("EdgeID", "an integer below 2^64 or null", &mut edge)
            } else if name.names("Meta") {
                cursor.bytes_field("Meta", &mut meta)
            } else if name.names("Net") {
                cursor.string_field("Net", &mut net)
            } else if name.names("Str") {
                cursor.string_field("Str", &mut addr)
            } else {
                cursor.skip_value(1)
            }
        })?;
        let (net, addr) = (net.into_owned(), addr.into_owned());
        Ok(Presence { edge, meta: meta.decode(), net, addr })
    }

    /// Appends the argument as Go writes it: every key always, and `null` for an empty meta.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut members = Members::new(out);
        members.name("EdgeID").extend_from_slice(self.edge.to_string().as_bytes());
        let meta = members.name("Meta");
        if self.meta.is_empty() {
            meta.extend_from_slice(b"null");
        } else {
            write_base64(&Base64::encode(&self.meta), meta);
        }
        write_string(&self.net, members.name("Net"));
        write_string(&self.addr, members.name("Str"));
        members.end();
    }
}
