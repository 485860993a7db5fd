//! From arguments to an exit code: 0 when the gateway ran and stopped, 2 for wrong usage, 64 for a configuration that
//! cannot be used (then nothing was bound), 1 for everything else. What went wrong is one line on standard error.

mod args;
mod telemetry;

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use config::{Config, ConfigError, Origin};
use tracing::{info, warn};

use args::Args;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const BAD_CONFIG: u8 = 64;

fn main() -> ExitCode {
    let args = Args::parse();
    let config = match configuration(&args) {
        Ok(config) => config,
        Err(error @ ConfigError::Override { origin: Origin::Flag(_), .. }) => return refuse(USAGE, &error),
        Err(error) => return refuse(BAD_CONFIG, &error),
    };
    if let Err(error) = telemetry::init(&config.log) {
        return refuse(FAILED, &error);
    }
    match serve(&args, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(FAILED, &format!("{error:#}")),
    }
}

fn configuration(args: &Args) -> Result<Config, ConfigError> {
    let mut config = match args.config_file() {
        Some(file) => Config::load(file)?,
        None => Config::default(),
    };
    config::apply(&mut config, variable, &args.overrides())?;
    Ok(config)
}

/// A variable of the environment. One that is not UTF-8 is changed rather than hidden: so it is refused by its name.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn serve(args: &Args, config: Config) -> anyhow::Result<()> {
    match args.config_file() {
        Some(file) => info!("configuration read from {}", file.display()),
        None => info!("started without --config: conventional ports, edge ids are given out here"),
    }
    if let Some(number) = args.open_files() {
        warn!(number, "--daemon-rlimit-nofile is accepted and not applied: set the limit where the gateway is started");
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime cannot be started")?;
    let ended = runtime.block_on(frontier_gateway::run(config, drain_window()));
    // All that had to be finished is: what still blocks a thread, a look-up of a name perhaps, is not waited for.
    runtime.shutdown_background();
    ended
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
