//! Instants as text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::Timestamp;
use super::instant;

#[test]
fn instants_are_read_and_written() {
    for (text, seconds, nanos, written) in [
        ("1970-01-01T00:00:00Z", 0, 0, None),
        ("1969-12-31T23:59:59.5Z", -1, 500_000_000, None),
        ("2026-04-25T01:13:13.12Z", 1_777_079_593, 120_000_000, None),
        ("2000-02-29T12:00:00.000000001Z", 951_825_600, 1, None),
        ("0001-01-01T00:00:00Z", -62_135_596_800, 0, None),
        ("0000-01-01T00:00:00Z", -62_167_219_200, 0, None),
        ("0000-02-29T00:00:00Z", -62_162_121_600, 0, None),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999, None),
        ("2026-04-25T01:13:13.120+08:00", 1_777_050_793, 120_000_000, Some("2026-04-24T17:13:13.12Z")),
        ("2026-04-25T01:13:13-00:30", 1_777_081_393, 0, Some("2026-04-25T01:43:13Z")),
        ("2026-04-25T01:13:13.1234567899Z", 1_777_079_593, 123_456_789, Some("2026-04-25T01:13:13.123456789Z")),
        ("2026-04-25T01:13:13.000Z", 1_777_079_593, 0, Some("2026-04-25T01:13:13Z")),
    ] {
        let time = instant(text);
        assert_eq!((time.unix_seconds(), time.nanos()), (seconds, nanos), "{text}");
        assert_eq!(time.to_string(), written.unwrap_or(text));
        assert_eq!(time, Timestamp::from_unix(seconds, nanos));
        let mut out = Vec::new();
        time.write(&mut out);
        assert_eq!(out, time.to_string().as_bytes());
    }
}

#[test]
fn what_go_reads_beyond_rfc_3339_is_read() {
    for (text, usual) in [
        ("2026-04-25T1:13:13Z", "2026-04-25T01:13:13Z"),
        ("2026-04-25T01:13:13,5Z", "2026-04-25T01:13:13.5Z"),
        ("2026-04-25T01:13:13+24:60", "2026-04-24T00:13:13Z"),
    ] {
        assert_eq!(instant(text), instant(usual), "{text}");
    }
}

#[test]
fn what_go_does_not_read_is_refused() {
    for text in [
        "",
        "Z",
        "2026-04-25",
        "2026-04-25T01:13:13",
        "2026-04-25t01:13:13Z",
        "2026-04-25T01:13:13z",
        "2026-04-25 01:13:13Z",
        "2026-04-25T01:13:13.Z",
        "2026-04-25T01:13:13.5",
        "2026-04-25T01:13Z",
        "2026-04-25T:13:13Z",
        "2026-04-25T01:1:13Z",
        "2026-04-25T01:13:1Z",
        "2026-04-25T24:00:00Z",
        "2026-04-25T01:60:00Z",
        "2026-04-25T01:13:60Z",
        "2026-00-25T01:13:13Z",
        "2026-13-25T01:13:13Z",
        "2026-04-00T01:13:13Z",
        "0000-01-00T00:00:00Z",
        "2026-04-31T01:13:13Z",
        "2026-02-29T01:13:13Z",
        "1900-02-29T01:13:13Z",
        "2026-4-25T01:13:13Z",
        "26-04-25T01:13:13Z",
        "12026-04-25T01:13:13Z",
        "-026-04-25T01:13:13Z",
        "2026-04-25T01:13:13+0800",
        "2026-04-25T01:13:13+08",
        "2026-04-25T01:13:13+25:00",
        "2026-04-25T01:13:13+08:61",
        "2026-04-25T01:13:13*08:00",
        "2026-04-25T01:13:13ZZ",
        " 2026-04-25T01:13:13Z",
        "2026-04-25T01:13:13Z ",
        "2026-04-25T0/:13:13Z",
        "2026-04-25T0::13:13Z",
    ] {
        assert_eq!(Timestamp::parse(text.as_bytes()), None, "{text}");
    }
}

/// The first and the last day of every month of the calendar, counted by its rules.
#[test]
fn every_month_of_the_calendar_comes_back() {
    let mut seconds = Timestamp::MIN.unix_seconds();
    for year in 0..=9999 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if leap { 29 } else { 28 };
        for (month, days) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
            for day in [1, days] {
                let text = format!("{year:04}-{month:02}-{day:02}T00:00:00Z");
                let time = Timestamp::from_unix(seconds + (day - 1) * 86_400, 0);
                assert_eq!(time.to_string(), text);
                assert_eq!(Timestamp::parse(text.as_bytes()), Some(time));
            }
            seconds += days * 86_400;
        }
    }
    assert_eq!(seconds - 1, Timestamp::MAX.unix_seconds());
}

#[test]
fn instants_that_cannot_be_written_move_to_the_nearest_that_can() {
    assert_eq!(Timestamp::from_unix(i64::MAX, u32::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::from_unix(i64::MIN, 0), Timestamp::MIN);
    assert_eq!(instant("9999-12-31T23:59:59-01:00"), Timestamp::MAX);
    assert_eq!(instant("0000-01-01T00:00:00+01:00"), Timestamp::MIN);
}

#[test]
fn nanoseconds_of_a_second_and_more_are_carried_over() {
    assert_eq!(Timestamp::from_unix(5, 2_000_000_003), Timestamp::from_unix(7, 3));
}

#[test]
fn durations_are_added_and_taken_apart_again() {
    let start = Timestamp::from_unix(-1, 600_000_000);
    let later = start.checked_add(Duration::new(3, 500_000_000)).unwrap();
    assert_eq!(later, Timestamp::from_unix(3, 100_000_000));
    assert_eq!(later.checked_duration_since(start), Some(Duration::new(3, 500_000_000)));
    assert_eq!(start.checked_duration_since(later), None);
    assert_eq!(start.checked_duration_since(start), None);
    assert_eq!(
        Timestamp::MAX.checked_duration_since(Timestamp::MIN),
        Some(Duration::new(315_569_519_999, 999_999_999))
    );
}

#[test]
fn durations_beyond_the_last_instant_are_not_added() {
    assert_eq!(Timestamp::MAX.checked_add(Duration::from_nanos(1)), None);
    assert_eq!(Timestamp::MIN.checked_add(Duration::MAX), None);
}

#[test]
fn the_system_s_time_is_an_instant() {
    let half = Duration::from_millis(500);
    assert_eq!(Timestamp::from(UNIX_EPOCH + half), Timestamp::from_unix(0, 500_000_000));
    assert_eq!(Timestamp::from(UNIX_EPOCH - half), Timestamp::from_unix(-1, 500_000_000));
    assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(2)), Timestamp::from_unix(-2, 0));
    let far: SystemTime = UNIX_EPOCH + Duration::from_secs(1 << 40);
    assert_eq!(Timestamp::from(far), Timestamp::MAX);
}

#[test]
fn text_is_padded_to_the_wanted_width() {
    assert_eq!(format!("{:>22}", instant("1970-01-01T00:00:00Z")), "  1970-01-01T00:00:00Z");
}
