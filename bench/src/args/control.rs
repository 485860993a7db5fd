//! What the scenario of the control plane is told, and where a gateway keeps its records.

use std::num::NonZeroU32;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{Gateway, Run};

/// Where a gateway keeps its records of who is online.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Records {
    Memory,
    SqliteMemory,
    SqliteFile,
}

impl Records {
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::SqliteMemory, Self::SqliteFile];

    /// In a sentence.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Records::Memory => "memory",
            Records::SqliteMemory => "SQLite, `:memory:`",
            Records::SqliteFile => "SQLite, a file",
        }
    }

    /// The longest that 99 of 100 pages may take, in microseconds.
    pub(crate) const fn longest_page_us(self) -> f64 {
        match self {
            Records::Memory => 10_000.0,
            Records::SqliteMemory | Records::SqliteFile => 50_000.0,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Control {
    #[command(flatten)]
    pub(crate) gateway: Gateway,
    /// Where the gateway keeps its records, for readers
    #[arg(long)]
    pub(crate) records: Option<Records>,
    /// Where the control plane is
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:30010")]
    pub(crate) control_addr: String,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Edges that stay and do nothing, a page at least: they and their methods are the rows
    #[arg(long, value_name = "N", default_value = "15000", value_parser = clap::value_parser!(u32).range(100..=60_000))]
    pub(crate) residents: u32,
    /// Methods that each of them offers
    #[arg(long, value_name = "N", default_value = "6", value_parser = clap::value_parser!(u32).range(2..=100))]
    pub(crate) methods: u32,
    /// How often each question is asked either way while nothing else goes on
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) asks: NonZeroU32,
    /// Questions per second meanwhile
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) asks_per_second: NonZeroU32,
    /// Pages per second beside calls
    #[arg(long, value_name = "N", default_value = "20")]
    pub(crate) pages_per_second: NonZeroU32,
    /// Edges per second that connect and leave beside calls
    #[arg(long, value_name = "N", default_value = "200")]
    pub(crate) visits_per_second: NonZeroU32,
    /// Edges that call
    #[arg(long, default_value = "8")]
    pub(crate) edges: NonZeroU32,
    /// Payload of a call in bytes
    #[arg(long, default_value = "128")]
    pub(crate) size: usize,
}
