//! The chat room: gives users their ids, turns away whoever comes with a name that is taken, and passes on what each of them
//! says to all others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sdk::{Bytes, EdgeId, EdgePresence, Error, Message, Service};

use crate::chat::{Chat, TOPIC};

/// Most messages on their way to users: above it nothing more is taken from the gateway, which slows the speakers down.
const UNDER_WAY: usize = 4096;

/// A chat room that is open.
#[derive(Debug)]
pub struct Room {
    service: Service,
    users: Arc<Users>,
}

/// Who is in the room.
#[derive(Debug, Default)]
struct Users(Mutex<HashMap<EdgeId, String>>);

impl Users {
    fn names(&self) -> MutexGuard<'_, HashMap<EdgeId, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, edge: &EdgePresence) -> Result<(), &'static str> {
        let name = String::from_utf8_lossy(&edge.meta).into_owned();
        let mut names = self.names();
        if name.is_empty() {
            return Err("a user needs a name");
        }
        if names.iter().any(|(id, taken)| *taken == name && *id != edge.edge_id) {
            println!("> {name} is turned away, the name is taken (from {})", edge.addr);
            return Err("user exists");
        }
        println!("> {name} comes in from {}", edge.addr);
        names.insert(edge.edge_id, name);
        Ok(())
    }

    fn leave(&self, edge: &EdgePresence) -> Result<(), &'static str> {
        if let Some(name) = self.names().remove(&edge.edge_id) {
            println!("> {name} leaves");
        }
        Ok(())
    }

    /// What `message` says, by whom, and who is to hear it.
    fn hear(&self, message: &Message) -> (Chat, Vec<EdgeId>) {
        let speaker = message.edge_id.unwrap_or_default();
        let names = self.names();
        let user = names.get(&speaker).map_or("unknown", String::as_str).to_owned();
        let others = names.keys().copied().filter(|id| *id != speaker).collect();
        (Chat { user, msg: String::from_utf8_lossy(&message.payload).into_owned() }, others)
    }
}

impl Room {
    /// Opens a room at the gateway that takes services at `address`, and says so.
    ///
    /// # Errors
    /// The gateway cannot be joined.
    pub async fn open(address: &str) -> Result<Self, Error> {
        let users = Arc::new(Users::default());
        let (coming, going) = (Arc::clone(&users), Arc::clone(&users));
        let ids = Arc::new(AtomicU64::new(first_id()));
        let service = Service::builder(address)
            .name(TOPIC)
            .topics([TOPIC])
            .on_get_edge_id(move |_meta| {
                let id = EdgeId(ids.fetch_add(1, Ordering::Relaxed));
                async move { Ok::<_, &str>(id) }
            })
            .on_edge_online(move |edge| std::future::ready(coming.enter(&edge)))
            .on_edge_offline(move |edge| std::future::ready(going.leave(&edge)))
            .connect()
            .await?;
        println!("> the chat room is open");
        Ok(Self { service, users })
    }

    /// Passes on all that is said, until the link to the gateway is closed. Messages leave in order, and a user who is slow to
    /// take them holds up nobody.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn pass_on(&self) -> Result<(), Error> {
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                message = self.service.receive(), if under_way.len() < UNDER_WAY => {
                    let message = message?;
                    let (chat, others) = self.users.hear(&message);
                    message.ack();
                    println!("[{:>10}]: {}", chat.user, chat.msg);
                    let json = Bytes::from(serde_json::to_vec(&chat).expect("two strings are always JSON"));
                    for user in others {
                        under_way.push(self.tell(user, json.clone()));
                    }
                }
                Some(()) = under_way.next() => {}
            }
        }
    }

    async fn tell(&self, user: EdgeId, json: Bytes) {
        if let Err(error) = self.service.publish(user, json).await {
            println!("> edge {user} did not hear it: {error}");
        }
    }

    /// Takes leave of the gateway.
    pub async fn close(self) {
        self.service.close().await;
    }
}

/// A service that is started anew must not give out ids that users of its predecessor still have.
fn first_id() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() << 20
}
