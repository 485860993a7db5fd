//! Cutting a byte stream that comes in pieces, as a link does it: what is incomplete is kept, and completed by what follows.

use frontier_proto::wire::{Cut, Frames, Header, WireError};

/// What came out: whole frames, and then what is left or what was wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) frames: Vec<(Header, Vec<u8>)>,
    pub(crate) left: Vec<u8>,
    pub(crate) error: Option<WireError>,
}

/// Takes in `bytes`, cut at each of `cuts`.
pub(crate) fn take(bytes: &[u8], cuts: &[usize], max_payload: u32) -> Outcome {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    cuts.push(bytes.len());
    let mut outcome = Outcome::default();
    let mut from = 0;
    for cut in cuts {
        outcome.left.extend_from_slice(&bytes[from..cut]);
        from = cut;
        let left = std::mem::take(&mut outcome.left);
        let mut frames = Frames::new(&left, max_payload);
        loop {
            match frames.cut() {
                Ok(Cut::Frame(header, payload)) => outcome.frames.push((header, payload.to_vec())),
                Ok(Cut::Partial { need }) => {
                    assert!(need > frames.rest().len(), "what is there would have been enough");
                    break;
                }
                Err(error) => {
                    // The stream cannot be followed any further: what came behind the error means nothing.
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
        outcome.left = frames.rest().to_vec();
    }
    outcome
}
