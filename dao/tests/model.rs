//! Both back ends and a model, which is as simple as the contract reads, under the same random changes and queries: every
//! answer must be the same, with its order, page and count.

#![allow(clippy::unwrap_used, reason = "a failed unwrap names the line, which is all a test needs")]

mod common;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use common::Random;
use frontier_dao::{
    After, Change, DaoError, During, Edge, EdgeQuery, EdgeRpc, EdgeRpcQuery, Generation, Listed, NameField, Order,
    Page, PeerField, Service, ServiceNamesQuery, ServiceQuery, ServiceRpc, ServiceTopic, Text,
};
use proto::id::{EdgeId, ServiceId};

const TEXTS: [&str; 14] = [
    "",
    "a",
    "A",
    "a_",
    "ab",
    "a%",
    "ä",
    "Ä",
    "b",
    "\0",
    "a\0",
    "\u{10ffff}",
    "aaaaaaaaaaaaaaaaaaaab",
    "aaaaaaaaaaaaaaaaaaaac",
];
const ADDRS: [&str; 5] = ["10.0.0.1:1", "10.0.0.1:10", "10.0.0.2:9", "[::1]:80", "[fe80::1234:5678:9abc:def0%7]:65535"];
const IDS: [u64; 12] =
    [1, 2, 3, 9, 10, 1 << 32, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX];

#[derive(Debug, Clone)]
struct Peer {
    id: u64,
    label: Text,
    addr: String,
    at: i64,
    generation: u64,
    rpcs: BTreeMap<Text, i64>,
    topics: BTreeMap<Text, i64>,
}

/// Peers by id.
type Table = BTreeMap<u64, Peer>;

fn online(table: &mut Table, peer: Peer) {
    if table.get(&peer.id).is_none_or(|present| present.generation < peer.generation) {
        table.insert(peer.id, peer);
    }
}

fn offline(table: &mut Table, id: u64, generation: Generation) {
    if table.get(&id).is_some_and(|present| present.generation == generation.0) {
        table.remove(&id);
    }
}

fn current(table: &mut Table, id: u64, generation: Generation) -> Option<&mut Peer> {
    table.get_mut(&id).filter(|present| present.generation == generation.0)
}

#[derive(Debug, Default, Clone)]
struct Model {
    edges: Table,
    services: Table,
}

impl Model {
    fn apply(&mut self, change: &Change) {
        let peer = |id, label: &Text, addr: &str, at, generation: &Generation| Peer {
            id,
            label: label.clone(),
            addr: addr.to_owned(),
            at,
            generation: generation.0,
            rpcs: BTreeMap::new(),
            topics: BTreeMap::new(),
        };
        match change {
            Change::EdgeOnline(Edge { id, meta, addr, create_time }, generation) => {
                online(&mut self.edges, peer(id.0, meta, addr, *create_time, generation));
            }
            Change::EdgeOffline(id, generation) => offline(&mut self.edges, id.0, *generation),
            Change::EdgeRpc(EdgeRpc { rpc, edge, create_time }, generation) => {
                if let Some(peer) = current(&mut self.edges, edge.0, *generation) {
                    peer.rpcs.entry(rpc.clone()).or_insert(*create_time);
                }
            }
            Change::ServiceOnline(Service { id, name, addr, create_time }, generation) => {
                online(&mut self.services, peer(id.0, name, addr, *create_time, generation));
            }
            Change::ServiceOffline(id, generation) => offline(&mut self.services, id.0, *generation),
            Change::ServiceRpc(ServiceRpc { rpc, service, create_time }, generation) => {
                if let Some(peer) = current(&mut self.services, service.0, *generation) {
                    peer.rpcs.entry(rpc.clone()).or_insert(*create_time);
                }
            }
            Change::ServiceTopic(ServiceTopic { topic, service, create_time }, generation) => {
                if let Some(peer) = current(&mut self.services, service.0, *generation) {
                    peer.topics.entry(topic.clone()).or_insert(*create_time);
                }
            }
        }
    }
}

fn starts(text: &str, prefix: &Option<String>) -> bool {
    prefix.as_ref().is_none_or(|prefix| text.starts_with(prefix.as_str()))
}

/// The bounds as they were asked for.
type Span = (Option<i64>, Option<i64>);

fn within(time: i64, span: Span) -> bool {
    match span {
        (Some(start), Some(end)) if start != 0 && end != 0 => (start..end).contains(&time),
        _ => true,
    }
}

fn page<T: Clone>(rows: &[T], (number, size): (i64, i64)) -> Vec<T> {
    let (number, size) = if number <= 0 || size <= 0 { (1, 10) } else { (number, size) };
    rows.chunks(usize::try_from(size).unwrap()).nth(usize::try_from(number).unwrap() - 1).unwrap_or_default().to_vec()
}

fn directed(ordering: Ordering, descending: bool) -> Ordering {
    if descending { ordering.reverse() } else { ordering }
}

fn sorted(mut peers: Vec<&Peer>, order: Order<PeerField>) -> Vec<&Peer> {
    peers.sort_by(|one, other| {
        let by = match order.by {
            PeerField::CreateTime => one.at.cmp(&other.at),
            PeerField::Id => one.id.cmp(&other.id),
            PeerField::Label => one.label.as_str().cmp(other.label.as_str()),
            PeerField::Addr => one.addr.cmp(&other.addr),
        };
        directed(by, order.descending).then(one.id.cmp(&other.id))
    });
    peers
}

/// Those that come behind a row that is made for this, with its text for label and address alike.
fn behind<'a>(rows: Vec<&'a Peer>, after: &Option<(u64, Text, i64)>, order: Order<PeerField>) -> Vec<&'a Peer> {
    let Some((id, text, at)) = after else { return rows };
    let addr = text.as_str().to_owned();
    let (rpcs, topics) = (BTreeMap::new(), BTreeMap::new());
    let place = Peer { id: *id, label: text.clone(), addr, at: *at, generation: 0, rpcs, topics };
    let comes_behind = |row: &&Peer| row.id != place.id || !same(row, &place, order);
    rows.into_iter().filter(comes_behind).filter(|row| sorted(vec![row, &place], order)[1].generation != 0).collect()
}

fn same(one: &Peer, other: &Peer, order: Order<PeerField>) -> bool {
    match order.by {
        PeerField::CreateTime => one.at == other.at,
        PeerField::Id => true,
        PeerField::Label => one.label == other.label,
        PeerField::Addr => one.addr == other.addr,
    }
}

/// All offers in order; each name where it comes first.
fn listed_names(mut offers: Vec<(Text, u64, i64)>, order: Order<NameField>, pages: (i64, i64)) -> Listed<Text> {
    offers.sort_by(|one, other| {
        let by = match order.by {
            NameField::CreateTime => one.2.cmp(&other.2),
            NameField::Id => one.1.cmp(&other.1),
            NameField::Name => one.0.cmp(&other.0),
        };
        directed(by, order.descending).then_with(|| one.0.cmp(&other.0))
    });
    let mut names: Vec<Text> = Vec::new();
    for (name, ..) in offers {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Listed { rows: page(&names, pages), count: names.len() as u64 }
}

struct Draw(Random);

impl Draw {
    fn text(&mut self) -> String {
        (*self.0.one_of(&TEXTS)).to_owned()
    }

    fn maybe<T>(&mut self, one_in: usize, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.0.below(one_in) == 0).then(|| make(self))
    }

    fn time(&mut self) -> i64 {
        self.0.below(8) as i64 - 2
    }

    fn span(&mut self) -> Span {
        (self.maybe(2, Self::time), self.maybe(2, Self::time))
    }

    /// A row to go on behind, which need not be there.
    fn place(&mut self) -> (u64, Text, i64) {
        let text = if self.0.below(2) == 0 { self.text() } else { (*self.0.one_of(&ADDRS)).to_owned() };
        (self.id(), text.into(), self.time())
    }

    fn pages(&mut self) -> (i64, i64) {
        (self.0.below(5) as i64, self.0.below(6) as i64)
    }

    fn order<F: Copy>(&mut self, fields: &[F]) -> Order<F> {
        Order { by: *self.0.one_of(fields), descending: self.0.below(2) == 0 }
    }

    fn peer_order(&mut self) -> Order<PeerField> {
        self.order(&[PeerField::CreateTime, PeerField::Id, PeerField::Label, PeerField::Addr])
    }

    fn name_order(&mut self) -> Order<NameField> {
        self.order(&[NameField::CreateTime, NameField::Id, NameField::Name])
    }

    fn id(&mut self) -> u64 {
        *self.0.one_of(&IDS)
    }

    fn change(&mut self) -> Change {
        let generation = Generation(*self.0.one_of(&[1, 2, 3, 1 << 63]));
        let (id, create_time, text): (u64, i64, Text) = (self.id(), self.time(), self.text().into());
        let addr = (*self.0.one_of(&ADDRS)).into();
        let (edge, service) = (EdgeId(id), ServiceId(id));
        match self.0.below(12) {
            0..2 => Change::EdgeOnline(Edge { id: edge, meta: text, addr, create_time }, generation),
            2 => Change::EdgeOffline(edge, generation),
            3..6 => Change::EdgeRpc(EdgeRpc { rpc: text, edge, create_time }, generation),
            6..8 => Change::ServiceOnline(Service { id: service, name: text, addr, create_time }, generation),
            8 => Change::ServiceOffline(service, generation),
            9..11 => Change::ServiceRpc(ServiceRpc { rpc: text, service, create_time }, generation),
            _ => Change::ServiceTopic(ServiceTopic { topic: text, service, create_time }, generation),
        }
    }
}

async fn compare_edges(draw: &mut Draw, model: &Model, backends: &[(&str, common::Fresh)], seed: u64) {
    let (span, pages, order) = (draw.span(), draw.pages(), draw.peer_order());
    let after = draw.maybe(3, Draw::place);
    let query = EdgeQuery {
        meta: draw.maybe(3, Draw::text),
        addr: draw.maybe(4, |draw| draw.0.one_of(&["10.0.0.1:1", "[", "10.", "_", "10.0.0.1:10"]).to_string()),
        rpc: draw.maybe(3, Draw::text),
        edge: draw.maybe(8, |draw| EdgeId(draw.id())),
        during: During::new(span.0, span.1),
        order,
        after: after.as_ref().map(|(id, text, at)| {
            let (meta, addr) = (text.clone(), text.as_str().into());
            After::edge(&Edge { id: EdgeId(*id), meta, addr, create_time: *at }, order.by)
        }),
        page: Page::new(pages.0, pages.1),
    };
    let matching = model.edges.values().filter(|peer| {
        starts(peer.label.as_str(), &query.meta)
            && starts(&peer.addr, &query.addr)
            && query.rpc.as_ref().is_none_or(|rpc| peer.rpcs.contains_key(&Text::from(rpc.as_str())))
            && query.edge.is_none_or(|id| id.0 == peer.id)
            && within(peer.at, span)
    });
    let rows = sorted(matching.collect(), query.order);
    let count = rows.len() as u64;
    let rows = page(&behind(rows, &after, order), pages).into_iter().map(|peer| Edge {
        id: EdgeId(peer.id),
        meta: peer.label.clone(),
        addr: peer.addr.as_str().into(),
        create_time: peer.at,
    });
    let expected = Ok(Listed { rows: rows.collect(), count });
    for (name, dao) in backends {
        assert_eq!(dao.edges(&query).await, expected, "{name}, seed {seed}, pages {pages:?}: {query:?}");
    }
    let id = EdgeId(draw.id());
    let expected = model.edges.get(&id.0).map(|peer| peer.at).ok_or(DaoError::NotFound);
    for (name, dao) in backends {
        assert_eq!(dao.edge(id).await.map(|edge| edge.create_time), expected, "{name}, seed {seed}: edge {id}");
    }
}

async fn compare_services(draw: &mut Draw, model: &Model, backends: &[(&str, common::Fresh)], seed: u64) {
    let (span, pages, order) = (draw.span(), draw.pages(), draw.peer_order());
    let after = draw.maybe(3, Draw::place);
    let query = ServiceQuery {
        service: draw.maybe(3, Draw::text),
        addr: draw.maybe(4, |draw| draw.0.one_of(&["10.0.0.1:1", "[", "%"]).to_string()),
        rpc: draw.maybe(3, Draw::text),
        topic: draw.maybe(3, Draw::text),
        during: During::new(span.0, span.1),
        order,
        after: after.as_ref().map(|(id, text, at)| {
            let (name, addr) = (text.clone(), text.as_str().into());
            After::service(&Service { id: ServiceId(*id), name, addr, create_time: *at }, order.by)
        }),
        page: Page::new(pages.0, pages.1),
    };
    let has = |names: &BTreeMap<Text, i64>, name: &Option<String>| {
        name.as_ref().is_none_or(|name| names.contains_key(&Text::from(name.as_str())))
    };
    let matching = model.services.values().filter(|peer| {
        starts(peer.label.as_str(), &query.service)
            && starts(&peer.addr, &query.addr)
            && has(&peer.rpcs, &query.rpc)
            && has(&peer.topics, &query.topic)
            && within(peer.at, span)
    });
    let rows = sorted(matching.collect(), query.order);
    let expected = (
        page(&behind(rows.clone(), &after, order), pages).iter().map(|peer| peer.id).collect::<Vec<_>>(),
        rows.len() as u64,
    );
    for (name, dao) in backends {
        let listed = dao.services(&query).await.unwrap();
        assert_eq!(common::service_ids(&listed), expected, "{name}, seed {seed}, pages {pages:?}: {query:?}");
    }
}

async fn compare_names(draw: &mut Draw, model: &Model, backends: &[(&str, common::Fresh)], seed: u64) {
    let (span, pages, label, order) = (draw.span(), draw.pages(), draw.maybe(3, Draw::text), draw.name_order());
    let (id, during, page) = (draw.maybe(4, Draw::id), During::new(span.0, span.1), Page::new(pages.0, pages.1));
    let expected = |table: &Table, offers: fn(&Peer) -> &BTreeMap<Text, i64>| {
        let peers = table.values().filter(|peer| starts(peer.label.as_str(), &label));
        let peers = peers.filter(|peer| id.is_none_or(|id| id == peer.id));
        let offers = peers.flat_map(|peer| offers(peer).iter().map(|(name, at)| (name.clone(), peer.id, *at)));
        Ok(listed_names(offers.filter(|(_, _, at)| within(*at, span)).collect(), order, pages))
    };
    let of_edges = EdgeRpcQuery { meta: label.clone(), edge: id.map(EdgeId), during, order, page };
    let of_services = ServiceNamesQuery { service: label.clone(), id: id.map(ServiceId), during, order, page };
    for (name, dao) in backends {
        let told = format!("{name}, seed {seed}, pages {pages:?}: {of_services:?}");
        assert_eq!(dao.edge_rpcs(&of_edges).await, expected(&model.edges, |peer| &peer.rpcs), "{told}");
        assert_eq!(dao.service_rpcs(&of_services).await, expected(&model.services, |peer| &peer.rpcs), "{told}");
        assert_eq!(dao.service_topics(&of_services).await, expected(&model.services, |peer| &peer.topics), "{told}");
    }
}

async fn run(seed: u64, steps: usize) {
    let backends = [
        ("memory", common::memory().await),
        ("sqlite in memory", common::sqlite_in_memory().await),
        ("sqlite file", common::sqlite_file().await),
    ];
    let (mut draw, mut model) = (Draw(Random::new(seed)), Model::default());
    for _ in 0..steps {
        let changes: Vec<Change> = (0..=draw.0.below(12)).map(|_| draw.change()).collect();
        let anew = draw.0.below(40) == 0;
        if anew {
            model = Model::default();
        }
        changes.iter().for_each(|change| model.apply(change));
        for (name, dao) in &backends {
            let done = if anew { dao.rebuild(changes.clone()).await } else { dao.apply(changes.clone()).await };
            assert_eq!(done, Ok(()), "{name}, seed {seed}");
        }
        compare_edges(&mut draw, &model, &backends, seed).await;
        compare_services(&mut draw, &model, &backends, seed).await;
        compare_names(&mut draw, &model, &backends, seed).await;
    }
}

#[tokio::test]
async fn both_back_ends_answer_as_the_model_does() {
    for seed in 1..=4 {
        run(seed, 150).await;
    }
}

/// Other seeds at each run; a failure names its own.
#[tokio::test]
async fn both_back_ends_answer_as_the_model_does_for_a_seed_of_this_run() {
    let seed = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("seed {seed}");
    run(seed, 150).await;
}
