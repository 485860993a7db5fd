//! Sections `controlplane` and `frontlas`: those who look at this gateway and guide it.

use crate::dial::Dial;
use crate::field::words;
use crate::listen::Listen;
use crate::secret::Credential;
use crate::section::section;

section! {
    /// The API for operators: gRPC and REST on one port.
    pub struct ControlPlane {
        /// Whether it is served.
        enable: bool = false,
        /// Where it is served.
        listen: Listen = Listen::everywhere(30010),
        /// Who may ask: bearer tokens. Without any, whoever reaches the port may do everything.
        tokens: Vec<ControlToken> = Vec::new(),
    }
}

section! {
    /// A token of the control plane.
    pub struct ControlToken {
        /// What the log calls whoever shows it.
        name: String = String::new(),
        /// What it allows: `read` to look, `write` to kick too.
        role: Role = Role::Read,
        /// The token itself.
        token: Credential = Credential::default(),
    }
}

words! {
    /// What a token of the control plane allows.
    pub enum Role {
        /// To look.
        #[default]
        Read = "read",
        /// To look, and to kick.
        Write = "write",
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
