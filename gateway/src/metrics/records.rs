//! What the records of who is online are doing, looked up at each scrape.

use std::fmt;

use dao::{Records, State, Status};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

#[derive(Debug)]
pub(super) struct RecordsMetrics(pub(super) Records);

type Look = fn(&Status) -> u64;

const COUNTERS: [(&str, &str, Look); 3] = [
    ("records_changes", "Changes of who is online that were to be recorded", |status| status.recorded),
    ("records_breaks", "Times that the records broke", |status| status.breaks),
    ("records_rebuilds", "Times that the records were made anew from who is online", |status| status.rebuilds),
];

const GAUGES: [(&str, &str, Look); 3] = [
    ("records_available", "Whether the records of who is online can be asked", |status| {
        u64::from(status.state == State::Healthy)
    }),
    ("records_waiting", "Changes that wait to be recorded", |status| status.waiting as u64),
    ("records_waiting_bytes", "Bytes of changes that wait to be recorded", |status| status.waiting_bytes as u64),
];

impl Collector for RecordsMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.0.status();
        for (name, help, look) in COUNTERS {
            let metric = ConstCounter::new(look(&status));
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
        for (name, help, look) in GAUGES {
            let metric = ConstGauge::new(i64::try_from(look(&status)).unwrap_or(i64::MAX));
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
        Ok(())
    }
}
