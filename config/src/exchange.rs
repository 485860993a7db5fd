//! Section `exchange`.

use crate::field::words;
use crate::section::section;

section! {
    /// How traffic of edges finds its service.
    pub struct Exchange {
        /// What chooses one of several services that serve the same method or topic.
        #[serde(rename = "hashby")]
        hash_by: HashBy = HashBy::EdgeId,
    }
}

words! {
    /// What chooses one of several services that serve the same method or topic.
    pub enum HashBy {
        /// The edge's id: one edge keeps to one service.
        #[default]
        EdgeId = "edgeid",
        /// The edge's IP address: edges behind one address keep to one service.
        SrcIp = "srcip",
        /// Chance, anew each time.
        Random = "random",
    }
}
