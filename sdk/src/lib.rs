//! Write *edges* and *services* for the Frontier gateway in async Rust.
//!
//! Both dial the gateway and stay connected. Through it a service calls methods of an edge, publishes messages to it and
//! opens byte streams to it; an edge does the same towards services, by method, topic and service name.
//!
//! ```no_run
//! use std::convert::Infallible;
//! use sdk::{Edge, Request, Service};
//!
//! # async fn run() -> Result<(), sdk::Error> {
//! let service = Service::builder("127.0.0.1:30011")
//!     .name("greeter")
//!     .topics(["temperature"])
//!     .handle("greet", async |request: Request| {
//!         let name = String::from_utf8_lossy(&request.payload);
//!         Ok::<_, Infallible>(format!("hello {name}"))
//!     })
//!     .connect()
//!     .await?;
//!
//! let edge = Edge::builder("127.0.0.1:30012").meta("sensor 7").connect().await?;
//! let greeting = edge.call("greet", "sensor 7").await?;
//! assert_eq!(greeting, "hello sensor 7");
//!
//! edge.handle_now("status", |_request| Ok::<_, Infallible>("fine")).await?;
//! let status = service.call(edge.id(), "status", "").await?;
//! assert_eq!(status, "fine");
//! # Ok(())
//! # }
//! ```
//!
//! # The API on one page
//!
//! | what | on an [`Edge`] | on a [`Service`] |
//! |---|---|---|
//! | connect | `Edge::builder(addr)` `.meta(..)` … `.connect().await?` | `Service::builder(addr)` `.name(..)` `.topics([..])` … `.connect().await?` |
//! | call | `call(method, payload).await?` → [`Bytes`] | `call(edge_id, method, payload).await?` → [`Bytes`] |
//! | … with options | `.timeout(d)`, `.custom(bytes)` before `.await` | the same |
//! | offer a method | `handle(method, async \|request\| ..)`, `handle_now(method, \|request\| ..)`, on the builder or later | the same |
//! | … whatever its name | `handle_any(async \|request\| ..)`; [`Request::method`] says which | |
//! | publish and wait for the ack | `publish(topic, payload).await?` | `publish(edge_id, payload).await?`, `.topic(..)` |
//! | publish without waiting | `publish(topic, payload).nowait()?` | `publish(edge_id, payload).nowait()?` |
//! | receive messages | `receive().await?` → [`Message`]; `.ack()`, `.reject(text)` | the same; `message.edge_id` says whose it is |
//! | open a stream | `open_stream(service_name).await?` → [`Stream`] | `open_stream(edge_id).await?` |
//! | accept streams | `accept_stream().await?` → [`Stream`], or all of them by `incoming()` | the same |
//! | follow edges | | builder: `on_get_edge_id`, `on_edge_online`, `on_edge_offline` |
//! | watch the link | `state()` → `watch::Receiver<`[`LinkState`]`>`, `id()` | the same |
//! | end | `close().await`, or drop the last clone | the same |
//!
//! [`Edge`] and [`Service`] are cheap to clone and can be used from many tasks at once; [`Stream`] is
//! `AsyncRead + AsyncWrite` and has `call`, `handle`, `publish` and `receive` of its own. It can be ended with a reason
//! ([`Stream::abort`]), so that no reader takes a torn transfer for a whole one.
//!
//! # What to know
//!
//! * **Deadlines.** Calls and publishes end after 30 s unless told otherwise ([`Call::timeout`]). Dropping their future
//!   cancels them: what is not sent yet is withdrawn, and the other side is told where it understands that.
//! * **Reconnect** is on by default ([`Reconnect`]). The link comes back with the same meta and wanted id, and with every
//!   method registered *before* it counts as online. Calls made in between wait for it until their deadline. What was
//!   under way when the link was lost fails with [`Error::LinkLost`] and is never sent again by itself: only the
//!   application knows whether that would be right. Only the first connect is not retried.
//! * **Every message is answered.** A [`Message`] that is dropped without [`Message::ack`] or [`Message::reject`] is
//!   rejected, so that no publisher waits for nothing.
//! * **Handlers run at once**, each in a task of its own, at most [`Limits::handlers`] per link. A panic becomes an error
//!   answer. Handlers that never wait can be given to `handle_now`, which costs no task.
//! * **A handler that holds a clone of its own [`Edge`] or [`Service`]** keeps it alive: end such a one with `close()`.
//! * **The way to the gateway** is plain TCP; TLS with [`Builder::tls`]; any byte stream of yours with
//!   [`Builder::dial_with`].

mod builder;
mod call;
mod command;
mod dial;
mod edge;
mod error;
mod handlers;
mod link;
mod mailbox;
mod message;
mod outgoing;
mod presence;
mod publish;
mod reconnect;
mod request;
mod serve;
mod service;
mod shared;
mod state;
mod stream;
mod supervisor;
mod tls;

pub use builder::{Builder, Limits};
pub use bytes::Bytes;
pub use call::Call;
pub use dial::{BoxError, ByteStream};
pub use edge::Edge;
pub use error::Error;
pub use message::Message;
pub use net::tls::TlsError;
pub use presence::EdgePresence;
pub use proto::id::{ClientId, EdgeId, PacketId, ServiceId, SessionId};
pub use proto::wire::HeartbeatClass;
pub use publish::Publish;
pub use reconnect::Reconnect;
pub use request::Request;
pub use service::Service;
pub use state::LinkState;
pub use stream::Stream;
pub use tls::Tls;
