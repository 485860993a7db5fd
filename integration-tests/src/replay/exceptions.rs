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
    /// A field of the frames in these lines says something else; empty: it is left out.
    Says(&'static [usize], &'static str, &'static str),
    /// These frames come sooner or later than recorded, and are answered when they come.
    Anytime(&'static [usize]),
    /// What the peers did in these lines is not done: it followed from what does not happen here.
    Undone(&'static [usize]),
    /// A frame comes that the recording does not have.
    Extra(Extra),
    /// Frames of this kind may come on this link that the recording does not have, depending on who is faster.
    Perhaps(&'static str, u8),
    /// A request or message for one of these links may reach any of them.
    AnyOf(&'static [&'static str]),
    /// Frames of this kind may have a field more, in every recording.
    Field(u8, &'static str),
}

/// A frame that the recording does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extra {
    /// It comes once before each of these lines is played.
    pub before: &'static [usize],
    /// The link.
    pub on: &'static str,
    /// The type byte.
    pub kind: u8,
    /// A field and what it says; empty: it is not there. Others are not compared.
    pub says: (&'static str, &'static str),
    /// With what the played peer answers. Goodbyes and opened streams need none, and are always answered.
    pub answer: Option<&'static str>,
}

impl What {
    /// Whether it speaks of this line as one that does not come.
    pub(super) fn drops(&self, number: usize) -> bool {
        matches!(self, Self::Absent(lines) if lines.contains(&number))
    }

    /// Whether it speaks of this line as one that is not done.
    pub(super) fn undoes(&self, number: usize) -> bool {
        matches!(self, Self::Undone(lines) if lines.contains(&number))
    }

    /// Whether it speaks of this line as one that may come at any time.
    pub(super) fn frees(&self, number: usize) -> bool {
        matches!(self, Self::Anytime(lines) if lines.contains(&number))
    }

    /// Whether it may make no difference in one run and one in another.
    pub(super) fn depends_on_luck(&self) -> bool {
        matches!(self, Self::AnyOf(_) | Self::Perhaps(..))
    }
}
