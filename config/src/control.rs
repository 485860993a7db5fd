//! Sections `controlplane` and `frontlas`: those who look at this gateway and guide it.

use crate::dial::Dial;
use crate::listen::Listen;
use crate::section::section;

section! {
    /// The API for operators: gRPC and REST on one port.
    pub struct ControlPlane {
        /// Whether it is served.
        enable: bool = false,
        /// Where it is served.
        listen: Listen = Listen::everywhere(30010),
    }
}

section! {
    /// The registry of the cluster that this gateway belongs to.
    pub struct Frontlas {
        /// Whether this gateway tells a registry about itself.
        enable: bool = false,
        /// Where the registry is.
        dial: Dial = Dial::default(),
        /// Counts that are told to the registry.
        metrics: FrontlasMetrics = FrontlasMetrics::default(),
    }
}

section! {
    /// Counts that are told to the registry from time to time.
    pub struct FrontlasMetrics {
        /// Whether they are.
        enable: bool = false,
        /// How often, in seconds.
        interval: i64 = 0,
    }
}
