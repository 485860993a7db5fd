//! Section `exchange`.

use std::str::FromStr;

use serde::Deserialize;

use crate::field::{self, UnknownWord};

/// How traffic of edges finds its service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "Written")]
pub struct Exchange {
    /// What chooses one of several services that serve the same method or topic.
    pub hash_by: HashBy,
}

/// What chooses one of several services that serve the same method or topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HashBy {
    /// The edge's id: one edge keeps to one service.
    #[default]
    EdgeId,
    /// The edge's IP address: edges behind one address keep to one service.
    SrcIp,
    /// Chance, anew each time.
    Random,
}

impl FromStr for HashBy {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        field::choose(text, &[("edgeid", Self::EdgeId), ("srcip", Self::SrcIp), ("random", Self::Random)])
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, deserialize_with = "field::word")]
    hashby: Option<HashBy>,
}

impl From<Written> for Exchange {
    fn from(written: Written) -> Self {
        Self { hash_by: written.hashby.unwrap_or_default() }
    }
}
