//! What operators do: who is online, how it goes, whom to kick. Over gRPC, by the gateway's control plane.

mod client;
mod kick;
mod lists;
mod profile;
mod table;
mod told;
mod top;

use std::path::PathBuf;

use clap::Subcommand;

pub(crate) use client::Client;

use crate::connect::LinkArgs;
use crate::failure::Failure;
use crate::output::Output;

/// Where the control plane is, and who asks. A flag comes before the environment, and that before the profile.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Control plane")]
pub(crate) struct ControlArgs {
    /// Where the control plane is [profile: endpoint] [default: 127.0.0.1:30010]
    #[arg(long, global = true, value_name = "HOST:PORT", env = "FRONTIER_CONTROL_ADDR")]
    endpoint: Option<String>,
    /// The token to show; other programs of this machine can read it on the command line [profile: token]
    #[arg(long, global = true, value_name = "TOKEN", env = "FRONTIER_CONTROL_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file that holds the token [profile: token_file]
    #[arg(long, global = true, value_name = "FILE", env = "FRONTIER_CONTROL_TOKEN_FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// A file of lines `key = value` [default: frontier/profile in $XDG_CONFIG_HOME or ~/.config, if it is there]
    #[arg(long, global = true, value_name = "FILE", env = "FRONTIER_PROFILE")]
    profile: Option<PathBuf>,
}

/// What to ask, and whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Args<C: clap::Args> {
    #[command(flatten)]
    pub(crate) what: C,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
    #[command(flatten)]
    pub(crate) link: LinkArgs,
}

impl<C: clap::Args> Args<C> {
    /// A client, and what to ask by it.
    ///
    /// # Errors
    /// The control plane cannot be reached, or what leads there is not usable.
    async fn connect(self) -> Result<(Client, C), Failure> {
        Ok((client::connect(&self.control, &self.link).await?, self.what))
    }
}

/// What is asked of the control plane.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the edges that are online, or count them
    Edges(Args<lists::EdgesArgs>),
    /// List the services that are online, or count them
    Services(Args<lists::ServicesArgs>),
    /// List the topics that services take
    Topics(Args<lists::TopicsArgs>),
    /// List the bridges with their state and counters
    Bridges(Args<Nothing>),
    /// List links that have ended, the youngest first
    Closed(Args<told::ClosedArgs>),
    /// End the link of an edge or service, which may come back
    Kick(Args<kick::KickArgs>),
    /// Tell what the gateway is, and what has come and gone
    Info(Args<Nothing>),
    /// Show over and over what goes on
    Top(Args<top::TopArgs>),
}

/// No arguments of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Nothing {}

/// Does what the command says.
///
/// # Errors
/// See [`Failure`].
pub(crate) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Edges(args) => {
            let (client, what) = args.connect().await?;
            lists::edges(client, what, output).await
        }
        Command::Services(args) => {
            let (client, what) = args.connect().await?;
            lists::services(client, what, output).await
        }
        Command::Topics(args) => {
            let (client, what) = args.connect().await?;
            lists::topics(client, what, output).await
        }
        Command::Bridges(args) => told::bridges(args.connect().await?.0, output).await,
        Command::Closed(args) => {
            let (client, what) = args.connect().await?;
            told::closed(client, &what, output).await
        }
        Command::Kick(args) => {
            let (client, what) = args.connect().await?;
            kick::kick(client, what, output).await
        }
        Command::Info(args) => told::info(args.connect().await?.0, output).await,
        Command::Top(args) => {
            let (client, what) = args.connect().await?;
            top::top(client, &what, output).await
        }
    }
}

/// Tells of one edge.
///
/// # Errors
/// See [`Failure`].
pub(crate) async fn edge(id: u64, control: &ControlArgs, link: &LinkArgs, output: Output) -> Result<(), Failure> {
    told::edge(client::connect(control, link).await?, id, output).await
}

/// Tells of one service.
///
/// # Errors
/// See [`Failure`].
pub(crate) async fn service(id: u64, control: &ControlArgs, link: &LinkArgs, output: Output) -> Result<(), Failure> {
    told::service(client::connect(control, link).await?, id, output).await
}
