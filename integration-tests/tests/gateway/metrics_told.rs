//! The metrics that a gateway has are those that docs/operations.md tells of.

use std::collections::BTreeSet;
use std::fs;

use frontier_integration_tests::Settings;
use frontier_integration_tests::containers::root;

/// The names in the first column of the table of metrics.
fn told() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/operations.md")).expect("the file is there");
    let (_, table) = text.split_once("\n| metric | labels |").expect("there is a table of metrics");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let first = rows.map(|row| row.split('|').nth(1).expect("a row has columns"));
    first.flat_map(|names| names.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

#[test]
fn every_metric_is_told_of_and_every_one_told_of_is_there() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let lines = folder.path().join("lines");
    let sections = format!("bridges: [{{name: lines, topics: [t], file: {{path: {}}}}}]\n", lines.display());
    let gateway = Settings { sections, ..Settings::default() }.with_control().start();
    let page = gateway.get("/metrics").expect("it answers").body;
    let names = page.lines().filter_map(|line| line.strip_prefix("# TYPE frontier_")?.split(' ').next());
    let there: BTreeSet<String> = names.map(str::to_owned).collect();
    assert_eq!(told(), there);
}
