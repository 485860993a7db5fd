//! What the gateway is to reach, and how far it is.
//!
//! The Go gateway's figures were taken on the same kind of machine, its ratios beside such a relay in the same run.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use crate::args::Direction::{self, EdgeToService, ServiceToEdge};
use crate::args::Over;
use crate::frame::Kind;
use crate::report::{ConnectReport, Figures, IdleReport, LoadReport, Peers, Report, StreamReport};

/// What counts as reached.
#[derive(Debug, Clone, Copy)]
enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Goal::AtMost(most) => value <= most,
            Goal::AtLeast(least) => value >= least,
        }
    }

    /// For readers; `unit` begins with a blank if it is to have one.
    fn text(self, unit: &str) -> String {
        match self {
            Goal::AtMost(most) => format!("≤ {}{unit}", grouped(most)),
            Goal::AtLeast(least) => format!("≥ {}{unit}", grouped(least)),
        }
    }
}

/// A line of the table.
#[derive(Debug)]
struct Bar {
    name: String,
    /// `None` for a line that only informs.
    goal: Option<Goal>,
    unit: &'static str,
    /// `None` where the system did not tell.
    value: Option<f64>,
    digits: usize,
    /// The relay's figure in the same run.
    relay: String,
    go: &'static str,
}

/// Loads whose CPU is measured beside the relay's, with the Go gateway's ratio.
const LOADS: [(Kind, Direction, u32, u32, f64, &str); 16] = [
    (Kind::Call, EdgeToService, 1, 1, 1.1, "7.0 ×"),
    (Kind::Call, ServiceToEdge, 1, 1, 1.1, "5.5 ×"),
    (Kind::Publish, EdgeToService, 1, 1, 1.1, "5.1 ×"),
    (Kind::Publish, ServiceToEdge, 1, 1, 1.1, NOT_MEASURED),
    (Kind::Call, EdgeToService, 32, 1, 0.9, "8 ×"),
    (Kind::Call, ServiceToEdge, 32, 1, 0.9, "7.6 ×"),
    (Kind::Publish, EdgeToService, 32, 1, 0.9, "7 ×"),
    (Kind::Publish, ServiceToEdge, 32, 1, 0.9, NOT_MEASURED),
    (Kind::Call, EdgeToService, 1000, 1, 0.65, NOT_MEASURED),
    (Kind::Call, ServiceToEdge, 1000, 1, 0.65, NOT_MEASURED),
    (Kind::Publish, EdgeToService, 1000, 1, 0.65, NOT_MEASURED),
    (Kind::Publish, ServiceToEdge, 1000, 1, 0.65, NOT_MEASURED),
    (Kind::Call, EdgeToService, 32, 8, 1.0, NOT_MEASURED),
    (Kind::Call, ServiceToEdge, 32, 8, 1.0, NOT_MEASURED),
    (Kind::Publish, EdgeToService, 32, 8, 1.0, NOT_MEASURED),
    (Kind::Publish, ServiceToEdge, 32, 8, 1.0, NOT_MEASURED),
];

/// Streams, with the Go gateway's throughput.
const STREAMS: [(Direction, u32, &str); 4] = [
    (EdgeToService, 64 * 1024, "473 MB/s"),
    (ServiceToEdge, 64 * 1024, NOT_MEASURED),
    (EdgeToService, 4 * 1024, "113 MB/s"),
    (ServiceToEdge, 4 * 1024, NOT_MEASURED),
];

/// Edges and calls in flight on each that are also measured with the SDK, edge → service.
const ON_SDK: [(u32, u32); 2] = [(1, 1), (32, 1)];

const NOT_MEASURED: &str = "–";

/// The table of all bars, in Markdown.
///
/// # Errors
/// A report that a bar needs is missing.
pub(crate) fn table(reports: &[Report]) -> Result<String> {
    let mut bars = Vec::new();
    for (kind, direction, edges, in_flight, most, go) in LOADS {
        let report = load(reports, kind, Peers::Lean, direction, edges, in_flight)?;
        bars.push(cpu(kind, report, Some(Goal::AtMost(most)), go)?);
    }
    for (edges, in_flight) in ON_SDK {
        let report = load(reports, Kind::Call, Peers::Sdk, EdgeToService, edges, in_flight)?;
        bars.push(cpu(Kind::Call, report, None, NOT_MEASURED)?);
    }
    bars.push(rate(load(reports, Kind::Call, Peers::Lean, EdgeToService, 32, 1)?)?);
    bars.extend(added_latency(load(reports, Kind::Call, Peers::Lean, EdgeToService, 1, 1)?)?);
    for (direction, write_size, go) in STREAMS {
        bars.push(throughput(stream(reports, direction, write_size)?, go)?);
    }
    bars.push(connects(find(reports, "connect", |report| match report {
        Report::Connect(report) => Some(report),
        _ => None,
    })?));
    let [memory, heartbeats] = idle(idle_report(reports, Over::Tcp)?);
    let [over_tls, _] = idle(idle_report(reports, Over::Tls)?);
    let [over_websocket, _] = idle(idle_report(reports, Over::WebSocket)?);
    bars.extend([memory, over_tls, over_websocket, heartbeats]);
    Ok(markdown(&bars))
}

fn find<'a, R>(reports: &'a [Report], what: &str, is: impl Fn(&'a Report) -> Option<&'a R>) -> Result<&'a R> {
    reports.iter().find_map(is).with_context(|| format!("there is no report of {what}: run bench/run.sh"))
}

fn load(
    reports: &[Report],
    kind: Kind,
    peers: Peers,
    direction: Direction,
    edges: u32,
    in_flight: u32,
) -> Result<&LoadReport> {
    let name = of(kind, peers);
    let what = format!("{name} {}, {edges} edges, {in_flight} in flight", direction.arrow());
    find(reports, &what, |report| {
        let of_kind = match report {
            Report::Call(report) if kind == Kind::Call => report,
            Report::Publish(report) if kind == Kind::Publish => report,
            _ => return None,
        };
        let shape = (of_kind.peers, of_kind.direction, of_kind.edges, of_kind.in_flight);
        (shape == (peers, direction, edges, in_flight)).then_some(of_kind)
    })
}

fn stream(reports: &[Report], direction: Direction, write_size: u32) -> Result<&StreamReport> {
    let what = format!("a stream {} with writes of {write_size} B", direction.arrow());
    find(reports, &what, |report| match report {
        Report::Stream(report) => ((report.direction, report.write_size) == (direction, write_size)).then_some(report),
        _ => None,
    })
}

fn idle_report(reports: &[Report], over: Over) -> Result<&IdleReport> {
    find(reports, &format!("idle, over {}", over.name()), |report| match report {
        Report::Idle(report) => (report.over == over).then_some(report),
        _ => None,
    })
}

/// What travels, and between whom if not between lean peers.
fn of(kind: Kind, peers: Peers) -> String {
    match peers {
        Peers::Lean => kind.name().to_owned(),
        Peers::Sdk => format!("{} of the SDK", kind.name()),
    }
}

fn relay_of(report: &LoadReport) -> Result<&Figures> {
    report.relay.as_ref().context("a report of calls or messages was made without --relay")
}

fn cpu(kind: Kind, report: &LoadReport, goal: Option<Goal>, go: &'static str) -> Result<Bar> {
    let relay = relay_of(report)?.cpu_us;
    let edges = match (report.edges, report.in_flight) {
        (1, 1) => "1 edge".to_owned(),
        (edges, 1) => format!("{} edges", grouped(edges.into())),
        (edges, in_flight) => format!("{edges} edges with {in_flight} in flight each"),
    };
    Ok(Bar {
        name: format!("CPU per {} {}, {edges}", of(kind, report.peers), report.direction.arrow()),
        goal,
        unit: " ×",
        value: report.versus_relay.and_then(|versus| versus.cpu),
        digits: 2,
        relay: relay.map_or_else(|| NOT_MEASURED.to_owned(), |cpu| format!("{cpu:.1} µs")),
        go,
    })
}

fn rate(report: &LoadReport) -> Result<Bar> {
    Ok(Bar {
        name: "calls per second, 32 edges, driver on the same cores".to_owned(),
        goal: Some(Goal::AtLeast(60_000.0)),
        unit: "",
        value: Some(report.gateway.per_second),
        digits: 0,
        relay: grouped(relay_of(report)?.per_second.round()),
        go: "7 000",
    })
}

/// A connection through the relay is two hops, as is the way of a call through the gateway.
fn added_latency(report: &LoadReport) -> Result<[Bar; 2]> {
    let relay = relay_of(report)?.latency_us;
    let versus = report.versus_relay;
    let bar = |name: &str, most, value, relay: f64, go| Bar {
        name: format!("{name} of a call over that of the relay's round trip, 1 edge"),
        goal: Some(Goal::AtMost(most)),
        unit: " µs",
        value,
        digits: 0,
        relay: format!("{} µs", grouped(relay.round())),
        go,
    };
    Ok([
        bar("p50", 25.0, versus.map(|versus| versus.added_p50_us), relay.p50, "344 µs"),
        bar("p99", 100.0, versus.map(|versus| versus.added_p99_us), relay.p99, "910 µs"),
    ])
}

fn throughput(report: &StreamReport, go: &'static str) -> Result<Bar> {
    let relay = report.relay.context("a report of streams was made without --relay")?;
    Ok(Bar {
        name: format!(
            "throughput of one stream {}, writes of {} KiB",
            report.direction.arrow(),
            report.write_size / 1024
        ),
        goal: Some(Goal::AtLeast(0.7)),
        unit: " ×",
        value: report.versus_relay,
        digits: 2,
        relay: format!("{} MB/s", grouped(relay.mb_per_second.round())),
        go,
    })
}

fn connects(report: &ConnectReport) -> Bar {
    Bar {
        name: "connects per second, with `edge_online`".to_owned(),
        goal: Some(Goal::AtLeast(7_000.0)),
        unit: "",
        value: Some(report.gateway.per_second),
        digits: 0,
        relay: NOT_MEASURED.to_owned(),
        go: "680",
    }
}

fn idle(report: &IdleReport) -> [Bar; 2] {
    let relay = || NOT_MEASURED.to_owned();
    let (name, most, go) = match report.over {
        Over::Tcp => ("memory of an idle edge that has made a call", Some(2560.0), "94 KiB"),
        Over::Tls => ("the same over TLS", Some(12_288.0), NOT_MEASURED),
        Over::WebSocket => ("the same over WebSocket", Some(4096.0), NOT_MEASURED),
        Over::WebSocketAndTls => ("the same over WebSocket and TLS", None, NOT_MEASURED),
    };
    let memory = Bar {
        name: name.to_owned(),
        goal: most.map(Goal::AtMost),
        unit: " B",
        value: Some(report.private_bytes_per_edge),
        digits: 0,
        relay: relay(),
        go,
    };
    let heartbeats = Bar {
        name: "heartbeats of 10 000 edges, share of a core".to_owned(),
        goal: Some(Goal::AtMost(1.0)),
        unit: " %",
        value: Some(report.cpu_percent_per_10000_edges),
        digits: 2,
        relay: relay(),
        go: "10.8 %",
    };
    [memory, heartbeats]
}

fn markdown(bars: &[Bar]) -> String {
    let mut text =
        "| bar | goal | measured | met | relay, same run | Go gateway |\n|---|---|---|---|---|---|\n".to_owned();
    for Bar { name, goal, unit, value, digits, relay, go } in bars {
        let measured = match value {
            Some(value) if *digits == 0 => format!("{}{unit}", grouped(value.round())),
            Some(value) => format!("{value:.digits$}{unit}"),
            None => NOT_MEASURED.to_owned(),
        };
        let met = match goal.zip(*value).map(|(goal, value)| goal.is_met(value)) {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => NOT_MEASURED,
        };
        let goal = goal.map_or_else(|| NOT_MEASURED.to_owned(), |goal| goal.text(unit));
        writeln!(text, "| {name} | {goal} | {measured} | {met} | {relay} | {go} |").expect("a string takes any text");
    }
    text
}

/// A number with a blank between thousands; from there on without decimals.
pub(crate) fn grouped(number: f64) -> String {
    if number.abs() < 1000.0 {
        return number.to_string();
    }
    let digits = format!("{:.0}", number.abs());
    let sign = if number < 0.0 { "-" } else { "" };
    let first = (digits.len() - 1) % 3 + 1;
    let rest: Vec<&str> = (first..digits.len()).step_by(3).map(|at| &digits[at..at + 3]).collect();
    format!("{sign}{} {}", &digits[..first], rest.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latencies::Percentiles;
    use crate::report::{Throughput, Versus};
    use crate::server::Memory;

    fn figures(per_second: f64) -> Figures {
        let latency_us = Percentiles { p50: 100.4, p90: 110.0, p99: 120.0, p99_9: 130.0, max: 140.0 };
        Figures { operations: 10, seconds: 1.0, per_second, latency_us, cpu_us: Some(14.26) }
    }

    fn load_report(peers: Peers, direction: Direction, edges: u32, in_flight: u32) -> LoadReport {
        LoadReport {
            peers,
            direction,
            edges,
            in_flight,
            size: 128,
            frame_bytes: 267,
            gateway: figures(61_234.4),
            relay: Some(figures(70_000.0)),
            versus_relay: Some(Versus { cpu: Some(0.9), per_second: 0.8, added_p50_us: 12.4, added_p99_us: 300.0 }),
            rounds: Vec::new(),
            relay_rounds: Vec::new(),
            memory: None,
        }
    }

    fn all_reports() -> Vec<Report> {
        let mut reports = Vec::new();
        for (kind, direction, edges, in_flight, ..) in LOADS {
            let report = load_report(Peers::Lean, direction, edges, in_flight);
            reports.push(if kind == Kind::Call { Report::Call(report) } else { Report::Publish(report) });
        }
        for (edges, in_flight) in ON_SDK {
            reports.push(Report::Call(load_report(Peers::Sdk, EdgeToService, edges, in_flight)));
        }
        let speed = Throughput { bytes: 1, seconds: 1.0, mb_per_second: 1500.0, cpu_seconds_per_gb: None };
        for (direction, write_size, _) in STREAMS {
            reports.push(Report::Stream(StreamReport {
                direction,
                write_size,
                gateway: speed,
                relay: Some(speed),
                versus_relay: Some(0.69),
                rounds: Vec::new(),
                relay_rounds: Vec::new(),
            }));
        }
        let gateway = figures(6999.0);
        let (quiet_us, disturbed_us) = (gateway.latency_us, gateway.latency_us);
        let rounds = Vec::new();
        reports.push(Report::Connect(ConnectReport {
            records: None,
            edges: 32,
            gateway,
            rounds,
            residents: 8,
            quiet_us,
            disturbed_us,
        }));
        let memory = Memory { resident_kib: 1, private_kib: 1 };
        let idle = |over, private_bytes_per_edge| IdleReport {
            records: None,
            edges: 10,
            over,
            heartbeat_seconds: 20,
            before: memory,
            after: memory,
            resident_bytes_per_edge: 9.0,
            private_bytes_per_edge,
            watched_seconds: 1.0,
            cpu_percent: 0.5,
            cpu_percent_per_10000_edges: 0.5,
        };
        let bytes = [(Over::Tcp, 2048.0), (Over::Tls, 9000.0), (Over::WebSocket, 3000.0)];
        reports.extend(bytes.map(|(over, bytes)| Report::Idle(idle(over, bytes))));
        reports
    }

    #[test]
    fn every_bar_has_its_line() {
        let table = table(&all_reports()).unwrap();
        for line in [
            "| CPU per call edge → service, 1 edge | ≤ 1.1 × | 0.90 × | yes | 14.3 µs | 7.0 × |",
            "| CPU per acked publish service → edge, 1 000 edges | ≤ 0.65 × | 0.90 × | **no** | 14.3 µs | – |",
            "| CPU per call of the SDK edge → service, 32 edges | – | 0.90 × | – | 14.3 µs | – |",
            "| calls per second, 32 edges, driver on the same cores | ≥ 60 000 | 61 234 | yes | 70 000 | 7 000 |",
            "| p50 of a call over that of the relay's round trip, 1 edge | ≤ 25 µs | 12 µs | yes | 100 µs | 344 µs |",
            "| throughput of one stream edge → service, writes of 64 KiB | ≥ 0.7 × | 0.69 × | **no** | 1 500 MB/s | 473 MB/s |",
            "| connects per second, with `edge_online` | ≥ 7 000 | 6 999 | **no** | – | 680 |",
            "| memory of an idle edge that has made a call | ≤ 2 560 B | 2 048 B | yes | – | 94 KiB |",
            "| the same over TLS | ≤ 12 288 B | 9 000 B | yes | – | – |",
            "| the same over WebSocket | ≤ 4 096 B | 3 000 B | yes | – | – |",
            "| heartbeats of 10 000 edges, share of a core | ≤ 1 % | 0.50 % | yes | – | 10.8 % |",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\nis not in\n{table}");
        }
    }

    #[test]
    fn a_missing_report_is_named() {
        let mut reports = all_reports();
        reports.retain(|report| !matches!(report, Report::Publish(report) if report.in_flight == 8));
        let error = table(&reports).unwrap_err().to_string();
        assert!(error.contains("acked publish edge → service, 32 edges, 8 in flight"), "{error}");
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0.65, "0.65"), (999.0, "999"), (1000.0, "1 000"), (-1_234_567.0, "-1 234 567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
