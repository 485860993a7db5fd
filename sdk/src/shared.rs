//! What the clones of an edge or service, and its link's task, share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::conn::Settings;
use proto::id::{ClientId, SessionId};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::builder::Limits;
use crate::command::{Command, Link};
use crate::dial::Dialer;
use crate::handlers::{Handlers, Work};
use crate::mailbox::{Bounds, Mailbox};
use crate::message::Message;
use crate::outgoing::DEFAULT_TIMEOUT;
use crate::presence::Metas;
use crate::stream::{Offer, Stream};
use crate::{Error, LinkState, Reconnect, supervisor};

/// Messages that wait for the application at most: as many as a peer sends without an ack.
pub(crate) const WAITING_MESSAGES: usize = 512;
/// Streams that wait for the application at most: more than come in one read of the link, so that a burst of them finds room
/// however late the application's turn comes.
const WAITING_STREAMS: usize = 512;
/// Time for a link and its handlers to end.
const CLOSE: Duration = Duration::from_secs(15);

/// What an application decides before it connects.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) dialer: Dialer,
    pub(crate) meta: Vec<u8>,
    pub(crate) wanted: ClientId,
    pub(crate) settings: Arc<Settings>,
    pub(crate) reconnect: Reconnect,
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
    /// Whether custom bytes carry the id of an edge.
    pub(crate) tails: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) handlers: Handlers,
    pub(crate) messages: Mailbox<Message>,
    pub(crate) offers: Mailbox<Offer>,
    pub(crate) metas: Arc<Metas>,
    /// The link's task and the tasks of handlers.
    pub(crate) tasks: TaskTracker,
    state: watch::Sender<LinkState>,
    id: AtomicU64,
    life: Mutex<Life>,
    stopping: Notify,
}

#[derive(Debug, Default)]
struct Life {
    closing: bool,
    link: Option<Link>,
    online_since: Option<Instant>,
    refusal: Option<String>,
    /// Why this side leaves, if not by the application's wish.
    complaint: Option<&'static str>,
}

/// What became of a link.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How long it was online, if it was.
    pub(crate) lived: Option<Duration>,
    /// With what the gateway refused it, if it did.
    pub(crate) refusal: Option<String>,
    /// Why this side left it, if not by the application's wish.
    pub(crate) complaint: Option<&'static str>,
}

impl Shared {
    pub(crate) fn new(options: Options, handlers: Handlers, metas: Arc<Metas>) -> Self {
        let messages = Bounds { entries: WAITING_MESSAGES, bytes: options.limits.receive_bytes };
        Self {
            options,
            handlers,
            messages: Mailbox::new(messages),
            offers: Mailbox::new(Bounds { entries: WAITING_STREAMS, bytes: usize::MAX }),
            metas,
            tasks: TaskTracker::new(),
            state: watch::Sender::new(LinkState::Connecting),
            id: AtomicU64::new(0),
            life: Mutex::default(),
            stopping: Notify::new(),
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        // Nothing that could panic halfway runs under this lock.
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- for the application

    pub(crate) fn state(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    pub(crate) fn id(&self) -> ClientId {
        ClientId(self.id.load(Ordering::Relaxed))
    }

    /// The link, while it counts as online.
    pub(crate) fn online(&self) -> Option<Link> {
        let life = self.life();
        life.online_since.and(life.link.clone())
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.life().closing
    }

    /// Waits for a link that is online. Cancel-safe.
    pub(crate) async fn wait_online(&self, deadline: Instant) -> Result<Link, Error> {
        let mut state = self.state.subscribe();
        loop {
            if *state.borrow_and_update() == LinkState::Closed {
                return Err(Error::Closed);
            }
            if let Some(link) = self.online().filter(|link| !link.is_gone()) {
                return Ok(link);
            }
            match tokio::time::timeout_at(deadline, state.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Error::Closed),
                Err(_) => return Err(Error::Timeout),
            }
        }
    }

    /// Offers a method, now and on every later link; done when the gateway knows it.
    pub(crate) async fn handle(&self, method: &str, work: Work) -> Result<(), Error> {
        if self.is_closing() {
            return Err(Error::Closed);
        }
        self.handlers.insert(method, work);
        let deadline = Instant::now() + DEFAULT_TIMEOUT;
        loop {
            let link = self.wait_online(deadline).await?;
            match register(&link, SessionId::MAIN, method, deadline).await {
                // Registering twice does no harm, so it may be tried again on the next link.
                Err(Error::LinkLost | Error::StreamClosed) => {}
                done => return done,
            }
        }
    }

    pub(crate) async fn receive(&self) -> Result<Message, Error> {
        self.messages.pop().await.ok_or(Error::Closed)
    }

    pub(crate) async fn accept_stream(&self) -> Result<Stream, Error> {
        loop {
            let offer = self.offers.pop().await.ok_or(Error::Closed)?;
            if let Some(stream) = offer.accept() {
                return Ok(stream);
            }
        }
    }

    /// What [`Shared::accept_stream`] yields, until the end.
    pub(crate) fn incoming(self: &Arc<Self>) -> impl futures_util::Stream<Item = Stream> + Send + use<> {
        futures_util::stream::unfold(Arc::clone(self), async |shared| {
            let stream = shared.accept_stream().await.ok()?;
            Some((stream, shared))
        })
    }

    pub(crate) async fn open_stream(&self, peer: &str) -> Result<Stream, Error> {
        let deadline = Instant::now() + DEFAULT_TIMEOUT;
        let link = self.wait_online(deadline).await?;
        let (sender, opened) = oneshot::channel();
        link.push(Command::Open { peer: peer.into(), opened: sender }).map_err(|_| Error::LinkLost)?;
        opened.await.unwrap_or(Err(Error::LinkLost))
    }

    // --- for the link's task

    /// A link is being made; `false` if it is not wanted any more.
    pub(crate) fn link_started(&self, link: Link) -> bool {
        let mut life = self.life();
        life.link = Some(link);
        !life.closing
    }

    pub(crate) fn link_refused(&self, text: String) {
        self.life().refusal = Some(text);
    }

    pub(crate) fn link_left(&self, complaint: &'static str) {
        self.life().complaint = Some(complaint);
    }

    /// Every method is registered.
    pub(crate) fn link_online(&self, id: ClientId) {
        let closing = {
            let mut life = self.life();
            life.online_since = Some(Instant::now());
            life.closing
        };
        self.id.store(id.0, Ordering::Relaxed);
        if !closing {
            self.set_state(LinkState::Online { id });
        }
    }

    pub(crate) fn link_ended(&self) -> Ended {
        let ended = {
            let mut life = self.life();
            life.link = None;
            let lived = life.online_since.take().map(|since| since.elapsed());
            Ended { lived, refusal: life.refusal.take(), complaint: life.complaint.take() }
        };
        // The gateway has told publishers and openers of the loss; nobody tells of edges that go meanwhile.
        self.messages.clear();
        self.offers.clear();
        self.metas.clear();
        ended
    }

    pub(crate) fn set_state(&self, state: LinkState) {
        self.state.send_replace(state);
    }

    /// Resolves when the application wants the end, also if it did before.
    pub(crate) async fn stopped(&self) {
        loop {
            let notified = self.stopping.notified();
            if self.is_closing() {
                return;
            }
            notified.await;
        }
    }

    /// Begins the end: the link takes its leave, no other is made.
    pub(crate) fn stop(&self) {
        let link = {
            let mut life = self.life();
            life.closing = true;
            life.link.clone()
        };
        self.stopping.notify_waiters();
        if let Some(link) = link {
            // A link that is gone needs no leave.
            let _ = link.push(Command::Leave);
        }
    }

    /// The end of it all: whoever still waits is told.
    pub(crate) fn finish(&self) {
        self.life().closing = true;
        self.messages.close();
        self.offers.close();
        self.handlers.clear();
        self.set_state(LinkState::Closed);
        self.tasks.close();
    }
}

/// Registers a method with the other side of a session.
pub(crate) async fn register(link: &Link, session: SessionId, method: &str, deadline: Instant) -> Result<(), Error> {
    let (answer, registered) = oneshot::channel();
    let deadline = deadline.into_std();
    link.push(Command::Register { session, method: method.into(), deadline, answer }).map_err(|_| Error::LinkLost)?;
    registered.await.unwrap_or(Err(Error::LinkLost)).map(|_| ())
}

/// What the clones of an edge or service own together: the last one to go ends the link.
#[derive(Debug)]
pub(crate) struct Owner(pub(crate) Arc<Shared>);

impl Owner {
    /// Connects and waits until the link is online.
    pub(crate) async fn connect(shared: Shared) -> Result<Owner, Error> {
        let owner = Owner(Arc::new(shared));
        let mut state = owner.0.state();
        let mut task = owner.0.tasks.spawn(supervisor::run(Arc::clone(&owner.0)));
        tokio::select! {
            biased;
            online = state.wait_for(|state| matches!(state, LinkState::Online { .. })) => {
                online.map_err(|_| Error::Closed)?;
            }
            ended = &mut task => return Err(ended.unwrap_or(Error::Closed)),
        }
        Ok(owner)
    }

    pub(crate) async fn close(&self) {
        self.0.stop();
        self.0.tasks.close();
        // A handler that blocks its thread cannot be stopped; it is not waited for without end.
        let _ = tokio::time::timeout(CLOSE, self.0.tasks.wait()).await;
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.stop();
    }
}
