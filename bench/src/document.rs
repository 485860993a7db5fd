//! The figures in `docs/performance.md`: what stands behind one marker, and between two others, is written here, the rest is
//! people's.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::args::Document;
use crate::report::Report;
use crate::{bars, bridges, control};

/// The line behind which all is replaced.
const MARKER: &str = "<!-- figures -->";

/// The lines between which the figures of bridges are.
const BRIDGES: [&str; 2] = ["<!-- bridges -->", "<!-- end of bridges -->"];

/// The lines between which those of the control plane are.
const CONTROL_PLANE: [&str; 2] = ["<!-- control plane -->", "<!-- end of control plane -->"];

pub(crate) fn write(args: &Document) -> Result<()> {
    let reports = read(&args.reports)?;
    let file = args.into.display();
    let old = fs::read_to_string(&args.into).with_context(|| format!("cannot read {file}"))?;
    let measured = &args.measured;
    let text = match (args.bridges, args.control_plane) {
        (true, _) => between(BRIDGES, &old, &bridges::table(&reports)?, &reports, measured),
        (_, true) => between(CONTROL_PLANE, &old, &control::tables(&reports)?, &reports, measured),
        _ => with_figures(&old, &reports, measured),
    };
    fs::write(&args.into, text.with_context(|| file.to_string())?).with_context(|| format!("cannot write {file}"))
}

fn with_figures(old: &str, reports: &[Report], measured: &str) -> Result<String> {
    let (prose, _) = halves(old, MARKER)?;
    let mut text = format!("{prose}{MARKER}\n\nMeasured {measured}.\n\n{}\n## All figures\n\n", bars::table(reports)?);
    tables(&mut text, reports);
    Ok(text)
}

fn between([begin, end]: [&str; 2], old: &str, table: &str, reports: &[Report], measured: &str) -> Result<String> {
    let (before, behind) = halves(old, begin)?;
    let (_, after) = halves(behind, end)?;
    let mut text = format!("{before}{begin}\n\nMeasured {measured}.\n\n{table}\n");
    tables(&mut text, reports);
    Ok(format!("{text}\n{end}{after}"))
}

/// What stands before and behind the one line `marker`.
fn halves<'a>(text: &'a str, marker: &str) -> Result<(&'a str, &'a str)> {
    text.split_once(marker).with_context(|| format!("there is no line {marker}"))
}

/// All reports as they were shown when they were made.
fn tables(text: &mut String, reports: &[Report]) {
    let tables: Vec<String> = reports.iter().map(Report::to_string).collect();
    writeln!(text, "```\n{}```", tables.join("\n")).expect("a string takes any text");
}

/// All reports of a folder, in the order of their names.
fn read(folder: &Path) -> Result<Vec<Report>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry.with_context(|| format!("cannot list {}", folder.display()))?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no report: give scenarios `--json` files in it first", folder.display());
    files.iter().map(|file| Report::load(file)).collect()
}
