//! What was found.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::args::Records;
use crate::latencies::{Latencies, Percentiles};
use crate::report::{Figures, median};
use crate::server::Memory;

/// The control plane while the records are full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ControlReport {
    pub(crate) records: Option<Records>,
    /// Edges that stay.
    pub(crate) residents: u32,
    /// Methods of each.
    pub(crate) methods: u32,
    /// Rows of both together.
    pub(crate) rows: u64,
    /// Until all of them were online, and they and their methods in the records.
    pub(crate) filled_seconds: f64,
    /// While nothing else went on.
    pub(crate) questions: Vec<QuestionReport>,
    /// All of them that are for a page, either way.
    pub(crate) pages: Told,
    /// Edges that call.
    pub(crate) edges: u32,
    /// Payload of a call in bytes.
    pub(crate) size: usize,
    /// Calls while something else goes on; the first one's are alone.
    pub(crate) calls: Vec<Beside>,
    /// The gateway's, after all rounds.
    pub(crate) memory: Option<Memory>,
}

/// How long operations took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) operations: u64,
    pub(crate) latency_us: Percentiles,
}

impl Told {
    /// `None` if there was nothing.
    pub(crate) fn of(latencies: &Latencies) -> Option<Self> {
        let operations = latencies.count();
        (operations > 0).then(|| Self { operations, latency_us: latencies.percentiles() })
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct QuestionReport {
    pub(crate) name: String,
    pub(crate) is_page: bool,
    pub(crate) grpc: Told,
    pub(crate) rest: Told,
}

/// What goes on beside calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BesideWhat {
    Nothing,
    Pages,
    Visits,
    PagesAndVisits,
}

impl BesideWhat {
    /// The one that others are compared with comes first.
    pub(crate) const ALL: [Self; 4] = [Self::Nothing, Self::Pages, Self::Visits, Self::PagesAndVisits];

    /// For readers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            BesideWhat::Nothing => "alone",
            BesideWhat::Pages => "pages are asked for",
            BesideWhat::Visits => "edges come and go",
            BesideWhat::PagesAndVisits => "both",
        }
    }

    pub(crate) const fn has_pages(self) -> bool {
        matches!(self, BesideWhat::Pages | BesideWhat::PagesAndVisits)
    }

    pub(crate) const fn has_visits(self) -> bool {
        matches!(self, BesideWhat::Visits | BesideWhat::PagesAndVisits)
    }
}

/// Calls beside something else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beside {
    pub(crate) what: BesideWhat,
    pub(crate) calls: Figures,
    /// Calls per second, as a multiple of those alone: the median over the rounds.
    pub(crate) per_second: f64,
    /// Their 99th percentile likewise.
    pub(crate) p99: f64,
    /// One entry for each round, in order.
    pub(crate) rounds: Vec<Figures>,
    /// Pages that were asked for meanwhile.
    pub(crate) pages: Option<Told>,
    /// Edges that connected meanwhile: from when each was due until it was in.
    pub(crate) visits: Option<Told>,
}

impl Beside {
    /// Sets `rounds` beside those of calls alone, each beside the one of the same turn.
    ///
    /// # Errors
    /// There was no round.
    pub(crate) fn of(
        what: BesideWhat,
        calls: Figures,
        rounds: Vec<Figures>,
        alone: &[Figures],
        pages: &Latencies,
        visits: &Latencies,
    ) -> Result<Self> {
        let pairs = || rounds.iter().zip(alone);
        let per_second = median(pairs().map(|(round, alone)| round.per_second / alone.per_second));
        let p99 = median(pairs().map(|(round, alone)| round.latency_us.p99 / alone.latency_us.p99));
        Ok(Self {
            what,
            calls,
            per_second: per_second.context("there was no round")?,
            p99: p99.context("there was no round")?,
            pages: Told::of(pages),
            visits: Told::of(visits),
            rounds,
        })
    }
}
