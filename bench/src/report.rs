//! Reports: a table for people, JSON for programs.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::args::{self, Direction};
use crate::latencies::{Latencies, Percentiles};
use crate::load::{Pair, Round};
use crate::traffic::{Kind, frame_len};

/// Figures of one server over all rounds; the medians of the rounds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Figures {
    per_second: f64,
    cpu_us_each: Option<f64>,
    latency_us: Percentiles,
}

#[derive(Debug, Serialize)]
struct TrafficReport {
    scenario: &'static str,
    direction: Direction,
    edges: u32,
    in_flight: u32,
    payload: usize,
    frame: usize,
    gateway: Figures,
    relay: Option<Figures>,
    /// Median of the pairs: the gateway's CPU per operation over the relay's.
    cpu_ratio: Option<f64>,
}

#[derive(Debug, Serialize)]
struct ConnectReport {
    scenario: &'static str,
    edges: u32,
    gateway: Figures,
}

#[derive(Debug, Serialize)]
pub(crate) struct IdleReport {
    pub(crate) edges: u32,
    pub(crate) bytes_per_edge: f64,
    pub(crate) heartbeat_percent_of_core_per_10k: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct StreamReport {
    pub(crate) write_size: u32,
    pub(crate) megabytes_per_second: f64,
    pub(crate) cpu_seconds_per_gigabyte: Option<f64>,
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn cpu_each(round: &Round<Latencies>) -> Option<f64> {
    round.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / round.done.count().max(1) as f64)
}

fn figures<'a>(rounds: impl Iterator<Item = &'a Round<Latencies>> + Clone) -> Figures {
    let mut all = Latencies::default();
    rounds.clone().for_each(|round| all.add(&round.done));
    let rates = rounds.clone().map(|round| round.done.count() as f64 / round.elapsed.as_secs_f64());
    Figures {
        per_second: median(rates.collect()).unwrap_or_default(),
        cpu_us_each: median(rounds.filter_map(cpu_each).collect()),
        latency_us: all.percentiles(),
    }
}

fn row(name: &str, figures: &Figures) {
    let cpu = figures.cpu_us_each.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.2}"));
    let latency = &figures.latency_us;
    println!(
        "{name:<8} {:>10.0} {cpu:>11} {:>9.0} {:>9.0} {:>9.0} {:>9.0} {:>9.0}",
        figures.per_second, latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max
    );
}

fn head() {
    println!("           per s  CPU µs each       p50       p90       p99     p99.9   max (µs)");
}

fn write<T: Serialize>(file: Option<&Path>, report: &T) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let text = serde_json::to_string_pretty(report)?;
    std::fs::write(file, text + "\n").with_context(|| format!("cannot write the report to {}", file.display()))
}

pub(crate) fn traffic(kind: Kind, args: &args::Load, pairs: &[Pair<Latencies>]) -> Result<()> {
    let relays = pairs.iter().filter_map(|pair| pair.relay.as_ref());
    let ratio = |pair: &Pair<Latencies>| Some(cpu_each(&pair.gateway)? / cpu_each(pair.relay.as_ref()?)?);
    let report = TrafficReport {
        scenario: kind.name(),
        direction: args.direction,
        edges: args.edges.get(),
        in_flight: args.in_flight.get(),
        payload: args.size,
        frame: frame_len(args.size),
        gateway: figures(pairs.iter().map(|pair| &pair.gateway)),
        relay: args.relay.then(|| figures(relays)),
        cpu_ratio: median(pairs.iter().filter_map(ratio).collect()),
    };
    println!(
        "{} {}, {} edges, {} in flight on each, payload {} B (frames of about {} B)",
        kind.name(),
        args.direction.arrow(),
        report.edges,
        report.in_flight,
        report.payload,
        report.frame
    );
    head();
    row("gateway", &report.gateway);
    if let Some(relay) = &report.relay {
        row("relay", relay);
    }
    if let Some(ratio) = report.cpu_ratio {
        println!("CPU per operation, gateway ÷ relay, median of the pairs: {ratio:.2}");
    }
    write(args.run.json.as_deref(), &report)
}

pub(crate) fn connects(args: &args::Connect, pairs: &[Pair<Latencies>]) -> Result<()> {
    let gateway = figures(pairs.iter().map(|pair| &pair.gateway));
    let report = ConnectReport { scenario: "connect", edges: args.edges.get(), gateway };
    println!("connect with hooks and leave, {} edges at a time", report.edges);
    head();
    row("gateway", &report.gateway);
    write(args.run.json.as_deref(), &report)
}

pub(crate) fn idle(args: &args::Idle, report: &IdleReport) -> Result<()> {
    println!("{} idle edges that have made a call", report.edges);
    println!("memory of the gateway's own: {:.0} bytes each", report.bytes_per_edge);
    println!("heartbeats: {:.2} % of a core per 10 000 edges", report.heartbeat_percent_of_core_per_10k);
    write(args.json.as_deref(), report)
}

pub(crate) fn stream(args: &args::Stream, report: &StreamReport) -> Result<()> {
    println!("stream {}, writes of {} bytes", args.direction.arrow(), report.write_size);
    let cpu = report.cpu_seconds_per_gigabyte.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.2}"));
    println!("{:.0} MB/s, {cpu} CPU seconds of the gateway per GB", report.megabytes_per_second);
    write(args.run.json.as_deref(), report)
}
