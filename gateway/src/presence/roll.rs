//! Calling the roll: every link that is online says what it is.

use async_trait::async_trait;
use dao::{Change, Snapshot};
use tokio::sync::mpsc;

use super::LinkReport;
use crate::directory::Directory;
use crate::exchange::{Command, Handle};

/// Links that are asked at once: a fleet is asked bit by bit, so that its links go on with their work.
const GROUP: usize = 512;

/// What those of `links` that are online say of themselves.
pub(super) async fn ask(links: impl IntoIterator<Item = Handle>) -> Vec<LinkReport> {
    let (reports, mut told) = mpsc::unbounded_channel();
    for link in links {
        // One that is gone gives the question back.
        let _ = link.push(Command::Report(reports.clone()));
    }
    drop(reports);
    let mut all = Vec::new();
    // Ends when every link has answered or dropped the question.
    while let Some(report) = told.recv().await {
        all.push(*report);
    }
    all
}

/// Everybody who is online and what they offer, as the changes that record it.
pub(super) async fn roll(directory: &Directory) -> Vec<Change> {
    let mut links = directory.edges.handles();
    links.extend(directory.services.handles());
    let mut changes = Vec::new();
    for group in links.chunks(GROUP) {
        changes.extend(ask(group.iter().cloned()).await.into_iter().flat_map(LinkReport::changes));
    }
    changes
}

/// A link's coming and going is recorded by its own task, which answers the question too: before it comes and after it has
/// gone it says nothing, and what it does after its answer is recorded behind it.
#[async_trait]
impl Snapshot for Directory {
    async fn take(&self) -> Vec<Change> {
        roll(self).await
    }
}
