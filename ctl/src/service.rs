//! `frontierctl service`: acts as a service.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use clap::Subcommand;
use sdk::{Builder, EdgeId, EdgePresence, Limits, Service, ServiceId};

use crate::connect::{LinkArgs, reconnect, tell_state};
use crate::control::{self, ControlArgs};
use crate::failure::Failure;
use crate::output::{Fields, Output, fields};
use crate::payload::Source;
use crate::receive::ReceiveArgs;
use crate::repeat::RepeatArgs;
use crate::serve::{AT_ONCE, ServeArgs, serve};
use crate::signal::asked_to_end;
use crate::{pipe, streams};

/// What the service is, and what it does.
#[derive(Debug, clap::Args)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// Tell of the service that has this id, by the control plane
    #[arg(value_name = "ID", required = true)]
    told: Option<u64>,
    /// Where the gateway takes services
    #[arg(
        long,
        global = true,
        value_name = "HOST:PORT",
        env = "FRONTIER_SERVICE_ADDR",
        default_value = "127.0.0.1:30011"
    )]
    addr: String,
    /// Name by which edges open streams to the service
    #[arg(long, global = true, default_value = "", hide_default_value = true)]
    name: String,
    /// Ask for this id; another service that has it is driven out
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
    /// Call a method of an edge, and write the answer
    Call {
        /// Id of the edge
        edge: u64,
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
    /// Publish a message to an edge, and wait until it is accepted
    Publish {
        /// Id of the edge
        edge: u64,
        /// The message: text, @FILE, or - for standard input
        #[arg(default_value = "", hide_default_value = true)]
        payload: Source,
        /// What the message is about
        #[arg(long, default_value = "", hide_default_value = true)]
        topic: String,
        /// Bytes that accompany the message
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        custom: Source,
        #[command(flatten)]
        repeat: RepeatArgs,
    },
    /// Write the messages of these topics, one per line, and accept them
    Receive {
        /// Topics; * inside one matches any run of characters, * alone takes what nobody else takes
        #[arg(required = true)]
        topics: Vec<String>,
        #[command(flatten)]
        receive: ReceiveArgs,
        #[command(flatten)]
        edges: EdgesArgs,
    },
    /// Serve calls and streams of edges: echo them, unless told otherwise
    Serve {
        /// Methods to serve; streams are served under --name
        #[arg(required_unless_present = "name")]
        methods: Vec<String>,
        #[command(flatten)]
        serve: ServeArgs,
        #[command(flatten)]
        edges: EdgesArgs,
    },
    /// Open a stream to an edge: standard input goes in, standard output is what comes back
    Open {
        /// Id of the edge
        edge: u64,
    },
}

/// Whether coming and going is told.
#[derive(Debug, clap::Args)]
struct EdgesArgs {
    /// Tell of edges that come online and go offline, too
    #[arg(long)]
    edges: bool,
}

/// Does what the command says.
///
/// # Errors
/// See [`Failure`].
pub(crate) async fn run(args: Args, output: Output) -> Result<(), Failure> {
    let command = match (args.told, args.command) {
        (None, Some(command)) => command,
        (Some(id), None) => return control::service(id, &args.control, &args.link, output).await,
        _ => return Err(Failure::Usage("give an id or a command, not both".to_owned())),
    };
    let mut builder = args.link.apply(Service::builder(&args.addr)).name(args.name);
    if let Some(id) = args.id {
        builder = builder.service_id(ServiceId(id));
    }
    let link = Link { builder, addr: args.addr };
    match command {
        Command::Call { edge, method, payload, custom, repeat } => {
            let (payload, custom) = (payload.read()?, custom.read()?);
            let service = link.connect(repeat.is_many()).await?;
            let ask = async || {
                let call = service.call(EdgeId(edge), &method, payload.clone());
                call.custom(custom.clone()).timeout(repeat.timeout).await
            };
            let done = repeat.run(output, ask, |answer| output.payload("", answer, Fields::new())).await;
            service.close().await;
            done
        }
        Command::Publish { edge, payload, topic, custom, repeat } => {
            let (payload, custom) = (payload.read()?, custom.read()?);
            let service = link.connect(repeat.is_many()).await?;
            let ask = async || {
                let message = service.publish(EdgeId(edge), payload.clone()).topic(&topic);
                message.custom(custom.clone()).timeout(repeat.timeout).await.map(|()| sdk::Bytes::new())
            };
            let done = repeat.run(output, ask, |_| Ok(())).await;
            service.close().await;
            done
        }
        Command::Receive { topics, receive, edges } => {
            let ending = asked_to_end()?;
            let service = link.topics(topics).telling(&edges, output).connect(true).await?;
            let done = tokio::select! {
                done = receive.run(output, || service.receive()) => done,
                gone = tell_state(service.state(), "service", output) => Err(gone),
                () = ending => Ok(()),
            };
            service.close().await;
            done
        }
        Command::Serve { methods, serve, edges } => link.telling(&edges, output).serve(methods, serve, output).await,
        Command::Open { edge } => {
            let service = link.connect(false).await?;
            let done = pipe::pipe(service.open_stream(EdgeId(edge)).await?).await;
            service.close().await;
            done
        }
    }
}

/// A service that is not connected yet.
struct Link {
    builder: Builder<Service>,
    addr: String,
}

impl Link {
    fn topics(self, topics: Vec<String>) -> Self {
        Self { builder: self.builder.topics(topics), ..self }
    }

    /// Has the service told of edges, if that is wanted, and writes it down.
    fn telling(self, args: &EdgesArgs, output: Output) -> Self {
        if !args.edges {
            return self;
        }
        let builder = self.builder.on_edge_online(move |edge| ready(tell_edge("online", &edge, output)));
        Self { builder: builder.on_edge_offline(move |edge| ready(tell_edge("offline", &edge, output))), ..self }
    }

    async fn connect(self, stays: bool) -> Result<Service, Failure> {
        let connected = self.builder.reconnect(reconnect(stays)).connect().await;
        connected.map_err(|error| Failure::of_connect(&self.addr, &error))
    }

    async fn serve(mut self, methods: Vec<String>, args: ServeArgs, output: Output) -> Result<(), Failure> {
        let answer = args.answer()?;
        let served = Arc::clone(&answer);
        let handler = move |request| serve(Arc::clone(&served), output, request);
        self.builder = self.builder.limits(Limits { handlers: AT_ONCE, ..Limits::default() });
        for method in &methods {
            self.builder = self.builder.handle(method, handler.clone());
        }
        let ending = asked_to_end()?;
        let service = self.connect(true).await?;
        let done = tokio::select! {
            done = streams::serve_streams(answer, output, || service.accept_stream()) => done,
            gone = tell_state(service.state(), "service", output) => Err(gone),
            () = ending => Ok(()),
        };
        service.close().await;
        done
    }
}

fn tell_edge(what: &str, edge: &EdgePresence, output: Output) -> Result<(), Infallible> {
    let EdgePresence { edge_id, meta, addr, .. } = edge;
    let meta = String::from_utf8_lossy(meta);
    let text = format!("edge {edge_id} is {what}: {meta}, from {addr}");
    let told = fields([
        ("event", format!("edge_{what}").into()),
        ("edge", edge_id.to_string().into()),
        ("meta", meta.as_ref().into()),
        ("addr", addr.as_str().into()),
    ]);
    // An edge is let in whether or not somebody still reads our notes.
    let _ = output.note(&text, told);
    Ok(())
}
