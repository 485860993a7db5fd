//! A recorded frame with the ids of this run.

use super::anatomy::{Anatomy, Id, Place};
use crate::raw::{Frame, base64};

/// `frame` with each id replaced by what `new` says. Nothing else of its text changes.
///
/// # Panics
/// When an id within a payload is to be another: what clients say there is theirs.
#[must_use]
#[track_caller]
pub(super) fn with_ids(frame: &Frame, anatomy: &Anatomy, mut new: impl FnMut(Id) -> u64) -> Frame {
    let mut out = frame.clone();
    for id in &anatomy.ids {
        let number = new(*id);
        match id.place {
            Place::Header => out.id = number,
            Place::Fixed(offset) => out.body[offset..offset + 8].copy_from_slice(&number.to_be_bytes()),
            Place::Tail if number != id.number => {
                let old = frame.custom();
                let front = &old[..old.len() - 8];
                replace(&mut out.body, &base64(&old), &base64(&[front, &number.to_be_bytes()].concat()));
            }
            Place::Peer => replace(&mut out.body, &id.number.to_string(), &number.to_string()),
            Place::Tail => {}
            Place::Value => assert_eq!(number, id.number, "an id in a payload is played as recorded"),
        }
    }
    out
}

/// Replaces a JSON string in a body; the fixed fields before it hold no text.
fn replace(body: &mut Vec<u8>, old: &str, new: &str) {
    let (old, new) = (format!("\"{old}\""), format!("\"{new}\""));
    let at = body.windows(old.len()).position(|window| window == old.as_bytes());
    let at = at.unwrap_or_else(|| panic!("{old} is not in the body"));
    body.splice(at..at + old.len(), new.into_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::anatomy::Role;
    use super::super::recording::Way;
    use super::*;
    use crate::raw::{Body, kind, with_tail};

    #[test]
    fn only_the_ids_change() {
        let body = Body::new().value(b"v").custom(&with_tail(b"c", 5));
        let frame = Frame { kind: kind::MESSAGE, id: 3, body: body.on(9) };
        let anatomy = Anatomy::of(&frame, Way::ToGateway, Role::Service);
        let new = with_ids(&frame, &anatomy, |id| id.number + 1);
        assert_eq!((new.id, new.session()), (4, 10));
        assert_eq!(new.value(), b"v");

        let frame = Frame { body: body.on(1), ..frame };
        let anatomy = Anatomy::of(&frame, Way::ToGateway, Role::Service);
        let new = with_ids(&frame, &anatomy, |id| id.number + 1);
        assert_eq!(new.custom(), with_tail(b"c", 6));
    }
}
