//! Section `servicebound`.

use crate::limits::Limits;
use crate::listen::Listen;
use crate::section::section;

section! {
    /// The side that services dial.
    pub struct Servicebound {
        /// Where services connect.
        listen: Listen = Listen::everywhere(30011),
        /// Bounds of this side and of each link to a service.
        limits: Limits = Limits::service(),
    }
}
