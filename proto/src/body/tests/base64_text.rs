//! Bytes as base64 text.

use bytes::Bytes;

use super::super::Base64;

/// Byte strings of every length up to 300, so that every form of the text occurs: with each padding, inline and on the
/// heap, short and long enough for vector instructions.
fn samples() -> impl Iterator<Item = Vec<u8>> {
    (0..=300).map(|length| (0..length).map(|at| (at * 37 + 250) as u8).collect())
}

#[test]
fn item_07_base64_is_padded() {
    for (bytes, text) in
        [(&b""[..], &b""[..]), (b"f", b"Zg=="), (b"fo", b"Zm8="), (b"foo", b"Zm9v"), (b"\xfb\xff", b"+/8=")]
    {
        assert_eq!(Base64::encode(bytes).text(), text);
    }
    for bytes in samples() {
        assert!(Base64::encode(&bytes).text().len().is_multiple_of(4));
    }
}

#[test]
fn decoding_undoes_encoding() {
    for bytes in samples() {
        let text = Base64::encode(&bytes);
        assert_eq!(text.decode(), bytes);
        assert_eq!(text.decoded_len(), bytes.len());
        assert_eq!(text.is_empty(), bytes.is_empty());
        let borrowed = Base64::from_text(text.text()).unwrap();
        assert_eq!(borrowed, text);
        assert_eq!(borrowed.into_owned().decode(), bytes);
    }
}

#[test]
fn a_long_text_is_that_of_its_groups() {
    for bytes in samples() {
        let groups = bytes.chunks(3).flat_map(|group| Base64::encode(group).text().to_vec());
        assert_eq!(Base64::encode(&bytes).text(), groups.collect::<Vec<_>>());
    }
}

#[test]
fn a_long_text_may_have_bits_behind_its_last_byte() {
    let text = "QUJD".repeat(50) + "QR==";
    assert_eq!(Base64::from_text(text.as_bytes()).unwrap().decode(), (["ABC"; 50].concat() + "A").as_bytes());
}

#[test]
fn decoding_into_a_buffer_fits_or_writes_nothing() {
    let text = Base64::encode(b"hello");
    let mut buffer = [b'.'; 7];
    assert_eq!(text.decode_into(&mut buffer[..4]), None);
    assert_eq!(&buffer, b".......");
    assert_eq!(text.decode_into(&mut buffer), Some(5));
    assert_eq!(&buffer, b"hello..");
    assert_eq!(text.decode_array(), Some(*b"hello"));
    assert_eq!(text.decode_array::<4>(), None);
    assert_eq!(text.decode_array::<6>(), None);
}

#[test]
fn every_byte_is_judged_by_the_alphabet() {
    // In the parts that are looked at in chunks, and behind them.
    for byte in 0..=u8::MAX {
        let fits = byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        for at in [3, 90, 118] {
            let mut text = [b'A'; 120];
            text[at] = byte;
            assert_eq!(Base64::from_text(&text).is_some(), fits, "{byte} at {at}");
        }
    }
}

#[test]
fn text_that_is_not_whole_groups_is_refused() {
    for text in ["A", "AA", "AAA", "=", "==", "A===", "AA=", "AA=A", "====", "AA==AA==", "AAAA====", "AA\n=="] {
        assert_eq!(Base64::from_text(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn item_49_the_tail_is_what_encoding_all_bytes_gives() {
    for bytes in samples() {
        for id in [0, 7, 0x0102_0304_0506_0708, u64::MAX] {
            let with_tail = Base64::encode(&bytes).with_tail(id);
            let all = [&bytes[..], &id.to_be_bytes()].concat();
            assert_eq!(with_tail, Base64::encode(&all));
            let (head, tail) = with_tail.split_tail().unwrap();
            assert_eq!((head.decode(), tail), (bytes.clone(), id));
            assert_eq!(head, Base64::encode(&bytes));
        }
    }
}

#[test]
fn item_49_a_tail_is_split_off_borrowed_text_too() {
    for bytes in samples().skip(8) {
        let text = Base64::encode(&bytes);
        let (head, id) = Base64::from_text(text.text()).unwrap().split_tail().unwrap();
        let (front, back) = bytes.split_at(bytes.len() - 8);
        assert_eq!((head.decode(), id.to_be_bytes().as_slice()), (front.to_vec(), back));
    }
}

#[test]
fn item_49_a_short_custom_has_no_tail() {
    for bytes in samples().take(8) {
        assert_eq!(Base64::encode(&bytes).split_tail(), None, "{} bytes", bytes.len());
    }
}

#[test]
fn item_49_bits_behind_the_last_byte_do_not_reach_the_tail() {
    assert_eq!(Base64::from_text(b"Zh==").unwrap().with_tail(1), Base64::encode(b"f").with_tail(1));
    assert_eq!(Base64::from_text(b"Zm9=").unwrap().with_tail(1), Base64::encode(b"fo").with_tail(1));
    let noisy = Base64::from_text(b"AAAAAAAAAAd=").unwrap();
    assert_eq!(noisy.split_tail(), Some((Base64::default(), 7)));
}

#[test]
fn a_long_text_is_shared_with_its_frame() {
    let frame = Bytes::from(Base64::encode(&[1; 100]).text().to_vec());
    let text = Base64::from_text(&frame).unwrap();
    let shared = text.shared_text(&frame);
    assert_eq!(shared.as_ptr(), frame.as_ptr());
    assert_eq!(shared, frame);
    let elsewhere = text.clone().into_owned();
    assert_eq!(elsewhere.shared_text(&frame), frame);
    assert_ne!(elsewhere.shared_text(&frame).as_ptr(), frame.as_ptr());
}

#[test]
fn it_shows_its_text_to_people() {
    assert_eq!(format!("{:?}", Base64::encode(b"foo")), "Base64(Zm9v)");
}
