//! Against tungstenite at the other end, and against bytes made by hand.

mod decode;
mod stream;
mod upgrade;

/// A frame of a client, masked, with a head made by hand.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let mask = [0x11, 0x22, 0x33, 0x44];
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// First bytes of frames: what they are, and whether they end a message.
const BINARY: u8 = 0x82;
const BINARY_BEGUN: u8 = 0x02;
const CONTINUED: u8 = 0x00;
const CONTINUED_TO_THE_END: u8 = 0x80;
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;
