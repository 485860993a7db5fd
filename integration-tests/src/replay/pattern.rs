//! Test bytes of the recordings, which are written down as the rule that made them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The bytes that `<prefix:rule+from:count>` stands for: the prefix in hexadecimal, then `count` bytes of the rule from
/// byte `from` on.
///
/// | rule | byte at offset i |
/// |---|---|
/// | `count` | i |
/// | `mix` | 7i + i/256 |
/// | `seedXX` | XX where i is a multiple of 4, else a byte of the 24-bit number i/4, most significant first |
///
/// # Panics
/// When `token` is something else.
#[must_use]
#[track_caller]
pub(super) fn expand(token: &str) -> Vec<u8> {
    parse(token).unwrap_or_else(|| panic!("{token:?} is no pattern"))
}

fn parse(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.strip_prefix('<')?.strip_suffix('>')?.split(':');
    let (prefix, rule, count) = (parts.next()?, parts.next()?, parts.next()?.parse::<usize>().ok()?);
    let (rule, from) = rule.split_once('+')?;
    let from: usize = from.parse().ok()?;
    let byte: Box<dyn Fn(usize) -> usize> = match (rule, rule.strip_prefix("seed")) {
        ("count", _) => Box::new(|at| at),
        ("mix", _) => Box::new(|at| 7 * at + at / 256),
        (_, Some(seed)) => {
            let seed = usize::from_str_radix(seed, 16).ok()?;
            Box::new(move |at| if at % 4 == 0 { seed } else { (at / 4) >> (8 * (3 - at % 4)) })
        }
        _ => return None,
    };
    let mut out = hex(prefix);
    out.extend((from..from + count).map(|at| byte(at) as u8));
    Some(out)
}

/// `text` with every pattern in it replaced by the base64 of its bytes.
#[must_use]
#[track_caller]
pub(super) fn expand_base64(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    // JSON of a Go writer has no `<` of its own: it writes \u003c.
    while let Some(start) = rest.find('<') {
        let end = rest[start..].find('>').unwrap_or_else(|| panic!("a pattern has no end in {text:?}")) + start + 1;
        out.push_str(&rest[..start]);
        STANDARD.encode_string(expand(&rest[start..end]), &mut out);
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// The bytes of hexadecimal digits.
///
/// # Panics
/// When they are none.
#[must_use]
#[track_caller]
pub(super) fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "two digits for each byte: {digits:?}");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16);
    let bytes = (0..digits.len()).step_by(2).map(byte).collect::<Result<_, _>>();
    bytes.unwrap_or_else(|error| panic!("{digits:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_the_bytes_that_their_rules_make() {
        assert_eq!(expand("<453a:mix+255:3>"), [0x45, 0x3a, 0xf9, 1, 8]);
        assert_eq!(expand("<:seed05+0:8>"), [5, 0, 0, 0, 5, 0, 0, 1]);
        assert_eq!(expand("<:seed05+1026:3>"), [1, 0, 5]);
        assert_eq!(expand_base64(r#"{"value":"<:count+0:3>"}"#), r#"{"value":"AAEC"}"#);
    }
}
