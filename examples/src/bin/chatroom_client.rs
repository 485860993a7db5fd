//! A user of the chat room: says what is typed, shows what others say. Ctrl-D leaves. `chatroom_service` is the other side.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use frontier_examples::Network;
use frontier_examples::chat::{Chat, TOPIC};
use sdk::{Edge, Error, Reconnect};
use tokio::sync::mpsc;

/// A user of the chat room.
#[derive(Debug, Parser)]
struct Args {
    /// Network of the gateway
    #[arg(long, value_enum, default_value = "tcp")]
    network: Network,
    /// Where the gateway takes edges
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:30012")]
    address: String,
    /// Name under which to join
    #[arg(long, default_value = "alice")]
    name: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Args { network: Network::Tcp, address, name } = Args::parse();
    match chat(&address, name).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Closed) => {
            eprintln!("the link to the gateway is gone");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn chat(address: &str, name: String) -> Result<(), Error> {
    let edge = Edge::builder(address).meta(name.clone()).reconnect(Reconnect::Never).connect().await?;
    eprintln!("you are in the room as {name}; Ctrl-D leaves it");
    let done = tokio::select! {
        done = speak(&edge) => done,
        done = listen(&edge) => done,
    };
    edge.close().await;
    done
}

/// Says every line of standard input, to its end.
async fn speak(edge: &Edge) -> Result<(), Error> {
    let mut lines = lines();
    prompt();
    while let Some(line) = lines.recv().await {
        match edge.publish(TOPIC, line).await {
            Ok(()) => {}
            Err(Error::Closed) => return Err(Error::Closed),
            Err(error) => println!("nobody heard that: {error}"),
        }
        prompt();
    }
    Ok(())
}

/// Shows what others say.
async fn listen(edge: &Edge) -> Result<(), Error> {
    loop {
        let message = edge.receive().await?;
        match serde_json::from_slice::<Chat>(&message.payload) {
            Ok(Chat { user, msg }) => {
                message.ack();
                let over_the_prompt = if is_terminal() { "\r\x1b[2K" } else { "" };
                println!("{over_the_prompt}[{user:>10}]: {msg}");
                prompt();
            }
            Err(error) => message.reject(format!("no chat message: {error}")),
        }
    }
}

/// Lines as they are typed. The thread that waits for them ends with the process.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

fn prompt() {
    if is_terminal() {
        print!(">>> ");
        // A terminal that is gone ends standard input too.
        let _ = std::io::stdout().flush();
    }
}
