//! Where what is tested may differ from a recording, and which entry of `docs/differences.md` says so.

/// One deviation on purpose.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The recording: `gen-a/09b-takeover`.
    pub case: &'static str,
    /// What differs.
    pub what: What,
    /// The entry: the first cell of its row.
    pub entry: &'static str,
}

/// How it differs. Lines are those of the recording's file. What a played peer would answer to a frame that does not
/// come is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// These frames do not come.
    Absent(&'static [usize]),
    /// A field of the frame in this line says something else; empty: it is left out.
    Says(usize, &'static str, &'static str),
    /// These frames come sooner or later than recorded, and are answered when they come.
    Anytime(&'static [usize]),
    /// What the peers did in these lines is not done: it followed from what does not happen here.
    Undone(&'static [usize]),
    /// So many frames of this kind come on this link that the recording does not have.
    Extra(&'static str, u8, usize),
    /// A request or message for one of these links may reach any of them.
    AnyOf(&'static [&'static str]),
    /// The connection is ended by the gateway where the recording has no end.
    Ends(&'static str),
}
