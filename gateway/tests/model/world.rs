//! A gateway and the peers around it, all driven from one task.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use frontier_gateway::{Gateway, PresenceListener, Tables};
use proto::body::{Caps, ServiceMeta};
use proto::id::{EdgeId, ServiceId};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::ledger::{Ledger, PeerIndex, Side};
use super::peer::{Moment, Peer, Phase};
use super::presence::Records;
use super::rng::Rng;
use super::terms::Terms;
use super::wire::Wire;

/// Steps that a failure shows.
const SHOWN: usize = 40;

/// A peer that was deaf for longer may have been cut for it.
const DEAF_TOO_LONG: Duration = Duration::from_secs(20);

pub(crate) const SERVICE_NAMES: &[&str] = &["svc", "other"];
pub(crate) const TOPICS: &[&str] = &["t/a", "t/b"];
pub(crate) const METHODS: &[&str] = &["echo", "slow"];

/// One run.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) terms: Terms,
    drawn: String,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) records: Arc<Records>,
    pub(crate) ledger: Ledger,
    pub(crate) peers: Vec<Peer>,
    links: Vec<JoinHandle<()>>,
    /// Each with what it found broken.
    kicks: Vec<JoinHandle<Option<String>>>,
    trace: VecDeque<String>,
    started: Instant,
}

impl World {
    pub(crate) fn new(seed: u64, honest: bool) -> Self {
        let mut rng = Rng::new(seed);
        let terms = Terms::draw(&mut rng, honest);
        let drawn = format!("{terms:?}");
        let records = Arc::new(Records::default());
        let listener: Arc<dyn PresenceListener> = Arc::clone(&records) as _;
        let gateway = Arc::new(Gateway::seeded(&terms.config, Some(listener), seed));
        let ledger = Ledger::new(honest);
        let (peers, links, kicks) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            rng,
            terms,
            drawn,
            gateway,
            records,
            ledger,
            peers,
            links,
            kicks,
            trace: VecDeque::new(),
            started: Instant::now(),
        }
    }

    /// Notes what is done next.
    pub(crate) fn note(&mut self, step: impl FnOnce() -> String) {
        if self.trace.len() == SHOWN {
            self.trace.pop_front();
        }
        let step = format!("{:>9.3?} {}", self.started.elapsed(), step());
        tracing::debug!("{step}");
        self.trace.push_back(step);
    }

    /// The first broken promise, with the terms and the steps before it.
    pub(crate) fn report(&self) -> Option<String> {
        let fault = self.ledger.first_fault()?;
        let steps: Vec<&str> = self.trace.iter().map(String::as_str).collect();
        Some(format!("{fault}\nterms: {}\nlast steps:\n  {}", self.drawn, steps.join("\n  ")))
    }

    // --- peers

    /// Calls `act` on one peer.
    pub(crate) fn with<T>(&mut self, peer: PeerIndex, act: impl FnOnce(&mut Peer, &mut Moment<'_>) -> T) -> T {
        let mut moment = Moment { rng: &mut self.rng, ledger: &mut self.ledger, terms: &self.terms };
        act(&mut self.peers[peer], &mut moment)
    }

    /// Peers of a side that are admitted.
    pub(crate) fn online(&self, side: Side) -> Vec<PeerIndex> {
        self.peers.iter().filter(|peer| peer.side == side && peer.is_online()).map(|peer| peer.index).collect()
    }

    /// Peers of a side whose link is still there.
    pub(crate) fn present(&self, side: Side) -> usize {
        self.peers.iter().filter(|peer| peer.side == side && peer.phase != Phase::Over).count()
    }

    /// A new link to the gateway, and its peer's Conn.
    pub(crate) fn connect(&mut self, side: Side) {
        let index = self.peers.len();
        let (wire, far) = Wire::pair(index, self.terms.link_bytes);
        let address = SocketAddr::from(([127, 0, 0, 1], 1_000 + (index % 60_000) as u16));
        let caps = if self.rng.chance(self.terms.with_caps) {
            Caps { cancel: true, prompt: true, fin: true, credit: true }
        } else {
            Caps::default()
        };
        let wanted = if self.rng.chance(40) { self.rng.between(1, self.terms.edge_ids) as u64 } else { 0 };
        let (meta, link) = match side {
            Side::Edge => {
                (index.to_be_bytes().to_vec(), tokio::task::spawn_local(self.gateway.serve_edge(far, address)))
            }
            Side::Service => (self.service_meta(), tokio::task::spawn_local(self.gateway.serve_service(far, address))),
        };
        if wanted != 0 {
            self.ledger.claim(side, wanted, index);
        }
        self.note(|| format!("{side:?} {index} connects, wants id {wanted}"));
        self.links.push(link);
        self.peers.push(Peer::connect(index, side, wire, Instant::now(), wanted, meta, caps));
    }

    fn service_meta(&mut self) -> Vec<u8> {
        let topics = TOPICS.iter().filter(|_| self.rng.chance(70)).map(|topic| (*topic).to_owned()).collect();
        let meta = ServiceMeta { service: self.rng.pick(SERVICE_NAMES).to_owned(), topics };
        let mut text = Vec::new();
        meta.encode(&mut text);
        text
    }

    /// Asks the directory who is online, as is done when records are made anew.
    pub(crate) async fn look_around(&mut self) {
        let told = self.records.told();
        let snapshot = self.gateway.links().changes().await;
        self.note(|| format!("the directory says who is online: {} changes", snapshot.len()));
        self.records.keep(told, snapshot);
    }

    /// Kicks whoever has this id. When that returns the one who had it is gone from the records; a newcomer may have the id.
    pub(crate) fn kick(&mut self, side: Side, id: u64) {
        self.ledger.kick(side, id);
        let (links, records) = (self.gateway.links(), Arc::clone(&self.records));
        let before = records.present(side, id);
        self.kicks.push(tokio::task::spawn_local(async move {
            let kicked = match side {
                Side::Edge => links.kick_edge(EdgeId(id)).await,
                Side::Service => links.kick_service(ServiceId(id)).await,
            };
            let after = records.present(side, id);
            let stays = kicked && after.is_some() && after <= before;
            stays.then(|| format!("{side:?} {id} was kicked and is still recorded: {after:?}, before {before:?}"))
        }));
    }

    // --- time

    /// Lets every peer write, read and react; whether anything happened.
    pub(crate) fn pump(&mut self) -> bool {
        let mut busy = false;
        for peer in 0..self.peers.len() {
            busy |= self.with(peer, |peer, moment| peer.pump(moment));
        }
        busy
    }

    /// Lets the links' tasks run so often.
    pub(crate) async fn run_links(&self, turns: usize) {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }

    /// Peers and links go on until nothing happens any more.
    pub(crate) async fn run_dry(&mut self) {
        let mut quiet = 0;
        while quiet < 3 {
            quiet = if self.pump() { 0 } else { quiet + 1 };
            self.run_links(4).await;
        }
    }

    /// Time passes, all at once. Peers do meanwhile what they do by the clock.
    pub(crate) async fn pass(&mut self, time: Duration) {
        tokio::time::advance(time).await;
        tracing::trace!("it is {:?} now", self.started.elapsed());
        let now = Instant::now();
        for peer in &mut self.peers {
            peer.keep_alive(now);
            peer.abusive |= peer.deaf_since.is_some_and(|since| now >= since + DEAF_TOO_LONG);
        }
        self.pump();
        self.run_links(2).await;
    }

    // --- what must hold

    /// Whether the gateway owes anybody anything, or anybody the gateway.
    pub(crate) fn is_quiet(&self) -> bool {
        // A peer over its budget is not read, so that it is not missed before its calls and messages are answered.
        self.gateway.tables().queued_bytes == 0
            && self.is_known()
            && self.peers.iter().filter(|peer| peer.phase != Phase::Over).all(|peer| {
                let answered = peer.sent.values().all(|sent| sent.answered || !peer.may_send(sent.session));
                let settled = peer.sessions.values().all(|stream| stream.is_usable());
                let steady = matches!(peer.phase, Phase::Online(_)) && peer.goodbye.is_none() && !peer.half_closed;
                steady && answered && settled && peer.openings.is_empty() && peer.wire.unsent() == 0
            })
    }

    /// Whether the gateway knows who is online.
    fn is_known(&self) -> bool {
        let expected = (self.online(Side::Edge).len(), self.online(Side::Service).len());
        let tables = self.gateway.tables();
        self.gateway.online() == expected && (tables.edges, tables.services) == expected
    }

    /// What must hold once nothing is under way: answers, tables, and both ends of every stream.
    pub(crate) fn check_quiet(&mut self) {
        for peer in self.peers.iter().filter(|peer| peer.is_online()) {
            peer.expect_answers(&mut self.ledger, "has waited long enough", |_, _| true);
        }
        self.ledger.check_closings();
        self.check_streams();
        let tables = self.gateway.tables();
        if !self.is_known() {
            let online = (self.online(Side::Edge), self.online(Side::Service));
            let counted = self.gateway.online();
            self.ledger.fault(format!("online are {online:?}, the gateway counts {counted:?}, its tables {tables:?}"));
        }
        if tables.queued_bytes != 0 {
            self.ledger.fault(format!("nothing waits, yet {} bytes are counted as queued", tables.queued_bytes));
        }
        if let Err(fault) = self.records.check(false) {
            self.ledger.fault(fault);
        }
        self.check_beliefs();
    }

    /// What services that listen have been told of edges is how it is.
    pub(crate) fn check_beliefs(&mut self) {
        let online: Vec<u64> = self.online(Side::Edge).iter().filter_map(|edge| self.peers[*edge].id()).collect();
        for service in self.online(Side::Service) {
            if self.peers[service].main.is_usable() && !self.peers[service].abusive {
                self.ledger.check_belief(service, &online);
            }
        }
    }

    fn check_streams(&mut self) {
        let ends = |side| -> usize {
            let online = self.peers.iter().filter(|peer| peer.side == side && peer.is_online());
            online.map(|peer| peer.sessions.values().filter(|stream| stream.is_usable()).count()).sum()
        };
        let (edge_ends, service_ends) = (ends(Side::Edge), ends(Side::Service));
        let mut lost = None;
        for peer in self.peers.iter().filter(|peer| peer.is_online()) {
            for (session, stream) in &peer.sessions {
                let Some((far, far_session)) = stream.far_end() else { continue };
                let sent = self.peers[far].sessions.get(&far_session).map(|far| far.sent);
                if sent != Some(stream.received) {
                    let (index, received) = (peer.index, stream.received);
                    lost = Some(format!("peer {index} has {received} of {sent:?} bytes on stream {session}"));
                }
            }
        }
        if edge_ends != service_ends {
            self.ledger.fault(format!("{edge_ends} ends of streams at edges, {service_ends} at services"));
        }
        if let Some(lost) = lost {
            self.ledger.fault(lost);
        }
    }

    /// What must hold once every link has ended.
    pub(crate) fn check_empty(&mut self) {
        let tables = self.gateway.tables();
        let online = self.gateway.online();
        if tables != Tables::default() || online != (0, 0) {
            self.ledger.fault(format!("all have left, yet {online:?} are online and the tables hold {tables:?}"));
        }
        if let Err(fault) = self.records.check(true) {
            self.ledger.fault(fault);
        }
        if let Some(at) = self.links.iter().position(|link| !link.is_finished()) {
            self.ledger.fault(format!("the link of peer {at} has not ended"));
        }
    }

    /// What kicks have found broken. All of them have an end.
    pub(crate) async fn check_kicks(&mut self) {
        for kick in std::mem::take(&mut self.kicks) {
            let fault = if kick.is_finished() {
                kick.await.unwrap_or_else(|_| Some("a kick has panicked".to_owned()))
            } else {
                Some("a kick does not return".to_owned())
            };
            if let Some(fault) = fault {
                self.ledger.fault(fault);
            }
        }
    }

    /// Whether a link's task has panicked.
    pub(crate) async fn check_panics(&mut self) {
        for (peer, link) in std::mem::take(&mut self.links).into_iter().enumerate() {
            if link.is_finished() && link.await.is_err() {
                self.ledger.fault(format!("the link of peer {peer} has panicked"));
            }
        }
    }
}
