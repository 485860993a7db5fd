//! Edges that come, go and offer methods.

use crate::common::{edge, edge_ids, edge_on, edge_rpc, names};
use frontier_dao::{Change, DaoError, EdgeQuery, EdgeRpc, EdgeRpcQuery, Generation, Order, Page};
use proto::id::EdgeId;

use super::fresh;

#[tokio::test]
async fn an_edge_is_there_until_it_goes() {
    let dao = fresh().await;
    assert_eq!(dao.edge(EdgeId(7)).await, Err(DaoError::NotFound));
    dao.apply(vec![edge_on(7, "m", 5)]).await.unwrap();
    assert_eq!(dao.edge(EdgeId(7)).await, Ok(edge(7, "m", 5)));
    dao.apply(vec![Change::EdgeOffline(EdgeId(7), Generation(1))]).await.unwrap();
    assert_eq!(dao.edge(EdgeId(7)).await, Err(DaoError::NotFound));
    assert_eq!(edge_ids(&dao.edges(&EdgeQuery::default()).await.unwrap()), (vec![], 0));
}

#[tokio::test]
async fn a_late_leaver_takes_nothing_of_its_successor() {
    let dao = fresh().await;
    let old = [edge_on(7, "old", 5), edge_rpc(7, "old", 5)];
    let new = [
        Change::EdgeOnline(edge(7, "new", 6), Generation(2)),
        Change::EdgeRpc(EdgeRpc { rpc: "new".into(), edge: EdgeId(7), create_time: 6 }, Generation(2)),
    ];
    dao.apply([old.clone(), new.clone()].concat()).await.unwrap();
    let late = [Change::EdgeOffline(EdgeId(7), Generation(1)), edge_rpc(7, "late", 7)];
    dao.apply([late.to_vec(), old.to_vec()].concat()).await.unwrap();
    assert_eq!(dao.edge(EdgeId(7)).await, Ok(edge(7, "new", 6)));
    assert_eq!(names(&dao.edge_rpcs(&EdgeRpcQuery::default()).await.unwrap()), (vec!["new"], 1));
    // Again, as after a snapshot that held it already: it keeps what it offers.
    dao.apply(vec![new[0].clone()]).await.unwrap();
    assert_eq!(names(&dao.edge_rpcs(&EdgeRpcQuery::default()).await.unwrap()), (vec!["new"], 1));
}

#[tokio::test]
async fn methods_of_an_edge_that_is_not_there_are_not_recorded() {
    let dao = fresh().await;
    dao.apply(vec![edge_rpc(7, "echo", 5), edge_on(7, "m", 6)]).await.unwrap();
    assert_eq!(names(&dao.edge_rpcs(&EdgeRpcQuery::default()).await.unwrap()), (vec![], 0));
}

#[tokio::test]
async fn edges_of_one_second_keep_their_own_methods() {
    let dao = fresh().await;
    let base = 7_710_967_498_078_690_744;
    for id in base..base + 8 {
        dao.apply(vec![edge_on(id, "m", 5), edge_rpc(id, "echo", 5), edge_rpc(id, &format!("r{id}"), 5)])
            .await
            .unwrap();
    }
    dao.apply(vec![Change::EdgeOffline(EdgeId(base + 3), Generation(1))]).await.unwrap();
    assert_eq!(dao.edge_rpcs(&EdgeRpcQuery::default()).await.unwrap().count, 8);
    for id in base..base + 8 {
        let query = EdgeRpcQuery { edge: Some(EdgeId(id)), ..EdgeRpcQuery::default() };
        assert_eq!(dao.edge_rpcs(&query).await.unwrap().count, if id == base + 3 { 0 } else { 2 });
    }
}

#[tokio::test]
async fn ids_of_all_64_bits_are_exact_and_unsigned() {
    let dao = fresh().await;
    let ids = [1, 9_007_199_254_740_992, 9_007_199_254_740_993, i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX];
    for (place, id) in ids.iter().enumerate() {
        dao.apply(vec![edge_on(*id, "m", 5), edge_rpc(*id, &format!("r{place}"), 5)]).await.unwrap();
    }
    let order = |text| Order::of_edges(text).unwrap();
    let ascending = EdgeQuery { order: order("+edge_id"), ..EdgeQuery::default() };
    assert_eq!(edge_ids(&dao.edges(&ascending).await.unwrap()), (ids.to_vec(), 7));
    let descending = EdgeQuery { order: order("edge_id"), page: Page::new(1, 2), ..EdgeQuery::default() };
    assert_eq!(edge_ids(&dao.edges(&descending).await.unwrap()), (vec![u64::MAX, u64::MAX - 1], 7));
    let ties = dao.edges(&EdgeQuery::default()).await.unwrap();
    assert_eq!(edge_ids(&ties), (ids.to_vec(), 7), "ties come by id, the smaller first");
    for (place, id) in ids.iter().enumerate() {
        assert_eq!(dao.edge(EdgeId(*id)).await, Ok(edge(*id, "m", 5)));
        let one = EdgeQuery { edge: Some(EdgeId(*id)), ..EdgeQuery::default() };
        assert_eq!(edge_ids(&dao.edges(&one).await.unwrap()), (vec![*id], 1));
        let rpcs = EdgeRpcQuery { edge: Some(EdgeId(*id)), ..EdgeRpcQuery::default() };
        assert_eq!(names(&dao.edge_rpcs(&rpcs).await.unwrap()), (vec![format!("r{place}").as_str()], 1));
    }
    dao.apply(vec![Change::EdgeOffline(EdgeId(u64::MAX), Generation(1))]).await.unwrap();
    assert_eq!(dao.edges(&EdgeQuery::default()).await.unwrap().count, 6);
    assert_eq!(dao.edge(EdgeId(u64::MAX - 1)).await, Ok(edge(u64::MAX - 1, "m", 5)));
}

#[tokio::test]
async fn generations_of_all_64_bits_are_unsigned() {
    let dao = fresh().await;
    let online = |meta: &str, generation| Change::EdgeOnline(edge(7, meta, 5), Generation(generation));
    dao.apply(vec![online("old", i64::MAX as u64), online("new", 1 << 63), online("stale", 3)]).await.unwrap();
    assert_eq!(dao.edge(EdgeId(7)).await, Ok(edge(7, "new", 5)));
}

#[tokio::test]
async fn a_rebuild_replaces_everything() {
    let dao = fresh().await;
    dao.apply(vec![edge_on(1, "m", 5), edge_rpc(1, "old", 5), edge_on(2, "m", 5)]).await.unwrap();
    dao.rebuild(vec![edge_on(2, "m", 6), edge_rpc(2, "new", 6), edge_on(3, "m", 7)]).await.unwrap();
    assert_eq!(edge_ids(&dao.edges(&EdgeQuery::default()).await.unwrap()), (vec![3, 2], 2));
    assert_eq!(names(&dao.edge_rpcs(&EdgeRpcQuery::default()).await.unwrap()), (vec!["new"], 1));
    dao.apply(vec![edge_on(4, "m", 8)]).await.unwrap();
    assert_eq!(edge_ids(&dao.edges(&EdgeQuery::default()).await.unwrap()), (vec![4, 3, 2], 3));
}

#[tokio::test]
async fn meta_may_be_any_text() {
    let dao = fresh().await;
    let long = "x".repeat(128 << 10);
    for (id, meta) in ["", "\0", "a\0b", "\u{fffd}", "\u{10ffff}", "\"';--", long.as_str()].into_iter().enumerate() {
        dao.apply(vec![edge_on(id as u64, meta, 5)]).await.unwrap();
        assert_eq!(dao.edge(EdgeId(id as u64)).await, Ok(edge(id as u64, meta, 5)));
    }
    let nul = EdgeQuery { meta: Some("a\0".to_owned()), ..EdgeQuery::default() };
    assert_eq!(edge_ids(&dao.edges(&nul).await.unwrap()), (vec![2], 1));
}

#[tokio::test]
async fn many_that_come_at_once_displace_each_other_as_if_they_came_singly() {
    let dao = fresh().await;
    let online =
        |id: u64, generation: u64| Change::EdgeOnline(edge(id, &format!("m{generation}"), 5), Generation(generation));
    dao.apply((0..40).map(|id| online(id, 2)).collect()).await.unwrap();
    dao.apply((0..40).map(|id| edge_rpc_of(id, 2)).collect()).await.unwrap();
    // Newer ones, older ones, the same again, new ids, and one id twice, among enough to be written together.
    let again =
        (30..50).map(|id| online(id, 3)).chain((0..30).map(|id| online(id, 1))).chain((50..90).map(|id| online(id, 1)));
    dao.apply(again.chain([online(60, 5), online(60, 4)]).chain((61..120).map(|id| online(id, 1))).collect())
        .await
        .unwrap();
    assert_eq!(dao.edges(&EdgeQuery::default()).await.unwrap().count, 120);
    for (id, generation) in [(0, 2), (29, 2), (30, 3), (49, 3), (50, 1), (60, 5), (119, 1)] {
        assert_eq!(dao.edge(EdgeId(id)).await.unwrap().meta, format!("m{generation}").into());
    }
    assert_eq!(dao.edge_rpcs(&EdgeRpcQuery::default()).await.unwrap().count, 30);
}

fn edge_rpc_of(id: u64, generation: u64) -> Change {
    Change::EdgeRpc(EdgeRpc { rpc: format!("r{id}").into(), edge: EdgeId(id), create_time: 5 }, Generation(generation))
}
