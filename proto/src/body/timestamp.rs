//! Instants as RFC 3339 text.

use std::cell::Cell;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Days from 0000-01-01 to 1970-01-01.
const DAYS_TO_UNIX_EPOCH: i64 = 719_528;
/// Days before the month, in a year of 365 days.
const DAYS_BEFORE_MONTH: [u16; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
/// `"2006-01-02T15:04:05"`, a dot, nine digits and `Z`.
const LONGEST: usize = 30;

/// An instant on the wire: seconds since 1970-01-01T00:00:00Z, which may be negative, and
/// nanoseconds after them.
///
/// It lies in the years 0 to 9999 of UTC, the ones that RFC 3339 can write. What lies outside is
/// moved to the nearer end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// The first instant that can be written: 0000-01-01T00:00:00Z.
    pub const MIN: Timestamp = Timestamp { seconds: -62_167_219_200, nanos: 0 };
    /// The last instant that can be written: 9999-12-31T23:59:59.999999999Z.
    pub const MAX: Timestamp = Timestamp { seconds: 253_402_300_799, nanos: NANOS_PER_SECOND - 1 };
    /// Go's zero time, 0001-01-01T00:00:00Z, which means "no time".
    pub(super) const GO_ZERO: Timestamp = Timestamp { seconds: -62_135_596_800, nanos: 0 };

    /// The instant `nanos` nanoseconds after `seconds`. Nanoseconds of a second and more are carried
    /// over.
    pub fn from_unix(seconds: i64, nanos: u32) -> Timestamp {
        let carried = i64::from(nanos / NANOS_PER_SECOND);
        let instant = Timestamp { seconds: seconds.saturating_add(carried), nanos: nanos % NANOS_PER_SECOND };
        instant.clamp(Timestamp::MIN, Timestamp::MAX)
    }

    /// Seconds since 1970, rounded down.
    pub fn unix_seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`Timestamp::unix_seconds`], 0..=999 999 999.
    pub fn nanos(self) -> u32 {
        self.nanos
    }

    /// The instant `duration` later. `None` if it lies behind [`Timestamp::MAX`].
    pub fn checked_add(self, duration: Duration) -> Option<Timestamp> {
        let nanos = self.nanos + duration.subsec_nanos();
        let seconds =
            self.seconds.checked_add_unsigned(duration.as_secs())?.checked_add(i64::from(nanos / NANOS_PER_SECOND))?;
        let later = Timestamp { seconds, nanos: nanos % NANOS_PER_SECOND };
        (later <= Timestamp::MAX).then_some(later)
    }

    /// How much later this instant is than `earlier`. `None` if it is not later.
    pub fn checked_duration_since(self, earlier: Timestamp) -> Option<Duration> {
        let nanos =
            |instant: Timestamp| i128::from(instant.seconds) * i128::from(NANOS_PER_SECOND) + i128::from(instant.nanos);
        let difference = u128::try_from(nanos(self) - nanos(earlier)).ok()?;
        (difference > 0).then(|| Duration::from_nanos_u128(difference))
    }

    /// Reads what Go's `time.Time` reads from JSON: RFC 3339 with upper-case `T` and `Z`, a date that
    /// the calendar has, and a fraction of any length, of which nine digits count. Like Go, it also
    /// takes an hour of one digit, a comma before the fraction, and offsets up to 24:60.
    ///
    /// `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Timestamp> {
        let (date, rest) = text.split_at_checked("2006-01-02T".len())?;
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T'] = date else {
            return None;
        };
        let year = two_digits(*y1, *y2)? * 100 + two_digits(*y3, *y4)?;
        let days = days_since_year_zero(year, two_digits(*m1, *m2)?, two_digits(*d1, *d2)?)?;
        let (of_day, rest) = parse_time_of_day(rest)?;
        let (nanos, rest) = parse_fraction(rest);
        let offset = parse_offset(rest)?;
        let seconds = (i64::from(days) - DAYS_TO_UNIX_EPOCH) * SECONDS_PER_DAY;
        Some(Timestamp::from_unix(seconds + i64::from(of_day) - i64::from(offset), nanos))
    }

    /// Appends RFC 3339 in UTC, with `Z`, and with as many digits of the fraction as it needs.
    pub fn write(&self, out: &mut Vec<u8>) {
        let text = self.text();
        out.extend_from_slice(&text.text[..text.length]);
    }

    /// Length of what [`Timestamp::write`] appends.
    pub(super) fn text_len(&self) -> usize {
        self.text().length
    }

    /// The text, from the thread's memory of the last one if that was the same: many bodies in a row carry the same time.
    fn text(&self) -> Text {
        thread_local! {
            static LAST: Cell<Text> = Cell::new(Text::of(Timestamp::GO_ZERO));
        }
        LAST.with(|last| {
            if last.get().of == *self {
                return last.get();
            }
            let text = Text::of(*self);
            last.set(text);
            text
        })
    }

    /// Writes the text to the front of `text` and returns its length.
    fn format(&self, text: &mut [u8; LONGEST]) -> usize {
        let days = self.seconds.div_euclid(SECONDS_PER_DAY) + DAYS_TO_UNIX_EPOCH;
        let of_day = self.seconds.rem_euclid(SECONDS_PER_DAY) as u32;
        let (year, month, day) = date_of(days as u32);
        text[..19].copy_from_slice(b"0000-00-00T00:00:00");
        put_two(text, 0, year / 100);
        put_two(text, 2, year % 100);
        put_two(text, 5, month);
        put_two(text, 8, day);
        put_two(text, 11, of_day / 3600);
        put_two(text, 14, of_day / 60 % 60);
        put_two(text, 17, of_day % 60);
        let mut end = 19;
        if self.nanos > 0 {
            text[end] = b'.';
            end += 1;
            let (mut rest, mut scale) = (self.nanos, NANOS_PER_SECOND / 10);
            while rest > 0 {
                text[end] = b'0' + (rest / scale) as u8;
                (rest, scale) = (rest % scale, scale / 10);
                end += 1;
            }
        }
        text[end] = b'Z';
        end + 1
    }
}

/// An instant and its text.
#[derive(Clone, Copy)]
struct Text {
    of: Timestamp,
    text: [u8; LONGEST],
    length: usize,
}

impl Text {
    fn of(instant: Timestamp) -> Text {
        let mut text = [0; LONGEST];
        let length = instant.format(&mut text);
        Text { of: instant, text, length }
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => (i64::try_from(after.as_secs()), after.subsec_nanos()),
            Err(error) => {
                let before = error.duration();
                let borrowed = u64::from(before.subsec_nanos() > 0);
                let seconds = i64::try_from(before.as_secs() + borrowed).map(|s| -s);
                let nanos = (NANOS_PER_SECOND - before.subsec_nanos()) % NANOS_PER_SECOND;
                return Timestamp::from_unix(seconds.unwrap_or(i64::MIN), nanos);
            }
        };
        Timestamp::from_unix(seconds.unwrap_or(i64::MAX), nanos)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; LONGEST];
        let length = self.format(&mut text);
        f.pad(&String::from_utf8_lossy(&text[..length]))
    }
}

/// `15:04:05` or `1:04:05` at the start of `text`, in seconds, and what follows.
fn parse_time_of_day(text: &[u8]) -> Option<(u32, &[u8])> {
    let (hour, rest) = match text {
        [h1, b':', ..] => (two_digits(b'0', *h1)?, &text[1..]),
        [h1, h2, ..] => (two_digits(*h1, *h2)?, &text[2..]),
        _ => return None,
    };
    let [b':', m1, m2, b':', s1, s2, rest @ ..] = rest else {
        return None;
    };
    let (minute, second) = (two_digits(*m1, *m2)?, two_digits(*s1, *s2)?);
    let in_range = hour < 24 && minute < 60 && second < 60;
    in_range.then_some((hour * 3600 + minute * 60 + second, rest))
}

/// The nanoseconds of the fraction at the start of `text`, 0 if there is none, and what follows.
fn parse_fraction(text: &[u8]) -> (u32, &[u8]) {
    let ([b'.' | b',', digits @ ..], true) = (text, text.get(1).is_some_and(u8::is_ascii_digit)) else {
        return (0, text);
    };
    let (mut nanos, mut scale) = (0, NANOS_PER_SECOND / 10);
    let mut rest = digits;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        nanos += u32::from(digit - b'0') * scale;
        scale /= 10;
        rest = after;
    }
    (nanos, rest)
}

/// Seconds east of UTC of `Z` or `+07:00`, which is all of `text`.
fn parse_offset(text: &[u8]) -> Option<i32> {
    let (sign, hours, minutes) = match text {
        [b'Z'] => return Some(0),
        [b'+', h1, h2, b':', m1, m2] => (1, two_digits(*h1, *h2)?, two_digits(*m1, *m2)?),
        [b'-', h1, h2, b':', m1, m2] => (-1, two_digits(*h1, *h2)?, two_digits(*m1, *m2)?),
        _ => return None,
    };
    // 24 and 60 are no typing errors: Go lets them pass.
    let in_range = hours <= 24 && minutes <= 60;
    in_range.then_some(sign * (hours * 3600 + minutes * 60) as i32)
}

/// The number that two digits write.
#[inline]
fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(u32::from(tens) * 10 + u32::from(ones))
}

fn put_two(text: &mut [u8], at: usize, number: u32) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days from 0000-01-01 to the start of `year`.
fn days_before_year(year: u32) -> u32 {
    // Year 0 is a leap year, which the rounding up counts.
    365 * year + year.div_ceil(4) - year.div_ceil(100) + year.div_ceil(400)
}

/// Days from the start of a year to the start of its month `month`, 1..=13.
fn days_before_month(leap: bool, month: u32) -> u32 {
    u32::from(DAYS_BEFORE_MONTH[month as usize - 1]) + u32::from(leap && month > 2)
}

/// Days from 0000-01-01 to this date; `None` if the calendar has no such date.
fn days_since_year_zero(year: u32, month: u32, day: u32) -> Option<u32> {
    if !(1..=12).contains(&month) {
        return None;
    }
    let leap = is_leap(year);
    let before = days_before_month(leap, month);
    let length = days_before_month(leap, month + 1) - before;
    let exists = (1..=length).contains(&day);
    exists.then(|| days_before_year(year) + before + day - 1)
}

/// Year, month and day of the date `days` days after 0000-01-01.
fn date_of(days: u32) -> (u32, u32, u32) {
    // The guess by the mean length of a year is right or one too high.
    let mut year = (days as u64 * 400 / 146_097) as u32;
    if days_before_year(year) > days {
        year -= 1;
    } else if days_before_year(year + 1) <= days {
        year += 1;
    }
    let of_year = days - days_before_year(year);
    let leap = is_leap(year);
    // No month is longer than 31 days, so the guess is right or one too low.
    let mut month = of_year / 32 + 1;
    if days_before_month(leap, month + 1) <= of_year {
        month += 1;
    }
    (year, month, of_year - days_before_month(leap, month) + 1)
}
