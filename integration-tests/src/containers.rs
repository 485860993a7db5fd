//! Containers, by the command lines of Docker and compose. Needs an engine that answers: `make test-containers`.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{built, frontier_binary, target_dir};
use crate::tool::{Done, Tool};
use crate::wait::eventually_within;

/// How long a command of Docker or a change of a container may take: pulling is not among them, starting on a busy
/// machine is.
pub const ENGINE_PATIENCE: Duration = Duration::from_secs(90);

/// How long packages may take to come.
const DOWNLOAD_PATIENCE: Duration = Duration::from_secs(420);

/// The image that tests run, made of the built programs by the first that asks for it.
const IMAGE: &str = "frontier-under-test";

/// The folder of the project.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member lies below the root")
}

/// Runs `docker` with arguments that are separated by spaces; what it printed, without the last line's end.
///
/// # Panics
/// When it fails.
#[track_caller]
pub fn docker(args: &str) -> String {
    succeeds(Tool::installed("docker", args), &format!("docker {args}"))
}

#[track_caller]
fn succeeds(tool: Tool, said: &str) -> String {
    let done = tool.run_within(ENGINE_PATIENCE, b"");
    assert_eq!(done.code, 0, "`{said}`: {}{}", done.text(), done.err);
    done.text().trim_end().to_owned()
}

/// An image that a script of `compose/offline` makes from Debian packages.
///
/// # Panics
/// When it cannot be made.
#[track_caller]
pub fn stand_in(script: &str, name: &str) {
    let script = root().join("compose/offline").join(script);
    let tool = Tool::installed(&script.display().to_string(), name)
        .env("CARGO_TARGET_DIR", &target_dir().display().to_string());
    let done = tool.run_within(DOWNLOAD_PATIENCE, b"");
    assert_eq!(done.code, 0, "{}: {}", script.display(), done.err);
}

/// The image of the Dockerfile's stage `prebuilt` with the built `frontier` and `frontierctl`. What it stands on is the
/// image that `FRONTIER_RUN_IMAGE` names, else one that is made from Debian packages.
///
/// # Panics
/// When a program is missing or the image cannot be built.
#[must_use]
#[track_caller]
pub fn image() -> &'static str {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let below = std::env::var("FRONTIER_RUN_IMAGE").unwrap_or_else(|_| {
            let name = format!("{IMAGE}-base");
            stand_in("run-image.sh", &name);
            name
        });
        // The one of last time would stay without a name; there may be none.
        let _ = Tool::installed("docker", &format!("image rm --force {IMAGE}")).run_within(ENGINE_PATIENCE, b"");
        let context = context();
        let dockerfile = root().join("Dockerfile");
        let build = format!("build --target prebuilt --build-arg RUN_IMAGE={below} --tag {IMAGE} --file");
        let tool = Tool::installed("docker", &build).arg(&dockerfile.display().to_string());
        succeeds(tool.arg(&context.path().display().to_string()), &build);
    });
    IMAGE
}

/// What the stage `prebuilt` takes, where the Dockerfile expects it.
fn context() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let put = |from: &Path, to: &str| {
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().expect("a file lies in a folder")).expect("a folder can be made");
        fs::copy(from, &to).unwrap_or_else(|error| panic!("{} cannot be copied: {error}", from.display()));
    };
    put(&root().join("etc/frontier.yaml"), "etc/frontier.yaml");
    put(&frontier_binary(), "bin/frontier");
    put(&built("frontierctl", "frontier-ctl"), "bin/frontierctl");
    folder
}

/// A folder that other users can read, as containers do, with one file in it.
#[must_use]
pub fn mountable(name: &str, content: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("the folder is ours");
    let file = folder.path().join(name);
    fs::write(&file, content).expect("a temporary file can be written");
    (folder, file)
}

/// A container that was started. Dropping it removes it; a test that fails prints its log.
#[derive(Debug)]
pub struct Container {
    id: String,
}

impl Container {
    /// `docker run --detach` with arguments that are separated by spaces.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn run(args: &str) -> Self {
        Self { id: docker(&format!("run --detach {args}")) }
    }

    /// As [`Container::run`], with one more argument, which may hold spaces.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn run_with(args: &str, last: &str) -> Self {
        let run = format!("run --detach {args}");
        Self { id: succeeds(Tool::installed("docker", &run).arg(last), &run) }
    }

    /// The container of this id, which is removed with the others.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self { id: id.to_owned() }
    }

    /// A field of `docker inspect`, as a template tells it.
    #[must_use]
    #[track_caller]
    pub fn inspect(&self, template: &str) -> String {
        let tool = Tool::installed("docker", "inspect --format").arg(template).arg(&self.id);
        succeeds(tool, "docker inspect")
    }

    /// Waits until its health check says `wanted`: `healthy` or `unhealthy`.
    ///
    /// # Panics
    /// When it ends, or does not say so.
    #[track_caller]
    pub fn becomes(&self, wanted: &str) {
        eventually_within(ENGINE_PATIENCE, &format!("the container is {wanted}"), || {
            let state = self.inspect("{{.State.Status}} {{.State.Health.Status}}");
            assert!(state.starts_with("running"), "{state}");
            state.ends_with(&format!(" {wanted}")).then_some(())
        });
    }

    /// Where a port of the container can be reached.
    #[must_use]
    #[track_caller]
    pub fn published(&self, port: u16) -> SocketAddr {
        let said = docker(&format!("port {} {port}", self.id));
        let first = said.lines().next().unwrap_or_default();
        first.parse().unwrap_or_else(|_| panic!("port {port} is published at {said:?}"))
    }

    /// All that it has said.
    #[must_use]
    #[track_caller]
    pub fn log(&self) -> String {
        let done = Tool::installed("docker", &format!("logs {}", self.id)).run_within(ENGINE_PATIENCE, b"");
        format!("{}{}", String::from_utf8_lossy(&done.out), done.err)
    }

    /// Waits for a line of its log that contains `part`.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn logs(&self, part: &str) {
        eventually_within(ENGINE_PATIENCE, &format!("a log line with {part:?}"), || {
            self.log().contains(part).then_some(())
        });
    }

    /// Runs a program in the container, with arguments that are separated by spaces.
    #[must_use]
    #[track_caller]
    pub fn exec(&self, line: &str) -> Done {
        Tool::installed("docker", &format!("exec {} {line}", self.id)).run_within(ENGINE_PATIENCE, b"")
    }

    /// Runs a line of a shell in the container, in its working folder.
    #[must_use]
    #[track_caller]
    pub fn shell(&self, line: &str) -> Done {
        let shell = Tool::installed("docker", &format!("exec {} sh -c", self.id));
        shell.arg(line).run_within(ENGINE_PATIENCE, b"")
    }

    /// Copies a file or folder of this machine to a path in the container, whose folder is there.
    #[track_caller]
    pub fn put(&self, from: &Path, to: &str) {
        let copy = Tool::installed("docker", "cp").arg(&from.display().to_string()).arg(&format!("{}:{to}", self.id));
        succeeds(copy, "docker cp");
    }

    /// `docker kill -s`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        docker(&format!("kill --signal {name} {}", self.id));
    }

    /// `docker stop` with this time to end; how it ended.
    #[must_use]
    #[track_caller]
    pub fn stop(&self, grace: Duration) -> i32 {
        docker(&format!("stop --time {} {}", grace.as_secs(), self.id));
        self.exit_code()
    }

    /// How it ended. 137 is a kill.
    #[must_use]
    #[track_caller]
    pub fn exit_code(&self) -> i32 {
        let state = self.inspect("{{.State.Status}} {{.State.ExitCode}}");
        let code = state.strip_prefix("exited ").and_then(|code| code.parse().ok());
        code.unwrap_or_else(|| panic!("the container is {state:?}"))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("log of the container {}:\n{}", self.id, self.log());
        }
        // One that is gone already is as good.
        let _ =
            Tool::installed("docker", &format!("rm --force --volumes {}", self.id)).run_within(ENGINE_PATIENCE, b"");
    }
}

/// The compose files that have all services which a README's line starts.
const FILES: &str = "docker compose -f compose/compose.yaml -f compose/brokers.yaml";

/// Compose files, by `docker compose` or by `docker-compose`, as a project of this test's own. Dropping it takes all of the
/// project away.
#[derive(Debug)]
pub struct Compose {
    plugin: bool,
    variables: Vec<(String, String)>,
}

impl Compose {
    /// `variables` are those that the files ask for.
    #[must_use]
    pub fn new(variables: &[(&str, &str)]) -> Self {
        let plugin = Tool::installed("docker", "compose version").run_within(ENGINE_PATIENCE, b"").code == 0;
        let own = [("COMPOSE_PROJECT_NAME".to_owned(), format!("frontier-test-{}", std::process::id()))];
        let given = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { plugin, variables: own.into_iter().chain(given).collect() }
    }

    /// Runs a line as it stands in the README, `docker compose …`, in the folder of the project.
    #[must_use]
    #[track_caller]
    pub fn runs(&self, line: &str) -> Done {
        let program = if self.plugin { "docker compose" } else { "docker-compose" };
        let line = line.replacen("docker compose", program, 1);
        let shell = Tool::installed("sh", "-c").arg(&line).within(root());
        let shell = self.variables.iter().fold(shell, |shell, (name, value)| shell.env(name, value));
        shell.run_within(ENGINE_PATIENCE, b"")
    }

    /// The container of a service.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn container(&self, service: &str) -> Container {
        let done = self.runs(&format!("{FILES} ps -q {service}"));
        let id = done.text().trim();
        assert!(!id.is_empty() && id.lines().count() == 1, "the containers of {service}: {id:?}: {}", done.err);
        Container::of(id)
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        let _ = self.runs(&format!("{FILES} --profile example down --timeout 5 --volumes"));
    }
}
