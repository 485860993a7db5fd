//! A page out of many, without putting all of them in order.

use std::cmp::Ordering;
use std::ops::Range;

use crate::query::Page;

/// The items of `page` in the order of `compare`, which must have no ties.
pub(super) fn cut<T>(mut items: Vec<T>, page: Page, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let Range { start, end } = within(items.len(), page);
    if start == end {
        return Vec::new();
    }
    if end < items.len() {
        items.select_nth_unstable_by(end, &compare);
        items.truncate(end);
    }
    if start > 0 {
        items.select_nth_unstable_by(start, &compare);
        items.drain(..start);
    }
    items.sort_unstable_by(compare);
    items
}

/// The places of `page` among `many`.
fn within(many: usize, page: Page) -> Range<usize> {
    let clamp = |place: u64| usize::try_from(place).map_or(many, |place| place.min(many));
    clamp(page.offset())..clamp(page.offset().saturating_add(page.size()))
}

/// `number` so that smaller comes first in the wanted direction.
pub(super) const fn directed(number: u64, descending: bool) -> u64 {
    if descending { !number } else { number }
}

/// A time as an unsigned number of the same order.
pub(super) const fn unsigned(time: i64) -> u64 {
    time.cast_unsigned() ^ (1 << 63)
}

/// How many bytes two texts have in common at their beginning, at most `most`.
pub(super) fn common(one: &[u8], other: &[u8], most: usize) -> usize {
    let most = most.min(one.len()).min(other.len());
    // Nearly always all of them: one comparison of memory instead of a loop.
    if one[..most] == other[..most] {
        return most;
    }
    one.iter().zip(other).take_while(|(one, other)| one == other).count().min(most)
}

/// The first 16 bytes of `text` as a number of the same order; shorter ones are filled up with zeros, and so can tie with
/// longer ones.
pub(super) fn head(text: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let length = text.len().min(16);
    bytes[..length].copy_from_slice(&text[..length]);
    u128::from_be_bytes(bytes)
}
