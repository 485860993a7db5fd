//! Filters, orders, pages.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{Random, edge, edge_ids, edge_on, edge_rpc, names, service_on, service_rpc, service_topic};
use frontier_dao::{
    After, BadQuery, Change, DaoError, During, EdgeQuery, EdgeRpcQuery, Generation, Order, Page, PeerField,
    ServiceNamesQuery, ServiceQuery,
};
use proto::id::EdgeId;

use super::fresh;

/// Text in which something could mean more than itself.
const ODD: [&str; 10] = ["a_1", "ab1", "a%", "A_1", "ä1", "Ä1", "a\\", "a'", "", "a*b"];

/// Prefixes, and which of [`ODD`] start with them.
const PREFIXES: [(&str, &[usize]); 12] = [
    ("a_", &[0]),
    ("%", &[]),
    ("a%", &[2]),
    ("A", &[3]),
    ("Ä", &[5]),
    ("ä", &[4]),
    ("a\\", &[6]),
    ("'", &[]),
    ("a'", &[7]),
    ("a*", &[9]),
    ("a", &[0, 1, 2, 6, 7, 9]),
    ("", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
];

fn ids(places: &[usize]) -> (Vec<u64>, u64) {
    (places.iter().map(|place| *place as u64).collect(), places.len() as u64)
}

#[tokio::test]
async fn every_character_of_a_prefix_stands_for_itself() {
    let dao = fresh().await;
    for (id, text) in ODD.into_iter().enumerate() {
        let id = id as u64;
        let changes = [edge_on(id, text, 5), edge_rpc(id, text, 5), service_on(id, text, 5)];
        dao.apply([&changes[..], &[service_rpc(id, text, 5), service_topic(id, text, 5)]].concat()).await.unwrap();
    }
    for (prefix, places) in PREFIXES {
        let text = Some(prefix.to_owned());
        let order = Order::of_edges("+edge_id").unwrap();
        let edges = EdgeQuery { meta: text.clone(), order, ..EdgeQuery::default() };
        assert_eq!(edge_ids(&dao.edges(&edges).await.unwrap()), ids(places), "meta={prefix:?}");
        let services = ServiceQuery { service: text.clone(), ..ServiceQuery::default() };
        assert_eq!(
            crate::common::service_ids(&dao.services(&services).await.unwrap()),
            ids(places),
            "service={prefix:?}"
        );
        let mut named: Vec<&str> = places.iter().map(|place| ODD[*place]).collect();
        named.sort_unstable();
        let expected = (named, places.len() as u64);
        let rpcs = EdgeRpcQuery { meta: text.clone(), ..EdgeRpcQuery::default() };
        assert_eq!(names(&dao.edge_rpcs(&rpcs).await.unwrap()), expected, "rpcs of meta={prefix:?}");
        let of = ServiceNamesQuery { service: text, ..ServiceNamesQuery::default() };
        assert_eq!(names(&dao.service_rpcs(&of).await.unwrap()), expected, "rpcs of service={prefix:?}");
        assert_eq!(names(&dao.service_topics(&of).await.unwrap()), expected, "topics of service={prefix:?}");
    }
    for (place, text) in ODD.into_iter().enumerate() {
        let exact = Some(text.to_owned());
        let edges = EdgeQuery { rpc: exact.clone(), ..EdgeQuery::default() };
        assert_eq!(edge_ids(&dao.edges(&edges).await.unwrap()), ids(&[place]), "rpc={text:?}");
        for (rpc, topic) in [(exact.clone(), None), (None, exact)] {
            let services = ServiceQuery { rpc, topic, ..ServiceQuery::default() };
            assert_eq!(
                crate::common::service_ids(&dao.services(&services).await.unwrap()),
                ids(&[place]),
                "{services:?}"
            );
        }
    }
    for rpc in ["a%", "%", "_", "a__", "A_1 "] {
        let found = dao.edges(&EdgeQuery { rpc: Some(rpc.to_owned()), ..EdgeQuery::default() }).await.unwrap();
        assert_eq!(found.count, u64::from(rpc == "a%"));
    }
    for (addr, count) in [("127.0.0._", 0), ("127.0.0.%", 0), ("127.0.0.1:1000", 10), ("127.0.0.1:10003", 1)] {
        let edges = EdgeQuery { addr: Some(addr.to_owned()), ..EdgeQuery::default() };
        assert_eq!(dao.edges(&edges).await.unwrap().count, count, "addr={addr}");
        let services = ServiceQuery { addr: Some(addr.to_owned()), ..ServiceQuery::default() };
        assert_eq!(dao.services(&services).await.unwrap().count, count, "addr={addr}");
    }
}

#[tokio::test]
async fn a_span_of_time_has_its_start_and_not_its_end() {
    let dao = fresh().await;
    dao.apply((1..=5).map(|id| edge_on(id, "m", 100 + id as i64)).collect()).await.unwrap();
    dao.apply((1..=5).map(|id| edge_rpc(id, &format!("r{id}"), 100 + id as i64)).collect()).await.unwrap();
    for (start, end, count) in [
        (Some(102), Some(104), 2),
        (Some(104), Some(104), 0),
        (Some(104), Some(102), 0),
        (Some(-5), Some(i64::MAX), 5),
        (Some(102), None, 5),
        (Some(102), Some(0), 5),
        (Some(0), Some(103), 5),
    ] {
        let during = During::new(start, end);
        let edges = dao.edges(&EdgeQuery { during, ..EdgeQuery::default() }).await.unwrap();
        assert_eq!(edges.count, count, "{start:?} {end:?}");
        let rpcs = dao.edge_rpcs(&EdgeRpcQuery { during, ..EdgeRpcQuery::default() }).await.unwrap();
        assert_eq!(rpcs.count, count, "{start:?} {end:?}");
    }
}

#[tokio::test]
async fn orders_and_their_signs() {
    let dao = fresh().await;
    let rows = [(1, "b", 30), (2, "a", 10), (3, "b", 20), (4, "B", 20)];
    dao.apply(rows.map(|(id, meta, at)| edge_on(id, meta, at)).to_vec()).await.unwrap();
    dao.apply(rows.map(|(id, name, at)| service_on(id, name, at)).to_vec()).await.unwrap();
    for (order, expected) in [
        ("", [1, 3, 4, 2]),
        ("create_time", [1, 3, 4, 2]),
        ("+create_time", [2, 3, 4, 1]),
        ("meta", [1, 3, 2, 4]),
        ("+meta", [4, 2, 1, 3]),
        ("-edge_id", [4, 3, 2, 1]),
        ("addr", [4, 3, 2, 1]),
        ("+addr", [1, 2, 3, 4]),
    ] {
        let query = EdgeQuery { order: Order::of_edges(order).unwrap(), ..EdgeQuery::default() };
        assert_eq!(edge_ids(&dao.edges(&query).await.unwrap()).0, expected, "{order:?}");
    }
    for (order, expected) in
        [("", [1, 3, 4, 2]), ("create_time", [2, 3, 4, 1]), ("service", [4, 2, 1, 3]), ("-service", [1, 3, 2, 4])]
    {
        let query = ServiceQuery { order: Order::of_services(order).unwrap(), ..ServiceQuery::default() };
        assert_eq!(crate::common::service_ids(&dao.services(&query).await.unwrap()).0, expected, "{order:?}");
    }
    for order in ["id", "-", "create_time desc", "Meta", "service", "rpc; DROP TABLE edges"] {
        assert!(matches!(Order::of_edges(order), Err(BadQuery::Order { .. })), "{order:?}");
    }
}

#[tokio::test]
async fn texts_that_begin_alike_are_in_order() {
    let dao = fresh().await;
    let shared = "{\"serial\":\"0123456789abcdef";
    let mut metas: Vec<String> = (0..200).map(|n| format!("{shared}{:040}", n * 7919 % 211)).collect();
    metas.extend([shared.to_owned(), format!("{shared}\0"), format!("{shared}\0\0"), format!("{shared}{:017}", 0)]);
    dao.apply(metas.iter().enumerate().map(|(id, meta)| edge_on(id as u64, meta, 5)).collect()).await.unwrap();
    let mut expected = metas.clone();
    expected.sort();
    for (order, page, expected) in [
        ("+meta", Page::new(1, 1_000), expected.clone()),
        ("-meta", Page::new(2, 60), expected.iter().rev().skip(60).take(60).cloned().collect()),
    ] {
        let query = EdgeQuery { order: Order::of_edges(order).unwrap(), page, ..EdgeQuery::default() };
        let listed = dao.edges(&query).await.unwrap();
        assert_eq!(listed.rows.iter().map(|edge| edge.meta.to_string()).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn pages() {
    let dao = fresh().await;
    dao.apply((0..25).map(|id| edge_on(id, "m", 5)).collect()).await.unwrap();
    for (page, size, expected) in [
        (0, 0, 0..10),
        (3, 0, 0..10),
        (-1, 7, 0..10),
        (1, 7, 0..7),
        (4, 7, 21..25),
        (5, 7, 25..25),
        (1, 100_000, 0..25),
        (i64::MAX, i64::MAX, 25..25),
    ] {
        let query = EdgeQuery { page: Page::new(page, size), ..EdgeQuery::default() };
        assert_eq!(edge_ids(&dao.edges(&query).await.unwrap()), (expected.collect(), 25), "page {page} of {size}");
    }
}

/// How to come from page to page.
#[derive(Debug, Clone, Copy)]
enum Walk {
    /// By the number, over those who stay: nobody comes or goes among them.
    Numbered,
    /// Behind the last row, over all.
    Behind,
}

/// How many of those who stay one pass meets, each once.
async fn pass(dao: &crate::common::Fresh, order: Order<PeerField>, size: i64, walk: Walk) -> u64 {
    let mut seen = BTreeSet::new();
    let mut query = EdgeQuery { order, page: Page::new(1, size), ..EdgeQuery::default() };
    if matches!(walk, Walk::Numbered) {
        query.meta = Some("m".to_owned());
    }
    for page in 2.. {
        let listed = dao.edges(&query).await.unwrap();
        let Some(last) = listed.rows.last() else { break };
        match walk {
            Walk::Numbered => query.page = Page::new(page, size),
            Walk::Behind => query.after = Some(After::read(&After::edge(last, order.by).token()).unwrap()),
        }
        for edge in listed.rows.iter().filter(|edge| edge.meta.as_str().starts_with('m')) {
            assert!(seen.insert(edge.id), "{} twice, {order:?}, size {size}, {walk:?}", edge.id);
        }
    }
    seen.len() as u64
}

#[tokio::test]
async fn a_place_of_another_order_is_refused() {
    let dao = fresh().await;
    for (order, by) in [("meta", PeerField::Addr), ("", PeerField::Id), ("edge_id", PeerField::CreateTime)] {
        let after = Some(After::edge(&edge(1, "m", 5), by));
        let query = EdgeQuery { order: Order::of_edges(order).unwrap(), after, ..EdgeQuery::default() };
        assert_eq!(dao.edges(&query).await, Err(DaoError::BadQuery(BadQuery::After)));
    }
    for token in ["", "t.1", "t.1.x", "t.-1.5", "l.1", "x.1.1", "i.18446744073709551616."] {
        assert_eq!(After::read(token), Err(BadQuery::After), "{token:?}");
    }
    for by in [PeerField::CreateTime, PeerField::Id, PeerField::Label, PeerField::Addr] {
        let after = After::edge(&edge(u64::MAX, "a.b.c", -5), by);
        assert_eq!(After::read(&after.token()), Ok(after));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_under_churn_miss_and_repeat_nobody_who_stays() {
    const STAY: u64 = 600;
    let dao = fresh().await;
    // Ten of each second: ties are everywhere.
    let stays = |id: u64| edge_on(id * 10, &format!("m{id:04}"), (id / 10) as i64 + 1);
    dao.apply((0..STAY).map(stays).collect()).await.unwrap();
    let (dao, done) = (Arc::new(dao), Arc::new(AtomicBool::new(false)));
    let churn = {
        let (dao, done) = (Arc::clone(&dao), Arc::clone(&done));
        tokio::spawn(async move {
            let mut random = Random::new(5);
            for generation in 2.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let id = random.next() % (STAY * 10) / 10 * 10 + 5;
                let change = Change::EdgeOnline(edge(id, &format!("n{id}"), 1), Generation(generation));
                dao.apply(vec![change]).await.unwrap();
                dao.apply(vec![Change::EdgeOffline(EdgeId(id), Generation(generation))]).await.unwrap();
            }
        })
    };
    for order in ["", "+meta", "-meta", "+edge_id", "+create_time", "addr"] {
        let order = Order::of_edges(order).unwrap();
        for size in [7, 100, 1_000] {
            for walk in [Walk::Numbered, Walk::Behind] {
                assert_eq!(pass(&dao, order, size, walk).await, STAY, "{order:?}, size {size}, {walk:?}");
            }
        }
    }
    done.store(true, Ordering::Relaxed);
    churn.await.unwrap();
    assert_eq!(dao.edges(&EdgeQuery::default()).await.unwrap().count, STAY);
}

#[tokio::test]
async fn many_rows_are_listed_as_few_are() {
    const MANY: u64 = 4_500;
    let dao = fresh().await;
    let rows: Vec<_> = (0..MANY).map(|id| edge(id, &format!("m{}", id * 7919 % 600), (id % 90) as i64 + 1)).collect();
    dao.apply(rows.iter().map(|row| Change::EdgeOnline(row.clone(), Generation(1))).collect()).await.unwrap();
    dao.apply((0..MANY).map(|id| edge_rpc(id, "echo", 5)).collect()).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let filters = [
        EdgeQuery { meta: text("m"), addr: text("127."), ..EdgeQuery::default() },
        EdgeQuery { rpc: text("echo"), during: During::new(Some(1), Some(91)), ..EdgeQuery::default() },
    ];
    for (order, by) in [
        (Order::of_edges("").unwrap(), PeerField::CreateTime),
        (Order::of_edges("+meta").unwrap(), PeerField::Label),
        (Order::of_edges("-addr").unwrap(), PeerField::Addr),
        (Order::of_edges("-edge_id").unwrap(), PeerField::Id),
    ] {
        let mut expected: Vec<_> = rows.iter().collect();
        expected.sort_by(|one, other| {
            let by = match by {
                PeerField::CreateTime => one.create_time.cmp(&other.create_time),
                PeerField::Id => one.id.cmp(&other.id),
                PeerField::Label => one.meta.cmp(&other.meta),
                PeerField::Addr => one.addr.cmp(&other.addr),
            };
            (if order.descending { by.reverse() } else { by }).then(one.id.cmp(&other.id))
        });
        let expected: Vec<u64> = expected[2_000..2_100].iter().map(|edge| edge.id.0).collect();
        for filter in &filters {
            let query = EdgeQuery { order, page: Page::new(21, 100), ..filter.clone() };
            assert_eq!(edge_ids(&dao.edges(&query).await.unwrap()), (expected.clone(), MANY), "{query:?}");
        }
    }
}
