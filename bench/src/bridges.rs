//! Bridges beside bare clients: the table for readers.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use crate::bars::grouped;
use crate::report::{Beside, BridgeReport, Figures, Report};

/// What of the bare client's messages per second a bridge is to reach.
const GOAL: f64 = 0.8;

/// A line for each bridge, in Markdown.
///
/// # Errors
/// A report is of something else.
pub(crate) fn table(reports: &[Report]) -> Result<String> {
    let mut text = format!(
        "| edge → | gateway, messages per second | bare client | gateway ÷ bare, goal ≥ {GOAL} | met | at half load: gateway, p50 / p99 \
         | bare client, p50 / p99 |\n|---|---|---|---|---|---|---|\n"
    );
    for report in reports {
        let Report::Bridge(report) = report else { bail!("a report is not of a bridge") };
        line(&mut text, report);
    }
    Ok(text)
}

fn line(text: &mut String, report: &BridgeReport) {
    let BridgeReport { target, version, full: Beside { gateway, bare, versus_bare, .. }, half, .. } = report;
    let version = if version.is_empty() { String::new() } else { format!(" ({version})") };
    let met = if *versus_bare >= GOAL { "yes" } else { "**no**" };
    let rate = |figures: &Figures| grouped(figures.per_second.round());
    let latency =
        |Figures { latency_us, .. }: &Figures| format!("{} / {} ms", millis(latency_us.p50), millis(latency_us.p99));
    writeln!(
        text,
        "| {}{version} | {} | {} | {versus_bare:.2} × | {met} | {} | {} |",
        target.name(),
        rate(gateway),
        rate(bare),
        latency(&half.gateway),
        latency(&half.bare)
    )
    .expect("a string takes any text");
}

fn millis(micros: f64) -> String {
    format!("{:.1}", micros / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Target;
    use crate::latencies::Percentiles;

    fn figures(per_second: f64, p50: f64) -> Figures {
        let latency_us = Percentiles { p50, p90: 0.0, p99: 10_000.0, p99_9: 0.0, max: 0.0 };
        Figures { operations: 1, seconds: 1.0, per_second, latency_us, cpu_us: None }
    }

    fn report(versus_bare: f64) -> Report {
        let beside = |per_second| Beside {
            gateway: figures(per_second, 1_540.0),
            bare: figures(100_000.0, 20.0),
            versus_bare,
            rounds: Vec::new(),
            bare_rounds: Vec::new(),
        };
        Report::Bridge(Box::new(BridgeReport {
            target: Target::Kafka,
            version: "Kafka 4".to_owned(),
            settings: String::new(),
            edges: 1,
            in_flight: 1,
            size: 1,
            full: beside(81_234.0),
            half: beside(40_000.0),
            half_per_second: 40_000.0,
            memory: None,
        }))
    }

    #[test]
    fn a_line_says_whether_the_goal_is_met() {
        for (ratio, told) in [(0.8, "0.80 × | yes"), (0.79, "0.79 × | **no**")] {
            let expected = format!("| Kafka (Kafka 4) | 81 234 | 100 000 | {told} | 1.5 / 10.0 ms | 0.0 / 10.0 ms |");
            let table = table(&[report(ratio)]).unwrap();
            assert!(table.lines().any(|line| line == expected), "{expected}\nis not in\n{table}");
        }
    }
}
