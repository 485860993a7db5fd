//! `frontierctl edge`: acts as an edge.

use std::sync::Arc;

use clap::Subcommand;
use sdk::{Builder, Edge, EdgeId, Limits};

use crate::connect::{LinkArgs, reconnect, tell_state};
use crate::control::{self, ControlArgs};
use crate::failure::Failure;
use crate::output::{Fields, Output};
use crate::payload::Source;
use crate::receive::ReceiveArgs;
use crate::repeat::RepeatArgs;
use crate::serve::{AT_ONCE, ServeArgs, serve};
use crate::signal::asked_to_end;
use crate::{pipe, streams};

/// What the edge is, and what it does.
#[derive(Debug, clap::Args)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// Tell of the edge that has this id, by the control plane
    #[arg(value_name = "ID", required = true)]
    told: Option<u64>,
    /// Where the gateway takes edges: HOST:PORT, or ws://HOST:PORT/PATH or wss://HOST:PORT/PATH
    #[arg(long, global = true, value_name = "ADDRESS", env = "FRONTIER_EDGE_ADDR", default_value = "127.0.0.1:30012")]
    addr: String,
    /// What the edge says about itself: text, @FILE, or - for standard input
    #[arg(long, global = true, value_name = "TEXT", default_value = "")]
    meta: Source,
    /// Ask for this id; most gateways let a service decide instead
    #[arg(long, global = true)]
    id: Option<u64>,
    #[command(flatten)]
    link: LinkArgs,
    #[command(flatten)]
    control: ControlArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Call a method of whichever service offers it, and write the answer
    Call {
        /// The method
        method: String,
        /// The argument: text, @FILE, or - for standard input
        #[arg(default_value = "", hide_default_value = true)]
        payload: Source,
        /// Bytes that accompany the argument
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        custom: Source,
        #[command(flatten)]
        repeat: RepeatArgs,
    },
    /// Publish a message by topic, and wait until it is accepted
    Publish {
        /// The topic
        topic: String,
        /// The message: text, @FILE, or - for standard input
        #[arg(default_value = "", hide_default_value = true)]
        payload: Source,
        /// Bytes that accompany the message
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        custom: Source,
        #[command(flatten)]
        repeat: RepeatArgs,
    },
    /// Write the messages that services send, one per line, and accept them
    Listen(ReceiveArgs),
    /// Serve calls and streams of services: echo them, unless told otherwise
    Serve {
        /// Methods to serve; without any, every method
        methods: Vec<String>,
        #[command(flatten)]
        serve: ServeArgs,
    },
    /// Open a stream to a service: standard input goes in, standard output is what comes back
    Open {
        /// Name of the service
        service: String,
    },
}

/// Does what the command says.
///
/// # Errors
/// See [`Failure`].
pub(crate) async fn run(args: Args, output: Output) -> Result<(), Failure> {
    let command = match (args.told, args.command) {
        (None, Some(command)) => command,
        (Some(id), None) => return control::edge(id, &args.control, &args.link, output).await,
        _ => return Err(Failure::Usage("give an id or a command, not both".to_owned())),
    };
    let mut builder = args.link.apply(Edge::builder(&args.addr)).meta(args.meta.read()?);
    if let Some(id) = args.id {
        builder = builder.edge_id(EdgeId(id));
    }
    let link = Link { builder, addr: args.addr };
    match command {
        Command::Call { method, payload, custom, repeat } => {
            let (payload, custom) = (payload.read()?, custom.read()?);
            let edge = link.connect(repeat.is_many()).await?;
            let ask = async || edge.call(&method, payload.clone()).custom(custom.clone()).timeout(repeat.timeout).await;
            let done = repeat.run(output, ask, |answer| output.payload("", answer, Fields::new())).await;
            edge.close().await;
            done
        }
        Command::Publish { topic, payload, custom, repeat } => {
            let (payload, custom) = (payload.read()?, custom.read()?);
            let edge = link.connect(repeat.is_many()).await?;
            let ask = async || {
                let message = edge.publish(&topic, payload.clone()).custom(custom.clone()).timeout(repeat.timeout);
                message.await.map(|()| sdk::Bytes::new())
            };
            let done = repeat.run(output, ask, |_| Ok(())).await;
            edge.close().await;
            done
        }
        Command::Listen(receive) => {
            let ending = asked_to_end()?;
            let edge = link.connect(true).await?;
            let done = tokio::select! {
                done = receive.run(output, || edge.receive()) => done,
                gone = tell_state(edge.state(), "edge", output) => Err(gone),
                () = ending => Ok(()),
            };
            edge.close().await;
            done
        }
        Command::Serve { methods, serve } => link.serve(methods, serve, output).await,
        Command::Open { service } => {
            let edge = link.connect(false).await?;
            let done = pipe::pipe(edge.open_stream(&service).await?).await;
            edge.close().await;
            done
        }
    }
}

/// An edge that is not connected yet.
struct Link {
    builder: Builder<Edge>,
    addr: String,
}

impl Link {
    async fn connect(self, stays: bool) -> Result<Edge, Failure> {
        let connected = self.builder.reconnect(reconnect(stays)).connect().await;
        connected.map_err(|error| Failure::of_connect(&self.addr, &error))
    }

    async fn serve(mut self, methods: Vec<String>, args: ServeArgs, output: Output) -> Result<(), Failure> {
        let answer = args.answer()?;
        let served = Arc::clone(&answer);
        let handler = move |request| serve(Arc::clone(&served), output, request);
        let limits = Limits { handlers: AT_ONCE, ..Limits::default() };
        self.builder = self.builder.limits(limits);
        self.builder = match &methods[..] {
            [] => self.builder.handle_any(handler),
            methods => methods.iter().fold(self.builder, |builder, method| builder.handle(method, handler.clone())),
        };
        let ending = asked_to_end()?;
        let edge = self.connect(true).await?;
        let done = tokio::select! {
            done = streams::serve_streams(answer, output, || edge.accept_stream()) => done,
            gone = tell_state(edge.state(), "edge", output) => Err(gone),
            () = ending => Ok(()),
        };
        edge.close().await;
        done
    }
}
