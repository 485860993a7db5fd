//! The figures in `docs/performance.md`: what stands before the marker is people's, what follows is written here.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::args::Document;
use crate::bars;
use crate::report::Report;

/// The line behind which all is replaced.
const MARKER: &str = "<!-- figures -->";

pub(crate) fn write(args: &Document) -> Result<()> {
    let reports = read(&args.reports)?;
    let file = args.into.display();
    let old = fs::read_to_string(&args.into).with_context(|| format!("cannot read {file}"))?;
    let (prose, _) = old.split_once(MARKER).with_context(|| format!("{file} has no line {MARKER}"))?;
    let mut text = format!("{prose}{MARKER}\n\nMeasured {}.\n\n{}", args.measured, bars::table(&reports)?);
    text.push_str("\n## All figures\n\n```\n");
    let tables: Vec<String> = reports.iter().map(Report::to_string).collect();
    writeln!(text, "{}```", tables.join("\n")).expect("a string takes any text");
    fs::write(&args.into, text).with_context(|| format!("cannot write {file}"))
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
