//! The control plane while the records are full: questions over gRPC and REST, alone and beside calls.

mod aside;
mod asker;
mod questions;
mod report;
mod residents;
mod tables;
mod visits;

pub(crate) use aside::Aside;
pub(crate) use asker::{Asker, ask_for_pages};
pub(crate) use questions::{Question, questions};
pub(crate) use report::{Beside, BesideWhat, ControlReport, QuestionReport, Told};
pub(crate) use residents::Residents;
pub(crate) use tables::tables;
pub(crate) use visits::visit;

use serde::{Deserialize, Serialize};

/// How a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    Grpc,
    Rest,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Grpc, Self::Rest];
}
