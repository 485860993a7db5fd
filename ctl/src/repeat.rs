//! Doing the same again: so many times, so often.

use std::time::{Duration, Instant};

use clap::Args;
use sdk::{Bytes, Error};
use tokio::time::MissedTickBehavior;

use crate::connect::seconds;
use crate::failure::Failure;
use crate::output::{Output, fields};
use crate::signal::asked_to_end;

/// How often something is asked, and how long an answer may take.
#[derive(Debug, Args)]
pub(crate) struct RepeatArgs {
    /// Time for each answer
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Do it so many times, one after the other; 0 goes on until Ctrl-C
    #[arg(long, short = 'n', default_value_t = 1)]
    count: u64,
    /// Do it at most so often per second; without it, as soon as the last answer is there
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
}

/// What came of it.
#[derive(Debug, Default)]
struct Tally {
    answered: u64,
    failed: u64,
    shortest: Option<Duration>,
    longest: Duration,
    sum: Duration,
    /// The exit code is that of the first failure.
    first: Option<Failure>,
}

impl RepeatArgs {
    /// Whether it is done more than once.
    pub(crate) const fn is_many(&self) -> bool {
        self.count != 1
    }

    /// Does it as often as wanted. Failures of several are told as they come and do not end it.
    ///
    /// # Errors
    /// The first failure. [`Failure::Interrupted`] if a single one is.
    pub(crate) async fn run(
        &self,
        output: Output,
        mut ask: impl AsyncFnMut() -> Result<Bytes, Error>,
        answered: impl Fn(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let ending = asked_to_end()?;
        if !self.is_many() {
            // Dropping the call cancels it.
            return tokio::select! {
                answer = ask() => answered(&answer?),
                () = ending => Err(Failure::Interrupted),
            };
        }
        let mut tally = Tally::default();
        let begun = Instant::now();
        tokio::select! {
            done = self.again_and_again(output, &mut ask, answered, &mut tally) => done?,
            () = ending => {}
        }
        tally.tell(output, begun.elapsed())?;
        tally.first.map_or(Ok(()), |first| Err(Failure::Told(Box::new(first))))
    }

    async fn again_and_again(
        &self,
        output: Output,
        ask: &mut impl AsyncFnMut() -> Result<Bytes, Error>,
        answered: impl Fn(&[u8]) -> Result<(), Failure>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let mut ticks = self.rate.map(|rate| tokio::time::interval(Duration::from_secs_f64(1.0 / rate)));
        if let Some(ticks) = &mut ticks {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut left = self.count;
        loop {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            let asked = Instant::now();
            match ask().await {
                Ok(answer) => {
                    tally.answered(asked.elapsed());
                    answered(&answer)?;
                }
                Err(error) => {
                    let over = matches!(error, Error::Closed);
                    let failure = Failure::from(error);
                    output.failed(&failure);
                    tally.failed(failure);
                    if over {
                        return Ok(());
                    }
                }
            }
            left = left.wrapping_sub(1);
            if left == 0 {
                return Ok(());
            }
        }
    }
}

impl Tally {
    fn answered(&mut self, after: Duration) {
        self.answered += 1;
        self.sum += after;
        self.longest = self.longest.max(after);
        self.shortest = Some(self.shortest.map_or(after, |shortest| shortest.min(after)));
    }

    fn failed(&mut self, failure: Failure) {
        self.failed += 1;
        self.first.get_or_insert(failure);
    }

    fn tell(&self, output: Output, took: Duration) -> Result<(), Failure> {
        let Self { answered, failed, .. } = *self;
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let mean = self.sum.checked_div(u32::try_from(answered).unwrap_or(u32::MAX)).unwrap_or_default();
        let shortest = self.shortest.unwrap_or_default();
        let text = format!(
            "{answered} answered, {failed} failed in {took:.1?}; shortest {shortest:.0?}, mean {mean:.0?}, longest {:.0?}",
            self.longest
        );
        let told = fields([
            ("event", "summary".into()),
            ("answered", answered.into()),
            ("failed", failed.into()),
            ("seconds", took.as_secs_f64().into()),
            ("shortest_us", micros(shortest).into()),
            ("mean_us", micros(mean).into()),
            ("longest_us", micros(self.longest).into()),
        ]);
        output.note(&text, told)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e6).contains(&rate) => Ok(rate),
        _ => Err("not a number from 0.001 to 1000000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_numbers_above_0() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "inf", "NaN", "often"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tally_knows_the_extremes_and_the_first_failure() {
        let mut tally = Tally::default();
        for millis in [20, 10, 30] {
            tally.answered(Duration::from_millis(millis));
        }
        tally.failed(Failure::TimedOut("first".to_owned()));
        tally.failed(Failure::FarSide("second".to_owned()));
        assert_eq!((tally.answered, tally.failed), (3, 2));
        assert_eq!(tally.shortest, Some(Duration::from_millis(10)));
        assert_eq!((tally.longest, tally.sum), (Duration::from_millis(30), Duration::from_millis(60)));
        assert!(matches!(tally.first, Some(Failure::TimedOut(_))));
    }
}
