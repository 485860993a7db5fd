//! A timer that is set for each round of a loop and seldom rings.

use std::pin::Pin;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

/// It stays armed from one round to the next: one that would ring too early is left alone, since looking up once for nothing costs less
/// than to arm it anew each time.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Done at `time`, or somewhat earlier; never, if there is none. Cancel-safe.
    pub(super) async fn rings(&mut self, time: Option<Instant>) {
        let Some(time) = time else { return std::future::pending().await };
        let time = time.into();
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(time)));
        if sleep.is_elapsed() || sleep.deadline() > time {
            sleep.as_mut().reset(time);
        }
        sleep.as_mut().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::supervisor::now;

    #[tokio::test(start_paused = true)]
    async fn it_never_rings_late_and_finds_its_time_in_the_end() {
        let mut alarm = Alarm::default();
        let begin = now();
        let after = |seconds| Some(begin + Duration::from_secs(seconds));
        let moment = Duration::from_millis(100);
        assert!(timeout(moment, alarm.rings(after(10))).await.is_err());
        assert!(timeout(moment, alarm.rings(None)).await.is_err());
        alarm.rings(after(1)).await;
        assert_eq!(now(), begin + Duration::from_secs(1), "an earlier time counts at once");
        assert!(timeout(moment, alarm.rings(after(5))).await.is_err());
        while now() < begin + Duration::from_secs(8) {
            alarm.rings(after(8)).await;
        }
        assert_eq!(now(), begin + Duration::from_secs(8));
    }
}
