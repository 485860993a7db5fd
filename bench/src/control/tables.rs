//! The tables for readers: one line for each question, one for calls beside each load, one for each place of records.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::report::{Beside, BesideWhat, ControlReport, Told};
use crate::args::Records;
use crate::bars::grouped;
use crate::report::{ConnectReport, IdleReport, Report, median};

/// The most bytes that an idle edge may take with records in memory.
const EDGE_BYTES: f64 = 2_560.0;

/// Reports of one place of records.
#[derive(Default)]
struct Found<'a> {
    control: Option<&'a ControlReport>,
    /// One for each turn.
    connects: Vec<&'a ConnectReport>,
    idle: Option<&'a IdleReport>,
}

/// All tables, in Markdown.
///
/// # Errors
/// A report is of something else, or does not say where records were.
pub(crate) fn tables(reports: &[Report]) -> Result<String> {
    let found = Records::ALL.map(|records| (records, of(reports, records)));
    for report in reports {
        let records = match report {
            Report::Control(report) => report.records,
            Report::Connect(report) => report.records,
            Report::Idle(report) => report.records,
            _ => bail!("a report is not of the control plane, of connects or of idle edges"),
        };
        if records.is_none() {
            bail!("a report does not say where records were: give scenarios --records");
        }
    }
    let control: Vec<_> = found.iter().filter_map(|(records, found)| Some((*records, found.control?))).collect();
    let mut text = String::new();
    questions(&mut text, &control);
    text.push('\n');
    calls(&mut text, &control);
    text.push('\n');
    edges(&mut text, &found);
    Ok(text)
}

fn of(reports: &[Report], wanted: Records) -> Found<'_> {
    let mut found = Found::default();
    for report in reports {
        match report {
            Report::Control(report) if report.records == Some(wanted) => found.control = Some(report),
            Report::Connect(report) if report.records == Some(wanted) => found.connects.push(report),
            Report::Idle(report) if report.records == Some(wanted) => found.idle = Some(report),
            _ => {}
        }
    }
    found
}

fn line(text: &mut String, cells: impl IntoIterator<Item = String>) {
    for cell in cells {
        write!(text, "| {cell} ").expect("a string takes any text");
    }
    text.push_str("|\n");
}

fn head<const N: usize>(text: &mut String, cells: [&str; N]) {
    line(text, cells.map(str::to_owned));
    text.push_str(&rule(N));
}

/// The line below a heading.
fn rule(cells: usize) -> String {
    "|---".repeat(cells) + "|\n"
}

fn questions(text: &mut String, found: &[(Records, &ControlReport)]) {
    let heads = found.iter().flat_map(|(records, _)| ["gRPC", "REST"].map(|way| format!("{}: {way}", records.name())));
    let heads: Vec<String> = std::iter::once("p50 / p99 of an answer".to_owned()).chain(heads).collect();
    let rule = rule(heads.len());
    line(text, heads);
    text.push_str(&rule);
    let names = found.first().map(|(_, report)| report.questions.as_slice()).unwrap_or_default();
    for (number, question) in names.iter().enumerate() {
        let told = found.iter().filter_map(|(_, report)| report.questions.get(number));
        let told = told.flat_map(|question| [millis(&question.grpc), millis(&question.rest)]);
        line(text, std::iter::once(question.name.clone()).chain(told));
    }
    text.push('\n');
    head(text, ["records", "rows", "all pages, p50 / p99", "goal, p99", "met"]);
    for (records, report) in found {
        let most = records.longest_page_us();
        let met = if report.pages.latency_us.p99 <= most { "yes" } else { "**no**" };
        let goal = format!("≤ {:.0} ms", most / 1000.0);
        let rows = grouped(report.rows as f64);
        line(text, [records.name().to_owned(), rows, millis(&report.pages), goal, met.to_owned()]);
    }
}

fn calls(text: &mut String, found: &[(Records, &ControlReport)]) {
    head(
        text,
        [
            "records",
            "beside calls",
            "calls per second",
            "p99",
            "beside alone: per second",
            "p99",
            "pages meanwhile, p50 / p99",
        ],
    );
    for (records, report) in found {
        for Beside { what, calls, per_second, p99, pages, .. } in &report.calls {
            let beside = |ratio: f64| match what {
                BesideWhat::Nothing => String::new(),
                _ => format!("{ratio:.2} ×"),
            };
            let pages = pages.as_ref().map(millis).unwrap_or_default();
            let p99_us = format!("{} µs", grouped(calls.latency_us.p99.round()));
            let per_second_now = grouped(calls.per_second.round());
            let (name, what) = (records.name().to_owned(), what.name().to_owned());
            line(text, [name, what, per_second_now, p99_us, beside(*per_second), beside(*p99), pages]);
        }
    }
}

fn edges(text: &mut String, found: &[(Records, Found<'_>)]) {
    head(text, ["records", "connects per second", "CPU of one", "p99 of one", "memory of an idle edge", "goal", "met"]);
    let measured = found.iter().filter(|(_, found)| !found.connects.is_empty() || found.idle.is_some());
    for (records, Found { connects, idle, .. }) in measured {
        let middle =
            |value: fn(&ConnectReport) -> Option<f64>| median(connects.iter().filter_map(|report| value(report)));
        let told = |value: Option<f64>, unit: &str| match value {
            Some(value) => format!("{}{unit}", grouped(value.round())),
            None => "–".to_owned(),
        };
        let bytes = idle.map(|report| report.private_bytes_per_edge);
        let (goal, met) = match (records, bytes) {
            (Records::Memory, Some(bytes)) => {
                let met = if bytes <= EDGE_BYTES { "yes" } else { "**no**" };
                (told(Some(EDGE_BYTES), " B"), met)
            }
            _ => ("–".to_owned(), "–"),
        };
        line(
            text,
            [
                records.name().to_owned(),
                told(middle(|report| Some(report.gateway.per_second)), ""),
                told(middle(|report| report.gateway.cpu_us), " µs"),
                told(middle(|report| Some(report.gateway.latency_us.p99)), " µs"),
                told(bytes, " B"),
                goal,
                met.to_owned(),
            ],
        );
    }
}

fn millis(told: &Told) -> String {
    let of = |micros: f64| format!("{:.1}", micros / 1000.0);
    format!("{} / {} ms", of(told.latency_us.p50), of(told.latency_us.p99))
}

#[cfg(test)]
mod tests {
    use super::super::report::QuestionReport;
    use super::*;
    use crate::latencies::Percentiles;
    use crate::report::Figures;

    fn told(p99: f64) -> Told {
        Told { operations: 1, latency_us: Percentiles { p50: 400.0, p90: 0.0, p99, p99_9: 0.0, max: 0.0 } }
    }

    fn report(records: Option<Records>, pages_p99: f64) -> Report {
        let latency_us = told(1_234.0).latency_us;
        let calls = Figures { operations: 1, seconds: 1.0, per_second: 20_000.4, latency_us, cpu_us: None };
        let beside = |what| {
            let pages = BesideWhat::has_pages(what).then(|| told(9_000.0));
            Beside { what, calls, per_second: 0.93, p99: 1.5, rounds: Vec::new(), pages, visits: None }
        };
        let question =
            QuestionReport { name: "a page".to_owned(), is_page: true, grpc: told(1_000.0), rest: told(2_000.0) };
        Report::Control(Box::new(ControlReport {
            records,
            residents: 15_000,
            methods: 6,
            rows: 105_000,
            filled_seconds: 1.0,
            questions: vec![question],
            pages: told(pages_p99),
            edges: 8,
            size: 128,
            calls: BesideWhat::ALL.map(beside).to_vec(),
            memory: None,
        }))
    }

    #[test]
    fn goals_are_those_of_the_place_of_records() {
        let reports = [report(Some(Records::SqliteFile), 50_100.0), report(Some(Records::Memory), 10_000.0)];
        let tables = tables(&reports).unwrap();
        for expected in [
            "| p50 / p99 of an answer | memory: gRPC | memory: REST | SQLite, a file: gRPC | SQLite, a file: REST |",
            "| a page | 0.4 / 1.0 ms | 0.4 / 2.0 ms | 0.4 / 1.0 ms | 0.4 / 2.0 ms |",
            "| memory | 105 000 | 0.4 / 10.0 ms | ≤ 10 ms | yes |",
            "| SQLite, a file | 105 000 | 0.4 / 50.1 ms | ≤ 50 ms | **no** |",
            "| memory | alone | 20 000 | 1 234 µs |  |  |  |",
            "| memory | pages are asked for | 20 000 | 1 234 µs | 0.93 × | 1.50 × | 0.4 / 9.0 ms |",
        ] {
            assert!(tables.lines().any(|line| line == expected), "{expected}\nis not in\n{tables}");
        }
    }

    #[test]
    fn a_report_that_does_not_say_where_records_were_is_refused() {
        let error = tables(&[report(None, 1.0)]).unwrap_err().to_string();
        assert!(error.contains("--records"), "{error}");
    }
}
