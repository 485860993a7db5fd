//! Topics that leave the gateway: what its bridges say of themselves, edges that publish and remember what they were told, and
//! what must be true of that afterwards.

mod load;

use std::collections::{BTreeMap, HashMap};

pub use load::{Load, Told};

use crate::Gateway;

/// A record as a consumer of the broker got it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Its bytes.
    pub payload: Vec<u8>,
    /// Its key, where the broker has one.
    pub key: Option<String>,
    /// Its headers, where the broker has them.
    pub headers: BTreeMap<String, String>,
}

/// What the counters of a bridge say.
///
/// # Panics
/// When they do not add up, as they must at every moment.
#[track_caller]
pub fn counters(gateway: &Gateway, bridge: &str) -> HashMap<&'static str, u64> {
    let label = format!("bridge=\"{bridge}\"");
    let all = gateway.metrics();
    let one = |name: &'static str, suffix: &str| {
        let series = format!("frontier_bridge_{name}{suffix}{{{label}}}");
        let sample = all.iter().find(|sample| sample.series == series);
        (name, sample.unwrap_or_else(|| panic!("no {series}")).value as u64)
    };
    let counted = ["matched", "delivered", "failed", "dropped"].map(|name| one(name, "_total"));
    let held = ["queued", "in_flight", "bytes"].map(|name| one(name, ""));
    let counters: HashMap<_, _> = counted.into_iter().chain(held).collect();
    let parts = ["delivered", "failed", "dropped", "queued", "in_flight"].map(|name| counters[name]);
    assert_eq!(counters["matched"], parts.iter().sum::<u64>(), "{counters:?}");
    counters
}

/// Whether a bridge is in that state: `connecting`, `up` or `down`.
#[must_use]
#[track_caller]
pub fn is(gateway: &Gateway, bridge: &str, state: &str) -> bool {
    let labels = [format!("bridge=\"{bridge}\""), format!("state=\"{state}\"")];
    gateway.metric("frontier_bridge_state", &labels.each_ref().map(String::as_str)) == 1.0
}
