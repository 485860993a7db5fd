//! Where a message would go, in words.

use std::fmt::Write as _;

use bridges::{Explained, Verdict};
use config::{Bridge, Delivery};
use proto::id::EdgeId;

use crate::args::RouteTest;

/// One line for each bridge, and one about services, which say themselves what they take once they are there.
pub(crate) fn explain(configs: &[Bridge], test: &RouteTest) -> String {
    let RouteTest { topic, edge_id, meta, .. } = test;
    let mut text = format!("message of edge {edge_id} on topic {topic:?}\n");
    for Explained { bridge, kind, verdict } in bridges::explain(configs, topic, EdgeId(*edge_id), meta) {
        writeln!(text, "bridge {bridge:?} ({kind}): {}", verdict_in_words(&verdict)).expect("a string takes any text");
    }
    if configs.is_empty() {
        text.push_str("no bridge is configured\n");
    }
    text.push_str("services: one of those online that take the topic, if there is any\n");
    text
}

fn verdict_in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Takes { why, delivery, destination, key } => {
            let who = match delivery {
                Delivery::All => "beside a service and other bridges",
                Delivery::One => "if it is chosen among services and bridges with `delivery: one`",
            };
            format!("takes it, {who}; destination {destination:?}, key {key:?}; {why}")
        }
        Verdict::Refuses { why, error } => format!("refuses it: {error}; {why}"),
        Verdict::Forbidden { why, destination, error } => {
            format!("takes its topic, but the broker forbids the destination {destination:?}: {error}; {why}")
        }
        Verdict::OnlyFallback { taken_by } => {
            format!("does not take it: it is a fallback, and {taken_by:?} takes this topic")
        }
        Verdict::Passes => "does not take it: no filter of its topics matches".to_owned(),
        Verdict::Off => "is switched off".to_owned(),
    }
}
