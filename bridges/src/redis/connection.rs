//! One connection to one server: the way in, and pipelines of commands in order.

use std::future::{poll_fn, ready};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use config::Secret;
use futures_util::future::{BoxFuture, FutureExt};
use net::tls::TlsConnector;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisConnectionInfo, RedisError, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{AbortHandle, unconstrained};
use tokio::time::timeout;

use super::first_words::Heard;
use super::reply;
use crate::{PublishError, broker};

/// How long a server may take to let us in, once it has accepted.
const LET_IN: Duration = Duration::from_secs(3);

/// Pipelines that are under way on one connection: enough to keep it busy while outcomes come back, and fewer than the client's own
/// queue has places, so that handing one over never waits there.
const PIPELINES: usize = 8;

/// What a server takes as one argument unless it says otherwise, in bytes.
const BULK: usize = 512 * 1024 * 1024;

/// What of a server's buffer for commands one argument can fill, in bytes: the rest of its command comes in beside it.
const BESIDE: usize = 64 * 1024;

/// Who we are, and what is wanted of a server.
#[derive(Debug, Clone)]
pub(super) struct Manners {
    /// What the connection is called in the server's list of clients.
    pub(super) name: String,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) db: u32,
    pub(super) tls: Option<TlsConnector>,
}

/// A connection that is logged in. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) addr: String,
    commands: MultiplexedConnection,
    places: Arc<Semaphore>,
    /// The largest argument that the server takes, in bytes.
    pub(super) most: usize,
    ended: watch::Receiver<()>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects to `addr` (`host:port`) and logs in.
    ///
    /// # Errors
    /// Nobody is there, or does not let us in.
    pub(super) async fn open(addr: &str, manners: &Manners) -> Result<Self, PublishError> {
        let (stream, first) = Heard::new(broker::dial(addr, manners.tls.as_ref()).await?);
        let coming_in = async {
            // Everything that is said to the server is said below, so that its answers are told as they are.
            let bare = RedisConnectionInfo::default().set_skip_set_lib_name();
            let patient = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
            let (commands, driver) =
                MultiplexedConnection::new_with_config(&bare, stream, patient).await.map_err(|error| lost(&error))?;
            let (alive, ended) = watch::channel(());
            let driver = tokio::spawn(async move {
                driver.await;
                drop(alive);
            })
            .abort_handle();
            let places = Arc::new(Semaphore::new(PIPELINES));
            let mut connection = Self { addr: addr.to_owned(), commands, places, most: BULK, ended, driver };
            connection.log_in(manners).await?;
            Ok(connection)
        };
        let late = |_| Err(PublishError::lost(format_args!("no answer within {} s", LET_IN.as_secs())));
        let came_in = timeout(LET_IN, coming_in).await.unwrap_or_else(late);
        // An error that was said before anything was asked tells more than the end of the connection that followed.
        came_in.map_err(|error| first.error().map_or(error, PublishError::lost))
    }

    async fn log_in(&mut self, manners: &Manners) -> Result<(), PublishError> {
        if manners.username.is_some() || manners.password.is_some() {
            let mut auth = redis::cmd("AUTH");
            if let Some(user) = &manners.username {
                auth.arg(user);
            }
            auth.arg(manners.password.as_ref().map_or("", Secret::expose));
            demanded(&self.ask(auth).await?)?;
        }
        if manners.db > 0 {
            let mut select = redis::cmd("SELECT");
            select.arg(manners.db);
            demanded(&self.ask(select).await?)?;
        }
        let mut questions = Pipeline::new();
        questions.cmd("CLIENT").arg("SETNAME").arg(&manners.name);
        questions.cmd("CONFIG").arg("GET").arg("proto-max-bulk-len");
        questions.cmd("CONFIG").arg("GET").arg("client-query-buffer-limit");
        let answers = self.ask_all(questions).await?;
        // Who may not ask, or whose server knows no such setting, has the usual one.
        let told = |at: usize| answers.get(at).and_then(reply::setting);
        let buffer = told(2).map_or(BULK, |buffer| buffer.saturating_sub(BESIDE));
        self.most = told(1).unwrap_or(BULK).min(buffer);
        Ok(())
    }

    /// One command, and its reply.
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub(super) async fn ask(&self, command: Cmd) -> Result<Value, PublishError> {
        let mut alone = Pipeline::new();
        alone.add_command(command);
        let mut replies = self.ask_all(alone).await?;
        replies.pop().ok_or_else(|| PublishError::lost("a command has no reply"))
    }

    async fn ask_all(&self, questions: Pipeline) -> Result<Vec<Value>, PublishError> {
        let room = self.room().await;
        self.pipeline(room, questions).await.await
    }

    /// Waits while too much is under way.
    pub(super) async fn room(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Hands `commands` over, behind all that were handed over before; the future has a reply to each.
    pub(super) async fn pipeline(
        &self,
        room: OwnedSemaphorePermit,
        commands: Pipeline,
    ) -> BoxFuture<'static, Result<Vec<Value>, PublishError>> {
        let mut connection = self.commands.clone();
        let mut replies = async move {
            let count = commands.len();
            let replies = connection.send_packed_commands(&commands, 0, count).await;
            drop(room);
            replies.map_err(|error| lost(&error))
        }
        .boxed();
        // Looked at once, it is in the client's queue, which has room, whoever looks at it first later on. The scheduler's budget
        // must not put that off.
        match unconstrained(poll_fn(|context| Poll::Ready(replies.poll_unpin(context)))).await {
            Poll::Ready(done) => ready(done).boxed(),
            Poll::Pending => replies,
        }
    }

    /// Done once the connection has ended.
    pub(super) async fn closed(&self) -> PublishError {
        let mut ended = self.ended.clone();
        // Nothing is ever sent: this is its end.
        let _ = ended.changed().await;
        PublishError::lost(format_args!("{} has closed the connection", self.addr))
    }

    /// Whether the server is there, and its cluster works as far as it knows.
    ///
    /// # Errors
    /// Not so; in the server's words, if it has any.
    pub(super) async fn is_in_a_working_cluster(&self) -> Result<(), PublishError> {
        let mut questions = Pipeline::new();
        questions.cmd("PING");
        questions.cmd("CLUSTER").arg("INFO");
        let answers = self.ask_all(questions).await?;
        let [there, info] = &*answers else { return Err(PublishError::lost("a command has no reply")) };
        permitted(there)?;
        permitted(info)?;
        match reply::text(info) {
            Some(info) if info.contains("cluster_state:fail") => Err(PublishError::lost(format_args!(
                "CLUSTERDOWN: {} says that the cluster's state is fail",
                self.addr
            ))),
            _ => Ok(()),
        }
    }

    /// Whether the server is there, has its data, and takes writes.
    ///
    /// # Errors
    /// Not so; in the server's words, if it has any.
    pub(super) async fn is_master(&self) -> Result<(), PublishError> {
        let mut questions = Pipeline::new();
        questions.cmd("PING");
        questions.cmd("ROLE");
        let answers = self.ask_all(questions).await?;
        let [there, role] = &*answers else { return Err(PublishError::lost("a command has no reply")) };
        permitted(there)?;
        reply::master_of(role).map_or(Ok(()), |master| Err(replica(&self.addr, &master)))
    }
}

/// [`demanded`], of a question: who may not ask it can still be allowed to write.
fn permitted(reply: &Value) -> Result<(), PublishError> {
    match reply {
        Value::ServerError(error) if error.code() == "NOPERM" => Ok(()),
        other => demanded(other),
    }
}

/// What must succeed for the connection to be of use.
fn demanded(reply: &Value) -> Result<(), PublishError> {
    match reply {
        Value::ServerError(error) => Err(PublishError::lost(reply::words(error))),
        _ => Ok(()),
    }
}

/// An error that is not the server's answer to one command.
fn lost(error: &RedisError) -> PublishError {
    PublishError::lost(error)
}

/// What is told of a server that is a replica.
pub(super) fn replica(addr: &str, master: &str) -> PublishError {
    PublishError::lost(format_args!("READONLY: {addr} is a replica of {master}"))
}
