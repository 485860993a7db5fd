//! Keys and tokens of NATS, as its tools make them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

/// Whose key it is; the values are those of the format.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Operator = 14 << 3,
    Account = 0,
    User = 20 << 3,
}

/// A pair of Ed25519 keys.
pub(super) struct Keys {
    kind: Kind,
    pair: KeyPair,
}

impl Keys {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, pair: KeyPair::generate_for(&PKCS_ED25519).expect("a key can be made") }
    }

    /// The public key, by which others name its owner.
    pub(super) fn public(&self) -> String {
        encoded(&[self.kind as u8], self.pair.der_bytes())
    }

    /// The private key.
    pub(super) fn seed(&self) -> String {
        const SEED: u8 = 18 << 3;
        let der = self.pair.serialize_der();
        // PKCS #8 holds it as a text of 34 bytes, the first two of which are its own head.
        let at = der.windows(4).position(|head| head == [0x04, 0x22, 0x04, 0x20]).expect("an Ed25519 key") + 4;
        let kind = self.kind as u8;
        encoded(&[SEED | (kind >> 5), (kind & 0x1f) << 3], &der[at..at + 32])
    }

    /// An operator, who vouches for itself.
    pub(super) fn operator_jwt(&self) -> String {
        self.jwt(self, "O", &json!({ "type": "operator", "version": 2 }))
    }

    /// An account without limits.
    pub(super) fn account_jwt(&self, account: &Keys) -> String {
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        });
        self.jwt(account, "A", &json!({ "type": "account", "version": 2, "limits": limits }))
    }

    /// What stands in the credentials file of a user.
    pub(super) fn credentials(&self, user: &Keys) -> String {
        let rights =
            json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {} });
        let jwt = self.jwt(user, "U", &rights);
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            user.seed()
        )
    }

    /// A claim of this one about `subject`.
    fn jwt(&self, subject: &Keys, name: &str, claim: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({
            "jti": name, "iat": 1_700_000_000, "iss": self.public(), "name": name, "sub": subject.public(), "nats": claim,
        });
        let signed = format!("{}.{}", part(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })), part(&claims));
        let signature = self.pair.sign(signed.as_bytes()).expect("a key signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Base32 of `prefix`, `key` and their checksum.
fn encoded(prefix: &[u8], key: &[u8]) -> String {
    let mut bytes = [prefix, key].concat();
    bytes.extend(checksum(&bytes).to_le_bytes());
    let mut text = String::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = (bits << 8) | u32::from(byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(bits >> count) as usize & 31].into());
        }
    }
    if count > 0 {
        text.push(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(bits << (5 - count)) as usize & 31].into());
    }
    text
}

/// CRC-16 as of XMODEM.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(
            sum ^ (u16::from(*byte) << 8),
            |sum, _| if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 },
        )
    })
}
