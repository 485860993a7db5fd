//! What happens in one run: a random script, then quiet, then the end.

use std::time::Duration;

use proto::body::{EDGE_OFFLINE, EDGE_ONLINE, GET_EDGE_ID};
use proto::id::SessionId;
use tokio::time::Instant;

use super::ledger::{Kind, PeerIndex, Side};
use super::peer::Phase;
use super::world::{METHODS, SERVICE_NAMES, TOPICS, World};

/// A peer that has more to write than that says nothing new.
const FULL: usize = 200_000;

/// Nothing is under way once nothing has been for so long: an edge id is kept for two seconds after its edge.
const QUIET: Duration = Duration::from_secs(3);

/// Runs one seed.
///
/// # Errors
/// The first broken promise.
pub(crate) async fn run(seed: u64, honest: bool) -> Result<(), String> {
    let mut world = World::new(seed, honest);
    let broken = async {
        script(&mut world).await;
        quiet(&mut world).await;
        end(&mut world).await;
    };
    broken.await;
    world.check_panics().await;
    world.report().map_or(Ok(()), Err)
}

async fn script(world: &mut World) {
    world.connect(Side::Service);
    world.run_dry().await;
    if world.rng.chance(70) {
        offer(world, 0);
    }
    for _ in 0..world.terms.steps {
        step(world).await;
        if world.ledger.first_fault().is_some() {
            return;
        }
    }
}

async fn step(world: &mut World) {
    match world.rng.below(100) {
        0..8 => newcomer(world),
        8..36 => traffic(world),
        36..40 => crossfire(world),
        40..55 => streams(world),
        55..62 => attention(world),
        62..74 => settle_some(world),
        74..78 => cancel(world),
        78..81 => departure(world),
        81..83 => noise(world),
        83..93 => time(world).await,
        93..95 => world.look_around().await,
        95..97 => kick(world),
        _ => world.run_dry().await,
    }
    for _ in 0..world.rng.below(4) {
        let peer = world.rng.below(world.peers.len());
        world.with(peer, |peer, moment| peer.pump(moment));
        let turns = world.rng.below(4);
        world.run_links(turns).await;
    }
}

/// Somebody connects, or a service offers what it has.
fn newcomer(world: &mut World) {
    let services = world.online(Side::Service);
    if !services.is_empty() && world.rng.chance(50) {
        let service = world.rng.pick(&services);
        return offer(world, service);
    }
    let (side, limit) =
        if world.rng.chance(75) { (Side::Edge, world.terms.edges) } else { (Side::Service, world.terms.services) };
    if world.present(side) < limit {
        world.connect(side);
    }
}

/// A service offers methods, hooks among them. Whoever hears of coming hears of going.
fn offer(world: &mut World, service: PeerIndex) {
    let hooks: &[&str] = match world.rng.below(4) {
        0 => &[GET_EDGE_ID],
        1 => &[EDGE_OFFLINE, EDGE_ONLINE],
        2 => &[EDGE_OFFLINE, EDGE_ONLINE, GET_EDGE_ID],
        _ => &[],
    };
    world.note(|| format!("service {service} offers {METHODS:?} and {hooks:?}"));
    world.with(service, |peer, _| METHODS.iter().chain(hooks).for_each(|method| peer.register(method)));
}

/// Calls and messages, one or many.
fn traffic(world: &mut World) {
    let Some(origin) = anybody(world) else { return };
    let many = if world.rng.chance(20) { world.rng.between(5, 40) } else { 1 };
    let session = if world.rng.chance(25) { some_stream(world, origin) } else { None };
    let edge = some_edge(world);
    ask(world, origin, many, edge, session.unwrap_or(SessionId::MAIN));
}

/// Both ends of the gateway have much to ask of each other at the same time.
fn crossfire(world: &mut World) {
    let (edges, services) = (world.online(Side::Edge), world.online(Side::Service));
    if edges.is_empty() || services.is_empty() {
        return;
    }
    let (edge, service) = (world.rng.pick(&edges), world.rng.pick(&services));
    let id = world.peers[edge].id().unwrap_or_default();
    for _ in 0..world.rng.between(1, 3) {
        for origin in [edge, service] {
            let many = world.rng.between(5, 40);
            ask(world, origin, many, id, SessionId::MAIN);
            world.with(origin, |peer, _| peer.wire.flush());
        }
    }
}

/// Calls or messages of one peer: a service's to `edge`, an edge's by name.
fn ask(world: &mut World, origin: PeerIndex, many: usize, edge: u64, session: SessionId) {
    let kind = world.rng.pick(&[Kind::Call, Kind::Message]);
    let names = if kind == Kind::Call { METHODS } else { TOPICS };
    world.note(|| format!("peer {origin} sends {many} times {kind:?}, to {edge} or by name, session {session}"));
    for _ in 0..many {
        let name = if world.rng.chance(90) { world.rng.pick(names) } else { "unknown" };
        let tail = world.peers[origin].side == Side::Service && session == SessionId::MAIN;
        world.with(origin, |peer, moment| {
            if peer.may_send(session) && peer.wire.unsent() < FULL {
                peer.ask(moment, session, kind, name, tail.then_some(edge));
            }
        });
    }
}

/// The id of an edge that is online, as a rule.
fn some_edge(world: &mut World) -> u64 {
    let edges = world.online(Side::Edge);
    let known: Vec<u64> = edges.iter().filter_map(|edge| world.peers[*edge].id()).collect();
    if known.is_empty() || world.rng.chance(10) { 7_777 } else { world.rng.pick(&known) }
}

fn anybody(world: &mut World) -> Option<PeerIndex> {
    let online = [world.online(Side::Edge), world.online(Side::Service)].concat();
    (!online.is_empty()).then(|| world.rng.pick(&online))
}

fn some_stream(world: &mut World, peer: PeerIndex) -> Option<SessionId> {
    let usable = world.peers[peer].sessions.iter().filter(|(_, stream)| stream.is_usable());
    let usable: Vec<SessionId> = usable.map(|(session, _)| *session).collect();
    (!usable.is_empty()).then(|| world.rng.pick(&usable))
}

/// Opens streams, sends on them, ends them.
fn streams(world: &mut World) {
    let Some(peer) = anybody(world) else { return };
    let Some(session) = some_stream(world, peer).filter(|_| world.rng.chance(80)) else {
        let far = match world.peers[peer].side {
            Side::Edge => world.rng.pick(SERVICE_NAMES).to_owned(),
            Side::Service => some_edge(world).to_string(),
        };
        world.note(|| format!("peer {peer} opens a stream to {far}"));
        return world.with(peer, |peer, _| {
            if peer.openings.len() + peer.sessions.len() < 8 && peer.may_send(SessionId::MAIN) {
                peer.open(far);
            }
        });
    };
    let what = world.rng.below(100);
    let len = if world.rng.chance(20) { world.rng.below(30_000) } else { world.rng.below(900) };
    world.note(|| format!("peer {peer} uses stream {session}: {what}, {len}"));
    world.with(peer, |peer, _| match what {
        0..78 if peer.wire.unsent() < FULL => peer.send_bytes(session, len),
        78..84 => peer.end_bytes(session),
        84..92 => peer.dismiss(session),
        92..97 => {
            peer.send_bytes(session, len);
            peer.dismiss(session);
        }
        _ => {}
    });
}

/// Somebody stops reading, or begins again.
fn attention(world: &mut World) {
    let Some(peer) = anybody(world) else { return };
    let deaf = world.rng.chance(40);
    world.note(|| format!("peer {peer} {}", if deaf { "stops reading" } else { "reads" }));
    let already = world.peers[peer].deaf_since;
    world.peers[peer].deaf_since = deaf.then(|| already.unwrap_or_else(Instant::now));
    // One that reads again does so at once: the gateway's patience with it begins anew.
    world.with(peer, |peer, moment| peer.pump(moment));
}

/// Some of what is owed is settled.
fn settle_some(world: &mut World) {
    for _ in 0..world.rng.between(1, 10) {
        let peer = world.rng.below(world.peers.len());
        world.with(peer, |peer, moment| peer.settle_one(moment));
    }
}

fn cancel(world: &mut World) {
    if let Some(peer) = anybody(world) {
        world.note(|| format!("peer {peer} cancels"));
        world.with(peer, |peer, moment| peer.cancel(moment.rng));
    }
}

/// Somebody leaves, one way or another.
fn departure(world: &mut World) {
    let Some(peer) = anybody(world) else { return };
    let how = world.rng.below(5);
    let ways = ["goodbye", "session 1, goodbye", "closes", "resets", "half-close"];
    world.note(|| format!("peer {peer} leaves: {}", ways[how]));
    world.with(peer, |peer, _| match how {
        0 => peer.leave(),
        1 => {
            peer.dismiss(SessionId::MAIN);
            peer.leave();
        }
        2 | 3 => peer.vanish(how == 3),
        _ => peer.half_close(),
    });
}

/// An operator kicks somebody.
fn kick(world: &mut World) {
    if let Some(peer) = anybody(world)
        && let Some(id) = world.peers[peer].id()
    {
        let side = world.peers[peer].side;
        world.note(|| format!("{side:?} {id}, as which peer {peer} is online, is kicked"));
        world.kick(side, id);
    }
}

/// Somebody does what no conforming peer does, or says only half of a leave.
fn noise(world: &mut World) {
    let Some(peer) = anybody(world) else { return };
    if world.terms.honest {
        return;
    }
    let what = world.rng.below(5);
    world.note(|| format!("peer {peer} makes noise {what}"));
    world.with(peer, |peer, moment| match what {
        0 => {
            peer.abusive = true;
            peer.wire.send_raw(&[0x01, 0xee, 0, 0]);
            peer.wire.send_raw(&[0x01; 20]);
        }
        1 => peer.dismiss(SessionId::MAIN),
        2 => peer.stray_answers(moment.rng),
        3 => peer.stray_dismissals(moment.rng),
        _ => peer.register("echo"),
    });
}

/// Time passes.
async fn time(world: &mut World) {
    let long = !world.terms.honest && world.rng.chance(25);
    let millis = if long { world.rng.between(1_000, 19_000) } else { world.rng.pick(&[1, 1, 5, 20, 120]) };
    world.note(|| format!("{millis} ms pass"));
    for part in (0..millis).step_by(500) {
        world.pass(Duration::from_millis((millis - part).min(500) as u64)).await;
    }
}

/// From now on everybody reads and answers, until nothing is under way any more; then the promises are checked.
async fn quiet(world: &mut World) {
    world.note(|| "everybody reads and answers".to_owned());
    world.terms.swallowed = 0;
    world.terms.late = 0;
    // A message that was swallowed keeps its place in a window of one: those behind it expire, one budget after the other.
    let patience = Duration::from_secs(if world.terms.honest { 9 } else { 3_600 });
    let until = Instant::now() + patience;
    let mut quiet_since: Option<Instant> = None;
    while Instant::now() < until {
        for peer in 0..world.peers.len() {
            world.with(peer, |peer, moment| {
                peer.deaf_since = None;
                peer.settle_all(moment);
            });
        }
        world.run_dry().await;
        quiet_since = world.is_quiet().then(|| quiet_since.unwrap_or_else(Instant::now));
        let long_quiet = quiet_since.is_some_and(|since| since.elapsed() > QUIET);
        if world.ledger.first_fault().is_some() || long_quiet {
            break;
        }
        let waited = patience - until.duration_since(Instant::now());
        let step = match waited.as_millis() {
            0..200 => 20,
            200..12_000 => 600,
            _ => 4_000,
        };
        world.pass(Duration::from_millis(step)).await;
    }
    world.look_around().await;
    world.check_kicks().await;
    world.check_quiet();
}

/// Everybody leaves, or the gateway does; then nothing may be left.
async fn end(world: &mut World) {
    if world.ledger.first_fault().is_some() {
        return;
    }
    match world.rng.below(4) {
        0 => shut_down(world).await,
        how => {
            world.note(|| format!("everybody leaves: {}", ["goodbye", "cut", "each in its way"][how - 1]));
            leave(world, Side::Edge, how).await;
            world.check_beliefs();
            leave(world, Side::Service, how).await;
        }
    }
    // Whatever still waits for anything gives up within an hour.
    for peer in &mut world.peers {
        peer.vanish(false);
    }
    tokio::time::sleep(Duration::from_secs(2 * 60 * 60)).await;
    world.check_kicks().await;
    world.check_empty();
}

/// All peers of a side leave. Edges go in front of the services that are told of it.
async fn leave(world: &mut World, side: Side, how: usize) {
    for peer in 0..world.peers.len() {
        let cut = how == 2 || how == 3 && world.rng.chance(50);
        if world.peers[peer].side == side {
            world.with(peer, |peer, _| if cut { peer.vanish(false) } else { peer.leave() });
        }
    }
    for _ in 0..14 {
        world.run_dry().await;
        world.pass(Duration::from_millis(500)).await;
    }
    let left = |phase| matches!(phase, Phase::Over);
    if let Some(peer) = world.peers.iter().find(|peer| peer.side == side && !left(peer.phase)) {
        let fault = format!("peer {} has said goodbye and still has its link: {:?}", peer.index, peer.phase);
        world.ledger.fault(fault);
    }
}

/// The gateway shuts down with calls and messages in flight, some of which are answered in time.
async fn shut_down(world: &mut World) {
    world.terms.late = world.rng.pick(&[0, 50, 100]);
    // One that was let in a moment ago is not left at once, and goes on asking.
    world.connect(Side::Edge);
    world.run_dry().await;
    world.pass(Duration::from_millis(2)).await;
    for _ in 0..8 {
        traffic(world);
    }
    world.run_dry().await;
    let window = Duration::from_millis(world.rng.between(0, 4_000) as u64);
    world.note(|| format!("the gateway shuts down within {window:?}"));
    let gateway = std::sync::Arc::clone(&world.gateway);
    let down = tokio::task::spawn_local(async move { gateway.shutdown(window).await });
    for _ in 0..40 {
        settle_some(world);
        traffic(world);
        world.run_dry().await;
        world.pass(Duration::from_millis(250)).await;
    }
    if !down.is_finished() {
        world.ledger.fault("the gateway does not end".to_owned());
    }
    for peer in world.peers.iter().filter(|peer| peer.is_online()) {
        world.ledger.fault(format!("peer {} is still online after the gateway has ended", peer.index));
    }
}
