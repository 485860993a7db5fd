//! Builds the Go programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::process::target_dir;

/// A generation of the Go transport. Both are in use in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// geminio v1.1.7-rc.1: knows no RequestCancel, drops raw bytes that are not read fast enough.
    A,
    /// geminio v1.3.0-rc.2.
    B,
}

impl Generation {
    /// Old and new.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    fn name(self) -> &'static str {
        match self {
            Self::A => "gen-a",
            Self::B => "gen-b",
        }
    }

    /// The built program; builds it at the first call.
    ///
    /// # Panics
    /// When Go is missing or the build fails.
    #[must_use]
    pub fn binary(self) -> &'static Path {
        static BUILT: [OnceLock<PathBuf>; 2] = [OnceLock::new(), OnceLock::new()];
        BUILT[self as usize].get_or_init(|| build(self.name()))
    }
}

fn build(name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go-peers").join(name);
    let target = target_dir().join("go-peers");
    let program = target.join(name);
    let output = Command::new("go")
        // Writable modules, so that removing the target folder needs no chmod first.
        .args(["build", "-modcacherw", "-buildvcs=false", "-mod=readonly", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(&source)
        .env("GOCACHE", target.join("cache"))
        .env("GOMODCACHE", target.join("mod"))
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("cannot run `go` ({error}): these tests need Go 1.25 or newer in PATH"));
    assert!(
        output.status.success(),
        "`go build` in {} failed:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    program
}
