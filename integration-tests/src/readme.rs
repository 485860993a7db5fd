//! The README's recipes, for tests that run them as they stand there.

use std::fs;

use crate::containers::root;
use crate::process::target_dir;
use crate::tool::Tool;

/// A line of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What one types.
    pub typed: String,
    /// What stands behind `#`: in which terminal one types it, or what one sees then. Empty if there is none.
    pub told: String,
}

/// The lines of the first code below a heading of the third level, but for empty ones.
///
/// # Panics
/// When the README has no such heading, or nothing but prose below it.
#[must_use]
#[track_caller]
pub fn recipe(heading: &str) -> Vec<Line> {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README is there");
    let below = readme.split_once(&format!("\n### {heading}\n"));
    let (_, below) = below.unwrap_or_else(|| panic!("the README has no recipe \"{heading}\""));
    let section = below.split("\n## ").next().and_then(|below| below.split("\n### ").next()).unwrap_or_default();
    let code = section.split("```").nth(1).unwrap_or_else(|| panic!("the recipe \"{heading}\" has no code"));
    let lines = code.lines().map(|line| line.split_once(" #").unwrap_or((line, "")));
    let lines = lines.map(|(typed, told)| Line { typed: typed.trim().to_owned(), told: told.trim().to_owned() });
    lines.filter(|line| !line.typed.is_empty()).collect()
}

/// The last command that a line of a recipe, `make …`, would run in the folder of the project, as make prints it.
///
/// # Panics
/// When make does not know the target.
#[must_use]
#[track_caller]
pub fn made_by(line: &Line) -> String {
    // What a make above this test was given is not for this one.
    let clean = Tool::installed("env", "-u MAKEFLAGS -u MAKELEVEL -u ARGS sh -c");
    let make = clean.arg(&format!("{} --dry-run", line.typed)).within(root());
    let done = make.env("CARGO_TARGET_DIR", &target_dir().display().to_string()).run(b"");
    assert_eq!(done.code, 0, "`{}`: {}", line.typed, done.err);
    done.text().lines().last().unwrap_or_default().to_owned()
}
