//! The service of a chat room: gives users their ids, turns away whoever comes with a name that is taken, and passes on what
//! each of them says to all others. The users come with `chatroom_client`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Parser;
use frontier_examples::chat::{Chat, TOPIC};
use frontier_examples::{Network, asked_to_end};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sdk::{Bytes, EdgeId, EdgePresence, Error, Message, Service};

/// Most messages on their way to users: above it nothing more is taken from the gateway, which slows the speakers down.
const UNDER_WAY: usize = 4096;

/// The service of a chat room.
#[derive(Debug, Parser)]
struct Args {
    /// Network of the gateway
    #[arg(long, value_enum, default_value = "tcp")]
    network: Network,
    /// Where the gateway takes services
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:30011")]
    address: String,
}

/// Who is in the room.
#[derive(Debug, Default)]
struct Room(Mutex<HashMap<EdgeId, String>>);

impl Room {
    fn users(&self) -> MutexGuard<'_, HashMap<EdgeId, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, edge: &EdgePresence) -> Result<(), &'static str> {
        let name = String::from_utf8_lossy(&edge.meta).into_owned();
        let mut users = self.users();
        if name.is_empty() {
            return Err("a user needs a name");
        }
        if users.iter().any(|(id, taken)| *taken == name && *id != edge.edge_id) {
            println!("> {name} is turned away, the name is taken (from {})", edge.addr);
            return Err("user exists");
        }
        println!("> {name} comes in from {}", edge.addr);
        users.insert(edge.edge_id, name);
        Ok(())
    }

    fn leave(&self, edge: &EdgePresence) -> Result<(), &'static str> {
        if let Some(name) = self.users().remove(&edge.edge_id) {
            println!("> {name} leaves");
        }
        Ok(())
    }

    /// What `message` says, by whom, and who is to hear it.
    fn hear(&self, message: &Message) -> (Chat, Vec<EdgeId>) {
        let speaker = message.edge_id.unwrap_or_default();
        let users = self.users();
        let user = users.get(&speaker).map_or("unknown", String::as_str).to_owned();
        let others = users.keys().copied().filter(|id| *id != speaker).collect();
        (Chat { user, msg: String::from_utf8_lossy(&message.payload).into_owned() }, others)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Args { network: Network::Tcp, address } = Args::parse();
    let ending = asked_to_end()?;
    let room = Arc::new(Room::default());
    let (coming, going) = (Arc::clone(&room), Arc::clone(&room));
    let ids = Arc::new(AtomicU64::new(first_id()));
    let service = Service::builder(&address)
        .name(TOPIC)
        .topics([TOPIC])
        .on_get_edge_id(move |_meta| {
            let id = EdgeId(ids.fetch_add(1, Ordering::Relaxed));
            async move { Ok::<_, &str>(id) }
        })
        .on_edge_online(move |edge| std::future::ready(coming.enter(&edge)))
        .on_edge_offline(move |edge| std::future::ready(going.leave(&edge)))
        .connect()
        .await
        .with_context(|| format!("cannot join the gateway at {address}"))?;
    println!("> the chat room is open");
    tokio::select! {
        closed = pass_on(&service, &room) => closed?,
        () = ending => {}
    }
    service.close().await;
    Ok(())
}

/// Passes on all that is said. Messages leave in order, and a user who is slow to take them holds up nobody.
async fn pass_on(service: &Service, room: &Room) -> Result<(), Error> {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            message = service.receive(), if under_way.len() < UNDER_WAY => {
                let message = message?;
                let (chat, others) = room.hear(&message);
                message.ack();
                println!("[{:>10}]: {}", chat.user, chat.msg);
                let json = Bytes::from(serde_json::to_vec(&chat).expect("two strings are always JSON"));
                for user in others {
                    under_way.push(tell(service, user, json.clone()));
                }
            }
            Some(()) = under_way.next() => {}
        }
    }
}

async fn tell(service: &Service, user: EdgeId, json: Bytes) {
    if let Err(error) = service.publish(user, json).await {
        println!("> edge {user} did not hear it: {error}");
    }
}

/// A service that is started anew must not give out ids that users of its predecessor still have.
fn first_id() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() << 20
}
