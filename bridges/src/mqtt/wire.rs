//! Packets as bytes, in both versions of the protocol.
//!
//! `rumqttc` writes them, messages aside, and reads the properties of CONNACK. Messages are written here, straight from the record: there are
//! many, and it wants each of their texts in a string of its own. Answers to messages and DISCONNECT are read here: of those `rumqttc`
//! knows no reason but the listed ones, and wants properties that a broker may leave out, while Mosquitto sends a
//! PUBACK that says "packet too large" and a DISCONNECT of one byte. Either would cost the connection.

use bytes::{Buf, BufMut, BytesMut};
use config::MqttVersion;
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;
use tokio_util::codec::Decoder;

use super::reason;
use super::session::Ack;
use crate::{Kind, PublishError};

/// The largest packet of the protocol: five bytes that say how many follow, and these.
pub(super) const LARGEST: usize = 5 + 268_435_455;

/// The largest packet that is read. The broker has nothing to say that is larger.
const LARGEST_READ: usize = 64 * 1024;

/// The longest text of the protocol, in bytes.
pub(super) const LONGEST: usize = u16::MAX as usize;

/// What a user property begins with.
const USER_PROPERTY: u8 = 0x26;

/// How much of a broker's words is handed on.
const WORDS: usize = 200;

/// What the client says of itself. Passwords are in it: it is never printed.
pub(super) struct Hello<'a> {
    pub(super) client_id: &'a str,
    /// Whether the broker forgets the session that was there before.
    pub(super) clean: bool,
    /// How long the broker keeps the session after the connection, in seconds; MQTT 5.
    pub(super) expiry: u32,
    /// In seconds.
    pub(super) keep_alive: u16,
    pub(super) will: Option<&'a config::MqttWill>,
    pub(super) username: &'a str,
    pub(super) password: &'a str,
}

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Publish<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) qos: u8,
    /// Zero with QoS 0.
    pub(super) id: u16,
    /// Whether it was sent before under this identifier.
    pub(super) copy: bool,
    pub(super) retain: bool,
    /// Properties as they stand in the packet: MQTT 5.
    pub(super) properties: &'a [u8],
}

/// What the broker grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Granted {
    /// Whether it has the session that was there before.
    pub(super) session_present: bool,
    /// How many messages of QoS 1 and 2 may be unconfirmed.
    pub(super) receive_max: u16,
    /// The largest packet that it takes, in bytes.
    pub(super) max_packet: usize,
    /// The highest quality of service.
    pub(super) max_qos: u8,
    /// Whether it keeps the last message of a topic.
    pub(super) retains: bool,
    /// The keep alive that it wants in place of ours, in seconds.
    pub(super) keep_alive: Option<u16>,
}

/// A packet of the broker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    Connected(Granted),
    Refused(u8, Option<String>),
    PubAck(Ack),
    PubRec(Ack),
    PubComp(Ack),
    PingResp,
    Disconnect(u8, Option<String>),
    /// Something that is not for us.
    Other,
}

/// Adds CONNECT to `out`.
pub(super) fn connect(version: MqttVersion, hello: &Hello<'_>, out: &mut BytesMut) {
    let logs_in = !hello.username.is_empty() || !hello.password.is_empty();
    let written = match version {
        MqttVersion::V3 => {
            let will =
                |will: &config::MqttWill| v4::LastWill::new(&*will.topic, &*will.payload, qos_3(will.qos), will.retain);
            let connect = v4::Connect {
                keep_alive: hello.keep_alive,
                clean_session: hello.clean,
                last_will: hello.will.map(will),
                login: logs_in.then(|| v4::Login::new(hello.username, hello.password)),
                ..v4::Connect::new(hello.client_id)
            };
            connect.write(out)
        }
        MqttVersion::V5 => {
            let will = |will: &config::MqttWill| {
                v5::LastWill::new(&*will.topic, &*will.payload, qos_5(will.qos), will.retain, None)
            };
            let properties = v5::ConnectProperties {
                session_expiry_interval: Some(hello.expiry),
                max_packet_size: Some(LARGEST_READ as u32),
                ..v5::ConnectProperties::new()
            };
            let connect = v5::Connect {
                keep_alive: hello.keep_alive,
                client_id: hello.client_id.to_owned(),
                clean_start: hello.clean,
                properties: Some(properties),
            };
            let login = logs_in.then(|| v5::Login::new(hello.username, hello.password));
            return written_5(connect.write(&hello.will.map(will), &login, out));
        }
    };
    written.expect("a packet of texts of the protocol's lengths has the protocol's length");
}

fn written_5(written: Result<usize, rumqttc::v5::mqttbytes::Error>) {
    written.expect("a packet of texts of the protocol's lengths has the protocol's length");
}

/// Adds PUBLISH to `out`, unless it is larger than `most` bytes.
///
/// # Errors
/// It is too large.
pub(super) fn publish(
    version: MqttVersion,
    publish: &Publish<'_>,
    most: usize,
    out: &mut BytesMut,
) -> Result<(), PublishError> {
    let Publish { topic, payload, qos, id, copy, retain, properties } = publish;
    let id_length = if *qos > 0 { 2 } else { 0 };
    let properties_length = match version {
        MqttVersion::V3 => 0,
        MqttVersion::V5 => varint_length(properties.len()) + properties.len(),
    };
    let length = 2 + topic.len() + id_length + properties_length + payload.len();
    let size = 1 + varint_length(length) + length;
    // Longer topics were refused before; what is counted in four bytes is below `LARGEST`.
    let topic_length = u16::try_from(topic.len()).ok();
    let Some(topic_length) = topic_length.filter(|_| size <= most.min(LARGEST)) else {
        let cause = format_args!("{size} bytes with topic and headers, and the broker takes at most {most}");
        return Err(PublishError::new(Kind::TooLarge, cause));
    };
    out.reserve(size);
    out.put_u8(0x30 | u8::from(*copy) << 3 | qos << 1 | u8::from(*retain));
    put_varint(length, out);
    out.put_u16(topic_length);
    out.put_slice(topic.as_bytes());
    if *qos > 0 {
        out.put_u16(*id);
    }
    if version == MqttVersion::V5 {
        put_varint(properties.len(), out);
        out.put_slice(properties);
    }
    out.put_slice(payload);
    Ok(())
}

/// Adds a user property to `out`. None: a text of it is longer than [`LONGEST`].
pub(super) fn user_property(name: &str, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (name_length, value_length) = (u16::try_from(name.len()).ok()?, u16::try_from(value.len()).ok()?);
    out.put_u8(USER_PROPERTY);
    out.put_u16(name_length);
    out.put_slice(name.as_bytes());
    out.put_u16(value_length);
    out.put_slice(value);
    Some(())
}

fn varint_length(mut value: usize) -> usize {
    let mut length = 1;
    while value > 0x7F {
        value >>= 7;
        length += 1;
    }
    length
}

fn put_varint(mut value: usize, out: &mut BytesMut) {
    while value > 0x7F {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Adds PUBREL to `out`. It looks the same in both versions, as what follows does.
pub(super) fn pubrel(id: u16, out: &mut BytesMut) {
    v4::PubRel::new(id).write(out).expect("four bytes");
}

/// Adds PINGREQ to `out`.
pub(super) fn ping(out: &mut BytesMut) {
    v4::PingReq.write(out).expect("two bytes");
}

/// Adds DISCONNECT to `out`, after which the broker publishes no will.
pub(super) fn disconnect(out: &mut BytesMut) {
    v4::Disconnect.write(out).expect("two bytes");
}

const fn qos_3(qos: u8) -> rumqttc::mqttbytes::QoS {
    use rumqttc::mqttbytes::QoS;
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

const fn qos_5(qos: u8) -> rumqttc::v5::mqttbytes::QoS {
    use rumqttc::v5::mqttbytes::QoS;
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

/// Takes the next packet out of what was read; none while it is not whole.
///
/// # Errors
/// That is no MQTT, or more than a broker may say.
pub(super) fn next(version: MqttVersion, read: &mut BytesMut) -> Result<Option<Packet>, PublishError> {
    let Some((header, length)) = frame(read)? else { return Ok(None) };
    // A broker's packets have no flags, but for messages.
    if read[0] & 0x0F != 0 && read[0] >> 4 != 3 {
        return Err(malformed(format_args!("a packet that begins with {:#04x}", read[0])));
    }
    if length > LARGEST_READ {
        return Err(malformed(format_args!("a packet of {length} bytes")));
    }
    if read.len() < header + length {
        return Ok(None);
    }
    let whole = read.split_to(header + length);
    let kind = whole[0] >> 4;
    let mut body = &whole[header..];
    let packet = match kind {
        2 => connack(version, &whole, body)?,
        4 => Packet::PubAck(ack(&mut body)?),
        5 => Packet::PubRec(ack(&mut body)?),
        7 => Packet::PubComp(ack(&mut body)?),
        13 => Packet::PingResp,
        14 => Packet::Disconnect(body.try_get_u8().unwrap_or(0), words(body)),
        _ => Packet::Other,
    };
    Ok(Some(packet))
}

/// How long the next packet's header is, and what follows it; none while that is not known.
fn frame(read: &[u8]) -> Result<Option<(usize, usize)>, PublishError> {
    let Some(after) = read.get(1..) else { return Ok(None) };
    match varint(after) {
        Some((taken, length)) => Ok(Some((1 + taken, length))),
        None if after.len() < 4 => Ok(None),
        None => Err(malformed("a length of more than four bytes")),
    }
}

/// A number of one to four bytes, seven bits each, the lowest first, and how many it took; none if it does not end.
fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((at + 1, value));
        }
    }
    None
}

fn malformed(what: impl std::fmt::Display) -> PublishError {
    PublishError::lost(format_args!("what comes is no MQTT: {what}; is that the broker's port?"))
}

fn ack(body: &mut &[u8]) -> Result<Ack, PublishError> {
    let id = body.try_get_u16().map_err(|_| malformed("an answer without a packet identifier"))?;
    let reason = body.try_get_u8().unwrap_or(0);
    Ok(Ack { id, reason, words: words(body) })
}

fn connack(version: MqttVersion, whole: &[u8], body: &[u8]) -> Result<Packet, PublishError> {
    let &[flags, code, ref properties @ ..] = body else { return Err(malformed("a CONNACK without a code")) };
    match (version, code) {
        (MqttVersion::V3, 0) => Ok(Packet::Connected(Granted { session_present: flags & 1 == 1, ..Granted::all() })),
        (MqttVersion::V5, 0) => connected(whole),
        // A broker of 3.1.1 says so in its own numbers, also to those who speak 5.
        (MqttVersion::V3, code) | (MqttVersion::V5, code @ 1..=5) => {
            const BY_CODE: [u8; 5] = [reason::OTHER_VERSION, 0x85, 0x88, 0x86, 0x87];
            let reason = BY_CODE.get(usize::from(code) - 1).copied();
            Ok(Packet::Refused(reason.unwrap_or(code), None))
        }
        (MqttVersion::V5, code) => Ok(Packet::Refused(code, words(properties))),
    }
}

/// A CONNACK of MQTT 5 that says yes.
fn connected(whole: &[u8]) -> Result<Packet, PublishError> {
    let mut codec = v5::Codec { max_incoming_size: None, max_outgoing_size: None };
    let decoded = codec.decode(&mut BytesMut::from(whole)).map_err(malformed)?;
    let Some(v5::Packet::ConnAck(connack)) = decoded else {
        return Err(malformed("a CONNACK that is not whole"));
    };
    let all = Granted { session_present: connack.session_present, ..Granted::all() };
    let Some(properties) = connack.properties else { return Ok(Packet::Connected(all)) };
    Ok(Packet::Connected(Granted {
        session_present: all.session_present,
        receive_max: properties.receive_max.filter(|most| *most > 0).unwrap_or(all.receive_max),
        max_packet: properties.max_packet_size.map_or(all.max_packet, |most| all.max_packet.min(most as usize)),
        max_qos: properties.max_qos.unwrap_or(all.max_qos),
        retains: properties.retain_available != Some(0),
        keep_alive: properties.server_keep_alive,
    }))
}

impl Granted {
    /// As much as the protocol allows, which holds unless the broker says less.
    const fn all() -> Self {
        Self {
            session_present: false,
            receive_max: u16::MAX,
            max_packet: LARGEST,
            max_qos: 2,
            retains: true,
            keep_alive: None,
        }
    }
}

/// The broker's own words, if they are among these properties.
fn words(properties: &[u8]) -> Option<String> {
    let (taken, length) = varint(properties)?;
    let mut rest = properties.get(taken..taken + length)?;
    while let Ok(name) = rest.try_get_u8() {
        match name {
            0x1F => {
                let text = String::from_utf8_lossy(text(&mut rest)?).into_owned();
                let told: String = text.chars().filter(|char| !char.is_control()).take(WORDS).collect();
                return Some(told).filter(|told| !told.is_empty());
            }
            // User properties, another server, the session's end: those that may stand before.
            USER_PROPERTY => {
                text(&mut rest)?;
                text(&mut rest)?;
            }
            0x1C => {
                text(&mut rest)?;
            }
            0x11 => {
                rest.try_get_u32().ok()?;
            }
            _ => return None,
        }
    }
    None
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::from(rest.try_get_u16().ok()?);
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

#[cfg(test)]
mod tests;
