//! RFC 3339 times, written and read without a library.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

/// The zero time, which stands for "none".
pub const ZERO: &str = "0001-01-01T00:00:00Z";

/// The time that lies `seconds` after now, or before it if negative, in UTC.
#[must_use]
pub fn from_now(seconds: i64) -> String {
    from_now_millis(seconds * 1000)
}

/// The time that lies `millis` milliseconds after now.
#[must_use]
pub fn from_now_millis(millis: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    let at = i64::try_from(now.as_millis()).expect("the clock is not absurd") + millis;
    let (date, clock) = (at.div_euclid(DAY * 1000), at.rem_euclid(DAY * 1000));
    let (year, month, day) = civil(date);
    let (second, milli) = (clock / 1000, clock % 1000);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// How far `text` lies ahead of now; zero if behind.
///
/// # Panics
/// When it is not an RFC 3339 time.
#[must_use]
#[track_caller]
pub fn until(text: &str) -> Duration {
    let at = parse(text).unwrap_or_else(|| panic!("{text:?} is no RFC 3339 time"));
    at.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO)
}

/// The moment that `text` names; none if it is no RFC 3339 time. Whatever lies before 1970 is 1970.
#[must_use]
pub fn parse(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let days = days_from_civil(number(0..4)?, number(5..7)?, number(8..10)?);
    let seconds = days * DAY + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    let rest = text.get(19..)?;
    let zone = rest.find(['Z', '+', '-'])?;
    let fraction: f64 = if zone == 0 { 0.0 } else { format!("0{}", &rest[..zone]).parse().ok()? };
    let offset = match rest.as_bytes()[zone] {
        b'Z' => 0,
        sign => {
            let (hours, minutes) = rest.get(zone + 1..)?.split_once(':')?;
            let size = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if sign == b'+' { size } else { -size }
        }
    };
    // Whatever lies before 1970 is equally long ago.
    let whole = u64::try_from(seconds - offset).unwrap_or(0);
    Some(UNIX_EPOCH + Duration::from_secs(whole) + Duration::from_secs_f64(fraction))
}

/// Days since 1970-01-01 to year, month and day. The year is taken to begin in March, so that the leap day is last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for seconds in [10, 3_600, 86_400 * 400] {
            let left = until(&from_now(seconds)).as_secs_f64();
            assert!((left - seconds as f64).abs() < 1.0, "{seconds} became {left}");
        }
    }

    #[test]
    fn offsets_and_fractions_are_read() {
        let at = |text| parse(text).unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert_eq!(at("1970-01-02T01:00:00.5+01:00"), 86_400.5);
        assert_eq!(at("2000-02-29T23:59:59Z"), 951_868_799.0);
        assert_eq!(at("2026-04-25T01:13:13.12-08:00"), 1_777_108_393.12);
    }
}
