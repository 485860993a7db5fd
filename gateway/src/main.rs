//! From arguments to an exit code: 0 when the gateway ran and stopped, 2 for wrong usage, 64 for a configuration that
//! cannot be used (then nothing was bound), 1 for everything else. What went wrong is one line on standard error.

mod args;
mod open_files;
mod probe;
mod routes;
mod telemetry;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bridges::Attempt;
use clap::Parser;
use config::{ConfigError, Loaded, Origin};
use frontier_gateway::Process;
use tokio::runtime::Runtime;
use tracing::{info, warn};

use args::{Args, Check, Command, Form, Probe, RouteTest, Routes, Source};
use telemetry::Telemetry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const BAD_CONFIG: u8 = 64;

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.command {
        None => run(&args.source),
        Some(Command::Check(asked)) => check(asked),
        Some(Command::Schema(form)) => schema(form),
        Some(Command::Routes(Routes::Test(test))) => test_route(test),
        Some(Command::Health(probe)) => health(probe),
    }
}

fn run(source: &Source) -> ExitCode {
    let loaded = match load(source) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let (telemetry, writers) = match telemetry::start(&loaded.config.log) {
        Ok(started) => started,
        Err(error) => return refuse(FAILED, &error),
    };
    let served = serve(source, loaded, telemetry);
    // What is logged until here stands in front of what follows.
    drop(writers);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(FAILED, &format!("{error:#}")),
    }
}

/// Says whether a gateway would start, and with what; or whether its brokers can be had.
fn check(Check { connect, source }: &Check) -> ExitCode {
    match load(source) {
        Ok(Loaded { config, warnings }) => {
            warnings.iter().for_each(|warning| eprintln!("frontier: warning: {warning}"));
            if let Err(error) = runtime().and_then(|runtime| Ok(runtime.block_on(dao::check(&config.dao))?)) {
                return refuse(FAILED, &format!("{error:#}"));
            }
            if *connect { try_brokers(&config) } else { print(&config.to_yaml()) }
        }
        Err(code) => code,
    }
}

/// Connects to every broker, and says what came of it, a line each.
fn try_brokers(config: &config::Config) -> ExitCode {
    let attempts = runtime().map(|runtime| runtime.block_on(bridges::attempt(&config.all_bridges())));
    match attempts {
        Ok(Ok(attempts)) => {
            let printed = print(&attempts.iter().map(told).collect::<String>());
            let failed = attempts.iter().any(|attempt| attempt.outcome.is_err());
            if failed { ExitCode::from(FAILED) } else { printed }
        }
        Ok(Err(error)) => refuse(BAD_CONFIG, &error),
        Err(error) => refuse(FAILED, &format!("{error:#}")),
    }
}

fn told(Attempt { bridge, target, outcome }: &Attempt) -> String {
    match outcome {
        Ok(()) => format!("bridge {bridge:?} ({target}): connected\n"),
        Err(error) => format!("bridge {bridge:?} ({target}): {error}\n"),
    }
}

fn test_route(test: &RouteTest) -> ExitCode {
    match load(&test.source) {
        Ok(Loaded { config, .. }) => print(&routes::explain(&config.all_bridges(), test)),
        Err(code) => code,
    }
}

fn schema(form: &Form) -> ExitCode {
    match form {
        Form { markdown: true, .. } => print(&config::markdown()),
        Form { sample: true, .. } => print(&config::sample()),
        Form { .. } => print(&config::schema()),
    }
}

fn health(Probe { addr, ready }: &Probe) -> ExitCode {
    match probe::ask(addr, if *ready { "/readyz" } else { "/healthz" }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(FAILED, &format!("{:#}", anyhow::Error::from(error))),
    }
}

fn load(source: &Source) -> Result<Loaded, ExitCode> {
    let loaded = config::load(&source.request(), variable).map_err(|error| match error {
        ConfigError::Override { origin: Origin::Flag(_), .. } => refuse(USAGE, &error),
        error => refuse(BAD_CONFIG, &error),
    })?;
    match frontier_gateway::check(&loaded.config) {
        Ok(()) => Ok(loaded),
        Err(error) => Err(refuse(BAD_CONFIG, &format!("{:#}", anyhow::Error::from(error)))),
    }
}

/// A variable of the environment. One that is not UTF-8 is changed rather than hidden: so it is refused by its name.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn serve(source: &Source, Loaded { config, warnings }: Loaded, telemetry: Telemetry) -> anyhow::Result<()> {
    match source.file() {
        Some(file) => info!("configuration read from {}", file.display()),
        None => info!("started without --config: conventional ports, edge ids are given out here"),
    }
    warnings.iter().for_each(|warning| warn!("{warning}"));
    open_files::raise(&config.daemon.rlimit);
    let process = Arc::new(Surroundings { source: source.clone(), telemetry });
    let runtime = runtime()?;
    let ended = runtime.block_on(frontier_gateway::run(config, drain_window(), process));
    // All that had to be finished is: what still blocks a thread, a look-up of a name perhaps, is not waited for.
    runtime.shutdown_background();
    ended
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime cannot be started")
}

/// This process, as the gateway in it sees it.
struct Surroundings {
    source: Source,
    telemetry: Telemetry,
}

impl Process for Surroundings {
    fn configuration(&self) -> Result<Loaded, ConfigError> {
        config::load(&self.source.request(), variable)
    }

    fn log(&self, log: &config::Log) {
        self.telemetry.set_level(log.level);
        self.telemetry.reopen();
    }

    fn lost_log_lines(&self) -> u64 {
        self.telemetry.lost_lines()
    }
}

fn drain_window() -> Duration {
    config::drain_window(variable).unwrap_or_else(|error| {
        warn!("{error}");
        config::DEFAULT_DRAIN
    })
}

fn refuse(code: u8, error: &dyn Display) -> ExitCode {
    eprintln!("frontier: {error}");
    ExitCode::from(code)
}

fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(FAILED, &format!("standard output cannot be written: {error}")),
    }
}
