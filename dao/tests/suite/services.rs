//! Services: names, methods, topics.

use crate::common::{names, service, service_ids, service_on, service_rpc, service_topic};
use frontier_dao::{Change, DaoError, Generation, NameField, Order, Page, ServiceNamesQuery, ServiceQuery};
use proto::id::ServiceId;

use super::fresh;

#[tokio::test]
async fn a_service_is_there_with_what_it_offers_until_it_goes() {
    let dao = fresh().await;
    dao.apply(vec![service_on(7, "s", 5), service_rpc(7, "echo", 5), service_topic(7, "t", 5)]).await.unwrap();
    assert_eq!(dao.service(ServiceId(7)).await, Ok(service(7, "s", 5)));
    assert_eq!(names(&dao.service_rpcs(&ServiceNamesQuery::default()).await.unwrap()), (vec!["echo"], 1));
    assert_eq!(names(&dao.service_topics(&ServiceNamesQuery::default()).await.unwrap()), (vec!["t"], 1));
    dao.apply(vec![Change::ServiceOffline(ServiceId(7), Generation(1))]).await.unwrap();
    assert_eq!(dao.service(ServiceId(7)).await, Err(DaoError::NotFound));
    assert_eq!(dao.service_rpcs(&ServiceNamesQuery::default()).await.unwrap().count, 0);
    assert_eq!(dao.service_topics(&ServiceNamesQuery::default()).await.unwrap().count, 0);
}

#[tokio::test]
async fn a_late_leaver_takes_nothing_of_its_successor() {
    let dao = fresh().await;
    let next = Change::ServiceOnline(service(7, "new", 6), Generation(2));
    dao.apply(vec![service_on(7, "old", 5), service_topic(7, "t", 5), next]).await.unwrap();
    dao.apply(vec![Change::ServiceOffline(ServiceId(7), Generation(1))]).await.unwrap();
    assert_eq!(dao.service(ServiceId(7)).await, Ok(service(7, "new", 6)));
    assert_eq!(dao.service_topics(&ServiceNamesQuery::default()).await.unwrap().count, 0);
}

#[tokio::test]
async fn services_are_found_by_name_address_method_and_topic_together() {
    let dao = fresh().await;
    dao.apply(vec![
        service_on(1, "alpha", 1),
        service_on(2, "alphabet", 2),
        service_on(3, "beta", 3),
        service_rpc(1, "echo", 1),
        service_rpc(2, "echo", 2),
        service_rpc(3, "other", 3),
        service_topic(2, "t", 2),
        service_topic(3, "t", 3),
    ])
    .await
    .unwrap();
    let all = ServiceQuery { order: Order::of_services("service_id").unwrap(), ..ServiceQuery::default() };
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (ServiceQuery { service: text("alpha"), ..all.clone() }, vec![1, 2]),
        (ServiceQuery { addr: text("127.0.0.1:1000"), ..all.clone() }, vec![1, 2, 3]),
        (ServiceQuery { addr: text("127.0.0.1:10002"), ..all.clone() }, vec![2]),
        (ServiceQuery { rpc: text("echo"), ..all.clone() }, vec![1, 2]),
        (ServiceQuery { rpc: text("ech"), ..all.clone() }, vec![]),
        (ServiceQuery { topic: text("t"), ..all.clone() }, vec![2, 3]),
        (ServiceQuery { rpc: text("echo"), topic: text("t"), service: text("alpha"), ..all.clone() }, vec![2]),
        (ServiceQuery { rpc: text("t"), ..all.clone() }, vec![]),
        (ServiceQuery { topic: text("echo"), ..all.clone() }, vec![]),
    ];
    for (query, expected) in cases {
        let count = expected.len() as u64;
        assert_eq!(service_ids(&dao.services(&query).await.unwrap()), (expected, count), "{query:?}");
    }
}

#[tokio::test]
async fn names_are_listed_once_and_pages_neither_repeat_nor_miss_one() {
    let dao = fresh().await;
    let mut changes = Vec::new();
    for id in 1..=20 {
        changes.push(service_on(id, &format!("s{id}"), 5));
        changes.extend((0..5).map(|topic| service_topic(id, &format!("t{:02}", (id + topic) % 23), 5)));
    }
    dao.apply(changes).await.unwrap();
    for by in [NameField::Name, NameField::Id, NameField::CreateTime] {
        for descending in [false, true] {
            let order = Order { by, descending };
            let mut seen = Vec::new();
            for page in 1.. {
                let query = ServiceNamesQuery { order, page: Page::new(page, 7), ..ServiceNamesQuery::default() };
                let listed = dao.service_topics(&query).await.unwrap();
                assert_eq!(listed.count, 23);
                if listed.rows.is_empty() {
                    break;
                }
                seen.extend(listed.rows);
            }
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 23, "{order:?}");
        }
    }
}

#[tokio::test]
async fn a_name_that_several_offer_stands_where_it_comes_first() {
    let dao = fresh().await;
    dao.apply(vec![
        service_on(1, "a", 1),
        service_on(2, "b", 1),
        service_rpc(1, "x", 10),
        service_rpc(2, "y", 20),
        service_rpc(2, "x", 30),
        service_rpc(2, "x", 99),
    ])
    .await
    .unwrap();
    let ask = async |order: &str, query: ServiceNamesQuery| {
        let query = ServiceNamesQuery { order: Order::of_service_rpcs(order).unwrap(), ..query };
        let listed = dao.service_rpcs(&query).await.unwrap();
        listed.rows.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let all = ServiceNamesQuery::default;
    assert_eq!(ask("", all()).await, "x y", "the youngest first: x at 30, for offering it again changes nothing");
    assert_eq!(ask("create_time", all()).await, "x y");
    assert_eq!(ask("-service_id", all()).await, "x y", "ties by name");
    assert_eq!(ask("-rpc", all()).await, "y x");
    let prefix = ServiceNamesQuery { service: Some("b".to_owned()), ..all() };
    assert_eq!(ask("create_time", prefix).await, "y x");
    let during = frontier_dao::During::new(Some(10), Some(30));
    assert_eq!(ask("", ServiceNamesQuery { during, ..all() }).await, "y x");
    let one = ServiceNamesQuery { id: Some(ServiceId(1)), ..all() };
    assert_eq!(ask("", one).await, "x");
}
