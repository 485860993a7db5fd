use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const BOTH: [MqttVersion; 2] = [MqttVersion::V3, MqttVersion::V5];

fn all(version: MqttVersion, bytes: &[u8]) -> Result<Vec<Packet>, String> {
    let mut read = BytesMut::from(bytes);
    let mut packets = Vec::new();
    while let Some(packet) = next(version, &mut read).map_err(|error| error.to_string())? {
        packets.push(packet);
    }
    assert!(read.is_empty(), "left: {read:?}");
    Ok(packets)
}

fn ack(id: u16, reason: u8, words: Option<&str>) -> Ack {
    Ack { id, reason, words: words.map(str::to_owned) }
}

#[test]
fn answers_are_read_with_and_without_what_may_be_left_out() {
    let bytes = b"\x40\x02\0\x07\x40\x03\0\x08\x10\x50\x04\0\x09\x87\0\x70\x02\0\x0a\xd0\0";
    let expected = [
        Packet::PubAck(ack(7, 0, None)),
        Packet::PubAck(ack(8, 0x10, None)),
        Packet::PubRec(ack(9, 0x87, None)),
        Packet::PubComp(ack(10, 0, None)),
        Packet::PingResp,
    ];
    assert_eq!(all(MqttVersion::V5, bytes).unwrap(), expected);
}

#[test]
fn the_brokers_own_words_are_found_among_properties() {
    // A user property, then the reason.
    let properties = b"\x26\0\x01a\0\x01b\x1f\0\x03n\to";
    let body = [&b"\0\x07\x95"[..], &[properties.len() as u8], properties].concat();
    let bytes = [&[0x40, body.len() as u8], &body[..]].concat();
    assert_eq!(all(MqttVersion::V5, &bytes).unwrap(), [Packet::PubAck(ack(7, 0x95, Some("no")))]);
}

#[test]
fn a_disconnect_may_be_empty_or_a_reason_alone() {
    let packets = all(MqttVersion::V5, b"\xe0\0\xe0\x01\x8e\xe0\x02\x8b\0").unwrap();
    let expected = [0, 0x8E, 0x8B].map(|reason| Packet::Disconnect(reason, None));
    assert_eq!(packets, expected);
}

#[test]
fn a_packet_is_read_once_it_is_whole() {
    let whole = b"\x20\x06\x01\0\x03\x21\0\x14";
    let mut read = BytesMut::new();
    for byte in &whole[..whole.len() - 1] {
        read.extend_from_slice(&[*byte]);
        assert_eq!(next(MqttVersion::V5, &mut read), Ok(None));
    }
    read.extend_from_slice(&whole[whole.len() - 1..]);
    let granted = Granted { session_present: true, receive_max: 20, ..Granted::all() };
    assert_eq!(next(MqttVersion::V5, &mut read), Ok(Some(Packet::Connected(granted))));
}

#[test]
fn what_the_broker_grants_is_read() {
    // Receive maximum 7, QoS 1, no retaining, packets of 1024 bytes, keep alive 9.
    let properties = b"\x21\0\x07\x24\x01\x25\0\x27\0\0\x04\0\x13\0\x09";
    let bytes = [&[0x20, 3 + properties.len() as u8, 0, 0, properties.len() as u8], &properties[..]].concat();
    let granted = Granted {
        session_present: false,
        receive_max: 7,
        max_packet: 1024,
        max_qos: 1,
        retains: false,
        keep_alive: Some(9),
    };
    assert_eq!(all(MqttVersion::V5, &bytes).unwrap(), [Packet::Connected(granted)]);
    assert_eq!(all(MqttVersion::V3, b"\x20\x02\0\0").unwrap(), [Packet::Connected(Granted::all())]);
}

#[test]
fn refusals_have_the_numbers_of_mqtt_5_whoever_speaks() {
    for (version, code, reason) in [
        (MqttVersion::V3, 1, reason::OTHER_VERSION),
        (MqttVersion::V3, 4, 0x86),
        (MqttVersion::V3, 5, 0x87),
        (MqttVersion::V5, 1, reason::OTHER_VERSION),
    ] {
        assert_eq!(all(version, &[0x20, 2, 0, code]).unwrap(), [Packet::Refused(reason, None)]);
    }
    assert_eq!(all(MqttVersion::V5, b"\x20\x03\0\x87\0").unwrap(), [Packet::Refused(0x87, None)]);
    assert_eq!(all(MqttVersion::V5, b"\x20\x02\0\x84").unwrap(), [Packet::Refused(0x84, None)]);
}

#[test]
fn what_is_no_mqtt_is_told() {
    for bytes in [&b"HTTP/1.1 400 Bad Request"[..], b"\x20\xff\xff\xff\xff\xff", b"\x40\x01\0", b"\x20\xff\xff\xff\x7f"]
    {
        for version in BOTH {
            let told = all(version, bytes).unwrap_err();
            assert!(told.starts_with("what comes is no MQTT: "), "{bytes:?}: {told}");
        }
    }
}

#[test]
fn a_message_that_fits_is_written_and_one_byte_more_is_refused() {
    let mut property = Vec::new();
    user_property("k", b"v", &mut property).unwrap();
    let message =
        |id| Publish { topic: "a/b", payload: b"xyz", qos: 1, id, copy: id > 1, retain: true, properties: &property };
    let three = b"\x33\x0a\0\x03a/b\0\x01xyz";
    let five = b"\x3b\x12\0\x03a/b\0\x02\x07\x26\0\x01k\0\x01vxyz";
    for (version, id, expected) in [(MqttVersion::V3, 1, &three[..]), (MqttVersion::V5, 2, five)] {
        let mut out = BytesMut::new();
        publish(version, &message(id), expected.len(), &mut out).unwrap();
        assert_eq!(out, expected);
        let error = publish(version, &message(id), expected.len() - 1, &mut out).unwrap_err();
        assert_eq!(error.kind(), Kind::TooLarge);
        assert_eq!(out, expected, "nothing of it is written");
    }
}

#[test]
fn messages_are_written_as_others_read_them() {
    use rumqttc::v5::mqttbytes::v5 as five;
    use tokio_util::codec::Decoder as _;
    let long = "t".repeat(200);
    for (size, qos) in [(0, 0), (100, 1), (127, 2), (20_000, 1), (3_000_000, 1)] {
        let payload = vec![7; size];
        let mut properties = Vec::new();
        for number in 0..size.min(100) {
            user_property(&number.to_string(), "ä".as_bytes(), &mut properties).unwrap();
        }
        let id = u16::from(qos > 0) * 0x1234;
        let (topic, copy, retain) = (&*long, qos == 2, qos == 1);
        let message = Publish { topic, payload: &payload, qos, id, copy, retain, properties: &properties };
        let mut out = BytesMut::new();
        publish(MqttVersion::V5, &message, LARGEST, &mut out).unwrap();
        let mut codec = five::Codec { max_incoming_size: None, max_outgoing_size: None };
        let Ok(Some(five::Packet::Publish(read))) = codec.decode(&mut out) else {
            panic!("{size} bytes cannot be read")
        };
        assert!(out.is_empty());
        assert_eq!((read.dup, read.retain, read.pkid, read.qos), (copy, retain, id, qos_5(qos)));
        assert_eq!((&read.topic[..], &read.payload[..]), (long.as_bytes(), &payload[..]));
        let named = read.properties.map(|read| read.user_properties).unwrap_or_default();
        assert!(
            named
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), &**value))
                .eq((0..size.min(100)).map(|n| (n, "ä")))
        );
        publish(MqttVersion::V3, &message, LARGEST, &mut out).unwrap();
        let Ok(v4::Packet::Publish(read)) = v4::Packet::read(&mut out, LARGEST) else {
            panic!("{size} bytes cannot be read")
        };
        assert_eq!((read.dup, read.retain, read.pkid, read.qos), (copy, retain, id, qos_3(qos)));
        assert_eq!((&*read.topic, &read.payload[..]), (&*long, &payload[..]));
    }
}

#[test]
fn connect_says_who_comes() {
    let will = config::MqttWill { topic: "w".to_owned(), payload: "x".to_owned(), qos: 1, retain: true };
    let hello = Hello {
        client_id: "c",
        clean: true,
        expiry: 3600,
        keep_alive: 30,
        will: Some(&will),
        username: "u",
        password: "p",
    };
    let mut out = BytesMut::new();
    connect(MqttVersion::V3, &hello, &mut out);
    assert_eq!(&out[..], b"\x10\x19\0\x04MQTT\x04\xee\0\x1e\0\x01c\0\x01w\0\x01x\0\x01u\0\x01p");
    out.clear();
    connect(MqttVersion::V5, &Hello { will: None, clean: false, ..hello }, &mut out);
    let expected = b"\x10\x1e\0\x04MQTT\x05\xc0\0\x1e\x0a\x11\0\0\x0e\x10\x27\0\x01\0\0\0\x01c\0\x01u\0\x01p";
    assert_eq!(&out[..], expected);
}

proptest! {
    /// Whatever a peer says, it is read to its end or refused.
    #[test]
    fn no_bytes_are_too_odd(bytes in vec(any::<u8>(), 0..64)) {
        for version in BOTH {
            let mut read = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = next(version, &mut read) {}
        }
    }

    /// CONNACK, whose properties are not read here.
    #[test]
    fn no_connack_is_too_odd(names in vec(0u8..50, 0..6), values in vec(any::<u8>(), 0..40), length in any::<u8>()) {
        let mut properties = Vec::new();
        let mut values = values.chunks(3);
        for name in names {
            properties.push(name);
            properties.extend(values.next().unwrap_or_default());
        }
        let body = [&[0, 0, if length < 128 { properties.len() as u8 } else { length - 128 }], &properties[..]].concat();
        let mut read = BytesMut::from(&[&[0x20, body.len() as u8], &body[..]].concat()[..]);
        let _ = next(MqttVersion::V5, &mut read);
    }
}
