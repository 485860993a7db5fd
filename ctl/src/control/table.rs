//! Texts for people: cells, ages, sizes.

use std::time::{SystemTime, UNIX_EPOCH};

/// The most characters of a text that a peer has chosen.
const LONG: usize = 60;

/// A text that a peer has chosen, for one cell: what a terminal could take for an order is written out, and it is cut.
pub(super) fn cell(text: &str) -> String {
    let mut shown = String::new();
    for (count, char) in text.chars().enumerate() {
        if count == LONG {
            shown.push('…');
            break;
        }
        if char.is_control() || is_bidi(char) { shown.extend(char.escape_unicode()) } else { shown.push(char) }
    }
    shown
}

/// Whether it turns the direction of what follows.
fn is_bidi(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How long ago a second since 1970 was.
pub(super) fn age(since: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    span(now.saturating_sub(u64::try_from(since).unwrap_or(0)))
}

/// A time in seconds, in its two largest units.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// Bytes, in the largest unit that leaves one digit at least.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = count as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// Rows under their heads, the columns as wide as they must be. The last one is as it is.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: &[String]| {
        let mut line = String::new();
        for (column, cell) in cells.iter().enumerate() {
            let fill = if column + 1 == N { 0 } else { widths[column] - cell.chars().count() + 2 };
            line.push_str(cell);
            line.push_str(&" ".repeat(fill));
        }
        line.push('\n');
        line
    };
    let head = line(&head.map(str::to_owned));
    std::iter::once(head).chain(rows.iter().map(|row| line(row))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_cannot_write_orders_to_the_terminal() {
        assert_eq!(cell("sensor ä"), "sensor ä");
        assert_eq!(cell("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(cell("\u{202e}txt"), "\\u{202e}txt");
        assert_eq!(cell(&"x".repeat(99)).chars().count(), LONG + 1);
    }

    #[test]
    fn spans_and_sizes_are_short() {
        assert_eq!([0, 59, 60, 3_599, 3_600, 90_000].map(span), ["0s", "59s", "1m00s", "59m59s", "1h00m", "1d01h"]);
        assert_eq!([0, 1_023, 1_024, 1 << 20].map(bytes), ["0 B", "1023 B", "1.0 KiB", "1.0 MiB"]);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["1".to_owned(), "ä".to_owned()], ["22222".to_owned(), String::new()]];
        assert_eq!(table(["ID", "META"], &rows), "ID     META\n1      ä\n22222  \n");
    }
}
