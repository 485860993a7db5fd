//! Absolute times of a recording, moved to now.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::raw::{Frame, kind, time};

/// `frame` with each deadline as far ahead of now as it lay ahead of `recorded_now`.
#[must_use]
pub(super) fn moved(frame: Frame, recorded_now: SystemTime) -> Frame {
    if !matches!(frame.kind, kind::REQUEST | kind::MESSAGE) {
        return frame;
    }
    let json = frame.json();
    let Ok(mut text) = String::from_utf8(frame.body[8..].to_vec()) else { return frame };
    for old in [&json["deadline"], &json["context"]["deadline"]] {
        if let Some((old, new)) = replacement(old, recorded_now) {
            text = text.replace(old, &new);
        }
    }
    let body = [&frame.body[..8], text.as_bytes()].concat();
    Frame { body, ..frame }
}

fn replacement(old: &Value, recorded_now: SystemTime) -> Option<(&str, String)> {
    let old = old.as_str().filter(|text| *text != time::ZERO)?;
    let ahead = time::parse(old)?.duration_since(recorded_now).unwrap_or(Duration::ZERO);
    Some((old, time::from_now_millis(i64::try_from(ahead.as_millis()).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Body;

    #[test]
    fn a_deadline_keeps_its_distance_and_none_stays_none() {
        let began = time::parse("2026-01-01T00:00:00Z").unwrap();
        let body = Body::new().value(b"x").deadline(time::ZERO).context_deadline("2026-01-01T00:05:00.25Z");
        let frame = moved(Frame { kind: kind::REQUEST, id: 1, body: body.on(1) }, began);
        let json = frame.json();
        assert_eq!(json["deadline"], time::ZERO);
        let left = time::until(json["context"]["deadline"].as_str().unwrap()).as_secs_f64();
        assert!((299.0..=300.3).contains(&left), "{left}");
    }
}
