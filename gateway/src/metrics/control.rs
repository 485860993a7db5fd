//! What the control plane counts of itself, looked up at each scrape.

use std::fmt;
use std::sync::Arc;

use controlplane::{Bound, Meter, Outcome, Protocol};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

#[derive(Debug)]
pub(super) struct ControlMetrics(pub(super) Arc<Meter>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    protocol: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BoundLabel {
    limit: &'static str,
}

type Look = fn(&Meter) -> u64;

const GAUGES: [(&str, &str, Look); 2] = [
    ("control_requests_in_flight", "Requests to the control plane whose answer is not sent", Meter::in_flight),
    ("control_connections", "Connections to the control plane", Meter::connections),
];

impl Collector for ControlMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(meter) = self;
        let help = "Requests to the control plane, by what became of them";
        let mut family = encoder.encode_descriptor("control_requests", help, None, MetricType::Counter)?;
        for protocol in Protocol::ALL {
            for outcome in Outcome::ALL {
                let labels = RequestLabels { protocol: protocol.word(), result: outcome.word() };
                ConstCounter::new(meter.requests(protocol, outcome)).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Connections to the control plane that were closed at once, by the bound reached";
        let mut family = encoder.encode_descriptor("control_connections_refused", help, None, MetricType::Counter)?;
        for bound in Bound::ALL {
            let labels = BoundLabel { limit: bound.word() };
            ConstCounter::new(meter.refused(bound)).encode(family.encode_family(&labels)?)?;
        }
        for (name, help, look) in GAUGES {
            let metric = ConstGauge::new(i64::try_from(look(meter)).unwrap_or(i64::MAX));
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
        Ok(())
    }
}
