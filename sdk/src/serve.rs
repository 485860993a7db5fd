//! Running one handler to its answer.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use proto::body::{Base64, Body, Timestamp};
use proto::conn::Text;
use tokio::time::Instant;

use crate::handlers::{Handler, Outcome, Work};
use crate::outgoing::frame_len;
use crate::request::Request;

/// Time that a handler gets at least, and in all where its caller states no credible deadline.
const PATIENCE: Duration = Duration::from_secs(30);

/// Deadlines are believed if they lie this far in the past or ahead at most: clocks are wrong in the field.
const BELIEVED_PAST: Duration = Duration::from_secs(60);
const BELIEVED_AHEAD: Duration = Duration::from_secs(3600);

/// Longest error text that is sent, in bytes.
const ERROR_BYTES: usize = 16 * 1024;

/// Runs `handler` in the caller's task until it answers, panics, or its time is over; the answer is encoded.
pub(crate) async fn run(handler: &Handler, request: Request) -> Text {
    let outcome = match &*handler.work {
        Work::Now(work) => catch(|| work(request)),
        Work::Task(work) => {
            let limit = Instant::now() + PATIENCE;
            let limit = request.deadline.map_or(limit, |deadline| deadline.max(limit));
            let running = AssertUnwindSafe(async { work(request).await }).catch_unwind();
            match tokio::time::timeout_at(limit, running).await {
                Ok(finished) => finished.unwrap_or_else(|panic| Err(panic_text(&*panic))),
                Err(_) => Err("timeout".to_owned()),
            }
        }
    };
    encode(&handler.key, outcome)
}

/// Runs a handler that never waits; the answer is encoded.
pub(crate) fn run_now(key: &Base64<'static>, work: impl FnOnce() -> Outcome) -> Text {
    encode(key, catch(work))
}

fn catch(work: impl FnOnce() -> Outcome) -> Outcome {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panic_text(&*panic)))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("rpc handler panic: {}", text.unwrap_or("no text"))
}

fn encode(key: &Base64<'static>, outcome: Outcome) -> Text {
    match outcome {
        Ok(result) => encode_result(key, &result),
        Err(error) => encode_error(key, &error),
    }
}

fn encode_result(key: &Base64<'static>, result: &Bytes) -> Text {
    let body = Body { key: key.clone(), value: Base64::encode(result), ..Body::default() };
    if let Err(error) = frame_len(&body) {
        return encode_error(key, &format!("result too large: {error}"));
    }
    let mut text = Vec::new();
    body.encode(&mut text);
    Text::from(text)
}

/// The body of a response that carries an error, to a call of the method `key`. An empty text would mean success (§6.3).
pub(crate) fn encode_error(key: &Base64<'_>, error: &str) -> Text {
    let error = if error.is_empty() { "error" } else { shorten(error) };
    // A caller does not need the name. One that is longer than any method's is not worth sending back.
    let key = if key.decoded_len() <= ERROR_BYTES { key.reborrow() } else { Base64::default() };
    let mut text = Vec::new();
    Body { key, error: error.into(), ..Body::default() }.encode(&mut text);
    Text::from(text)
}

/// The front of a text that would be too long for an error.
pub(crate) fn shorten(error: &str) -> &str {
    &error[..error.floor_char_boundary(ERROR_BYTES)]
}

/// When the caller gives up, if what it says can be believed.
pub(crate) fn believed_deadline(stated: Option<Timestamp>) -> Option<Instant> {
    let stated = stated?;
    let clock = Timestamp::from(SystemTime::now());
    let now = Instant::now();
    match stated.checked_duration_since(clock) {
        Some(ahead) => (ahead <= BELIEVED_AHEAD).then(|| now + ahead),
        None => clock.checked_duration_since(stated).is_none_or(|past| past <= BELIEVED_PAST).then_some(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn deadlines_that_no_clock_can_mean_count_as_none() {
        let clock = Timestamp::from(SystemTime::now());
        let ahead = |duration| believed_deadline(clock.checked_add(duration));
        let now = Instant::now();
        assert!(ahead(Duration::from_secs(59 * 60)).is_some_and(|deadline| deadline > now));
        assert_eq!(ahead(Duration::from_secs(61 * 60)), None);
        let past = |seconds| believed_deadline(Some(Timestamp::from_unix(clock.unix_seconds() - seconds, 0)));
        assert_eq!(past(58), Some(now));
        assert_eq!(past(62), None);
        assert_eq!(believed_deadline(Some(Timestamp::MIN)), None);
        assert_eq!(believed_deadline(Some(Timestamp::MAX)), None);
        assert_eq!(believed_deadline(None), None);
    }

    #[test]
    fn long_errors_are_cut_between_characters() {
        let long = "ä".repeat(ERROR_BYTES);
        assert_eq!(shorten(&long).len(), ERROR_BYTES);
        assert_eq!(shorten(&format!("a{long}")).len(), ERROR_BYTES - 1);
    }
}
