//! Reports for people.

use std::fmt;

use crate::args::Records;
use crate::control::{Beside, ControlReport, Told};
use crate::report::{
    BridgeReport, ConnectReport, Figures, IdleReport, LoadReport, Peers, Report, StreamReport, Throughput,
};
use crate::server::Memory;

/// Rows of cells, the first one the heading; columns are aligned, numbers to the right.
#[derive(Debug, Default)]
struct Table(Vec<Vec<String>>);

impl Table {
    fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.0.push(cells.map(str::to_owned).to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or_default();
        let width =
            |column: usize| self.0.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        for row in &self.0 {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") }
            });
            writeln!(f, "{}", cells.collect::<String>().trim_end())?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Call(report) => load(f, "call", report),
            Report::Publish(report) => load(f, "publish, acknowledged,", report),
            Report::Stream(report) => stream(f, report),
            Report::Connect(report) => connect(f, report),
            Report::Idle(report) => idle(f, report),
            Report::Control(report) => control(f, report),
            Report::Bridge(report) => bridge(f, report),
        }
    }
}

fn load(f: &mut fmt::Formatter<'_>, what: &str, report: &LoadReport) -> fmt::Result {
    let LoadReport { edges, in_flight, size, frame_bytes, .. } = report;
    writeln!(
        f,
        "{what} {}{}: {edges} edges, {in_flight} in flight on each, {size} B payload, frames of {frame_bytes} B\n",
        report.direction.arrow(),
        if report.peers == Peers::Sdk { ", peers on the SDK" } else { "" }
    )?;
    let mut table = figures_table();
    figures(&mut table, "gateway", &report.gateway);
    if let Some(relay) = &report.relay {
        figures(&mut table, "plain relay, same frames", relay);
    }
    write!(f, "{table}")?;
    if let Some(versus) = &report.versus_relay {
        writeln!(
            f,
            "\ngateway beside relay, median of {} pairs: CPU {} ×, per second {:.2} ×, p50 {:+.0} µs, p99 {:+.0} µs",
            report.relay_rounds.len(),
            optional(versus.cpu, 2),
            versus.per_second,
            versus.added_p50_us,
            versus.added_p99_us
        )?;
    }
    memory(f, report.memory)
}

fn figures_table() -> Table {
    let mut table = Table::default();
    table.row(["", "operations", "per second", "p50 µs", "p90", "p99", "p99.9", "max", "CPU µs each"]);
    table
}

fn figures(table: &mut Table, name: &str, figures: &Figures) {
    let latency = figures.latency_us;
    table.row([
        name,
        &figures.operations.to_string(),
        &format!("{:.0}", figures.per_second),
        &format!("{:.0}", latency.p50),
        &format!("{:.0}", latency.p90),
        &format!("{:.0}", latency.p99),
        &format!("{:.0}", latency.p99_9),
        &format!("{:.0}", latency.max),
        &optional(figures.cpu_us, 2),
    ]);
}

fn stream(f: &mut fmt::Formatter<'_>, report: &StreamReport) -> fmt::Result {
    writeln!(f, "stream {}: writes of {} B\n", report.direction.arrow(), report.write_size)?;
    let mut table = Table::default();
    table.row(["", "MB", "MB per second", "CPU s per GB"]);
    let mut row = |name: &str, throughput: &Throughput| {
        table.row([
            name,
            &format!("{:.0}", throughput.bytes as f64 / 1e6),
            &format!("{:.0}", throughput.mb_per_second),
            &optional(throughput.cpu_seconds_per_gb, 2),
        ]);
    };
    row("gateway", &report.gateway);
    if let Some(relay) = &report.relay {
        row("plain relay", relay);
    }
    write!(f, "{table}")?;
    match report.versus_relay {
        Some(ratio) => {
            writeln!(f, "\ngateway beside relay, median of {} pairs: {ratio:.2} ×", report.relay_rounds.len())
        }
        None => Ok(()),
    }
}

fn connect(f: &mut fmt::Formatter<'_>, report: &ConnectReport) -> fmt::Result {
    let edges = report.edges;
    writeln!(
        f,
        "connect, with get_edge_id and edge_online, and leave: {edges} edges at a time{}\n",
        at(report.records)
    )?;
    let mut table = figures_table();
    figures(&mut table, "gateway", &report.gateway);
    writeln!(f, "{table}")?;
    let (quiet, disturbed) = (report.quiet_us, report.disturbed_us);
    writeln!(
        f,
        "calls of {} edges that stayed, µs: p50 {:.0} and p99 {:.0} before, p50 {:.0} and p99 {:.0} meanwhile",
        report.residents, quiet.p50, quiet.p99, disturbed.p50, disturbed.p99
    )
}

fn idle(f: &mut fmt::Formatter<'_>, report: &IdleReport) -> fmt::Result {
    let IdleReport { edges, heartbeat_seconds, watched_seconds, .. } = report;
    let over = report.over.name();
    let records = at(report.records);
    writeln!(
        f,
        "idle: {edges} edges over {over} that have made a call, a heartbeat every {heartbeat_seconds} s{records}\n"
    )?;
    let mut table = Table::default();
    table.row(["gateway's memory", "before, KiB", "after, KiB", "bytes per edge"]);
    let mut row = |name: &str, before: u64, after: u64, growth: f64| {
        table.row([name, &before.to_string(), &after.to_string(), &format!("{growth:.0}")]);
    };
    row("resident", report.before.resident_kib, report.after.resident_kib, report.resident_bytes_per_edge);
    row("private", report.before.private_kib, report.after.private_kib, report.private_bytes_per_edge);
    writeln!(f, "{table}")?;
    writeln!(
        f,
        "gateway's CPU over {watched_seconds:.0} s: {:.2} % of a core, {:.2} % for 10 000 edges",
        report.cpu_percent, report.cpu_percent_per_10000_edges
    )
}

fn control(f: &mut fmt::Formatter<'_>, report: &ControlReport) -> fmt::Result {
    let ControlReport { residents, methods, rows, edges, size, .. } = report;
    writeln!(
        f,
        "control plane: {residents} edges with {methods} methods each, {rows} rows within {:.1} s{}\n",
        report.filled_seconds,
        at(report.records)
    )?;
    let mut table = Table::default();
    table.row(["", "operations", "p50 µs", "p90", "p99", "p99.9", "max"]);
    for question in &report.questions {
        told(&mut table, &format!("{}, gRPC", question.name), &question.grpc);
        told(&mut table, &format!("{}, REST", question.name), &question.rest);
    }
    told(&mut table, "all pages", &report.pages);
    for Beside { what, pages, visits, .. } in &report.calls {
        if let Some(pages) = pages {
            told(&mut table, &format!("pages beside calls, {}", what.name()), pages);
        }
        if let Some(visits) = visits {
            told(&mut table, &format!("connects beside calls, {}", what.name()), visits);
        }
    }
    writeln!(f, "{table}\ncalls edge → service: {edges} edges, 1 in flight on each, {size} B payload\n")?;
    let mut table = figures_table();
    for Beside { what, calls, .. } in &report.calls {
        figures(&mut table, what.name(), calls);
    }
    writeln!(f, "{table}")?;
    for Beside { what, per_second, p99, rounds, .. } in report.calls.iter().skip(1) {
        let (what, rounds) = (what.name(), rounds.len());
        writeln!(f, "{what}, beside alone, median of {rounds} rounds: per second {per_second:.2} ×, p99 {p99:.2} ×")?;
    }
    memory(f, report.memory)
}

fn told(table: &mut Table, name: &str, told: &Told) {
    let latency = told.latency_us;
    let micros = [latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max].map(|value| format!("{value:.0}"));
    let [p50, p90, p99, p99_9, max] = &micros;
    table.row([name, &told.operations.to_string(), p50, p90, p99, p99_9, max]);
}

/// Where records were, as the end of a sentence.
fn at(records: Option<Records>) -> String {
    records.map(|records| format!(", records in {}", records.name())).unwrap_or_default()
}

fn bridge(f: &mut fmt::Formatter<'_>, report: &BridgeReport) -> fmt::Result {
    let BridgeReport { edges, in_flight, size, full, half, .. } = report;
    let version = if report.version.is_empty() { String::new() } else { format!(" ({})", report.version) };
    writeln!(
        f,
        "edge → {}{version}: {edges} edges, {in_flight} in flight on each, {size} B payload",
        report.target.name()
    )?;
    writeln!(f, "both: {}\n", report.settings)?;
    let mut table = figures_table();
    figures(&mut table, "gateway", &full.gateway);
    figures(&mut table, "bare client", &full.bare);
    figures(&mut table, "gateway, half load", &half.gateway);
    figures(&mut table, "bare client, as much", &half.bare);
    writeln!(f, "{table}")?;
    let rounds = full.bare_rounds.len();
    writeln!(f, "gateway beside bare client, median of {rounds} pairs: per second {:.2} ×", full.versus_bare)?;
    memory(f, report.memory)
}

fn memory(f: &mut fmt::Formatter<'_>, memory: Option<Memory>) -> fmt::Result {
    match memory {
        Some(Memory { resident_kib, private_kib }) => {
            writeln!(f, "gateway's memory: {resident_kib} KiB resident, {private_kib} KiB private")
        }
        None => Ok(()),
    }
}

fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::default();
        table.row(["", "µs", "n"]);
        table.row(["gateway", "7", "1000"]);
        assert_eq!(table.to_string(), "         µs     n\ngateway   7  1000\n");
    }
}
