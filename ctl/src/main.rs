//! `frontierctl`: acts as an edge or a service of a Frontier gateway, and asks its control plane, from a terminal or a script.
//!
//! One file per group of commands: `edge`, `service`, and the folder `control`. What the first two do alike is in the others.

mod connect;
mod control;
mod edge;
mod failure;
mod output;
mod payload;
mod pipe;
mod receive;
mod repeat;
mod serve;
mod service;
mod signal;
mod streams;

use std::future::Future;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output::{Output, OutputArgs};

/// Acts as an edge or a service of a Frontier gateway: calls, publishes, receives, serves, opens streams. Asks its control plane who is online, and kicks.
#[derive(Debug, Parser)]
#[command(name = "frontierctl", version, after_help = failure::EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    output: OutputArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Act as an edge; with an id, tell of the edge that has it
    Edge(edge::Args),
    /// Act as a service; with an id, tell of the service that has it
    Service(service::Args),
    #[command(flatten)]
    Control(control::Command),
    /// Write completions for a shell to standard output
    Completions {
        /// The shell
        shell: Shell,
    },
}

fn main() -> ExitCode {
    // Wrong usage ends in here, with exit code 2.
    let cli = Cli::parse();
    let output = Output::new(&cli.output);
    let done = match cli.command {
        Command::Edge(args) => block_on(edge::run(args, output)),
        Command::Service(args) => block_on(service::run(args, output)),
        Command::Control(command) => block_on(control::run(command, output)),
        Command::Completions { shell } => complete(shell, output),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failed(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Local(format!("cannot start: {error}")))?;
    let done = runtime.block_on(command);
    // A thread that waits for standard input would keep the runtime until the next key.
    runtime.shutdown_background();
    done
}

fn complete(shell: Shell, output: Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "frontierctl", &mut script);
    output.bytes(&script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
