//! The configurations that `docs/bridges.md` and the page of each broker show are ones that a gateway starts with.

use std::fs;
use std::path::Path;
use std::process::Command;

use frontier_integration_tests::containers::root;
use frontier_integration_tests::process::frontier_binary;

/// The kinds of brokers; each has a page with a small configuration and one for production.
const KINDS: [&str; 5] = ["kafka", "amqp", "nats", "mqtt", "redis"];

/// The blocks of YAML on a page.
fn blocks(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        match (&mut block, line) {
            (None, "```yaml") => block = Some(String::new()),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

#[track_caller]
fn is_accepted(page: &Path, block: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("frontier.yaml");
    fs::write(&file, block).expect("a file can be written");
    let mut program = Command::new(frontier_binary());
    let output = program.args(["check", "--config"]).arg(&file).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}:\n{block}\n{said}", page.display());
    assert!(block.contains("bridges:") || block.contains("mqm:"), "{}: of no bridge:\n{block}", page.display());
}

#[test]
fn every_configuration_that_is_shown_is_accepted() {
    let docs = root().join("docs");
    let overview = docs.join("bridges.md");
    blocks(&overview).iter().for_each(|block| is_accepted(&overview, block));
    for kind in KINDS {
        let page = docs.join(format!("bridges/{kind}.md"));
        let blocks = blocks(&page);
        assert!(blocks.len() >= 2, "{kind}: one to begin with, and one for production");
        for block in &blocks {
            is_accepted(&page, block);
        }
        assert!(blocks.iter().any(|block| block.contains(&format!("    {kind}:\n"))), "{kind} is not among them");
    }
}
