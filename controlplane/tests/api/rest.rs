//! Every route over plain HTTP, with the exact shapes.

use std::collections::BTreeSet;

use api::controlplane::ListEdgesResponse;
use prost::Message;
use serde_json::{Value, json};

use crate::common::{Answer, BACKENDS, Served};

/// The body of an error has these four keys.
fn error(code: u16, reason: &str, message: &str) -> Value {
    json!({ "code": code, "reason": reason, "message": message, "metadata": {} })
}

fn is(answer: &Answer, body: &Value) {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
    assert_eq!(answer.json(), *body);
}

fn fails(answer: &Answer, code: u16, reason: &str, message: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (code, Some("application/json")), "{answer:?}");
    assert_eq!(answer.json(), error(code, reason, message));
}

#[tokio::test]
async fn lists_and_rows_have_the_shape_of_the_go_gateway() {
    for backend in BACKENDS {
        let served = Served::start(backend).await;
        is(&served.get("/v1/edges").await, &json!({ "edges": [], "count": 0 }));
        is(&served.get("/v1/services").await, &json!({ "services": [], "count": 0 }));
        is(&served.get("/v1/edges/rpcs").await, &json!({ "rpcs": [], "count": 0 }));
        is(&served.get("/v1/services/rpcs").await, &json!({ "rpcs": [], "count": 0 }));
        is(&served.get("/v1/services/topics").await, &json!({ "topics": [], "count": 0 }));

        served.online.edge(7_710_967_498_078_690_747, "meta-1", 1_795_349_525, &["echo"]);
        served.online.service(9, "svc-a", 1_795_349_526, &["add"], &["t", "u"]);
        let edge = json!({
            "edge_id": "7710967498078690747",
            "meta": "meta-1",
            "addr": "127.0.0.1:50747",
            "create_time": "1795349525",
        });
        let service =
            json!({ "service_id": "9", "service": "svc-a", "addr": "127.0.0.1:10009", "create_time": "1795349526" });
        is(&served.get("/v1/edges").await, &json!({ "edges": [edge], "count": 1 }));
        is(&served.get("/v1/services").await, &json!({ "services": [service], "count": 1 }));
        is(&served.get("/v1/edges/7710967498078690747").await, &edge);
        is(&served.get("/v1/services/9").await, &service);
        is(&served.get("/v1/edges/rpcs").await, &json!({ "rpcs": ["echo"], "count": 1 }));
        is(&served.get("/v1/services/rpcs?service_id=9").await, &json!({ "rpcs": ["add"], "count": 1 }));
        is(&served.get("/v1/services/topics?order=topic").await, &json!({ "topics": ["t", "u"], "count": 2 }));
    }
}

#[tokio::test]
async fn w24_who_is_kicked_is_gone_from_every_list_and_who_is_not_there_is_not_found() {
    for backend in BACKENDS {
        let served = Served::start(backend).await;
        // Beyond 2^53 and 2^63, next to each other: neither is taken for the other.
        for id in [9_007_199_254_740_992, 9_007_199_254_740_993, 1 << 63, u64::MAX] {
            served.online.edge(id, "m", 1, &[]);
        }
        served.online.service(5, "s", 1, &[], &[]);
        is(&served.ask("DELETE", "/v1/edges/9007199254740993", &[]).await, &json!({}));
        is(&served.ask("DELETE", "/v1/edges/18446744073709551615", &[]).await, &json!({}));
        let left = served.get("/v1/edges?order=%2Bedge_id").await.json();
        let ids: Vec<_> =
            left["edges"].as_array().unwrap().iter().map(|edge| edge["edge_id"].as_str().unwrap()).collect();
        assert_eq!((ids, &left["count"]), (vec!["9007199254740992", "9223372036854775808"], &json!(2)));
        is(&served.ask("DELETE", "/v1/services/5", &[]).await, &json!({}));
        is(&served.get("/v1/services").await, &json!({ "services": [], "count": 0 }));

        fails(&served.get("/v1/edges/9007199254740993").await, 404, "", "not found");
        fails(&served.get("/v1/services/5").await, 404, "", "not found");
        fails(&served.ask("DELETE", "/v1/edges/1", &[]).await, 404, "", "edge not online");
        fails(&served.ask("DELETE", "/v1/services/5", &[]).await, 404, "", "service not online");
    }
}

#[tokio::test]
async fn parameters_are_taken_in_both_spellings_and_bad_ones_are_told() {
    for backend in BACKENDS {
        let served = Served::start(backend).await;
        for id in 1..=30 {
            served.online.edge(id, &format!("m{id:02}"), 100, &[]);
        }
        let ids = |answer: &Answer| -> Vec<u64> {
            let rows = answer.json()["edges"].as_array().unwrap().clone();
            rows.iter().map(|row| row["edge_id"].as_str().unwrap().parse().unwrap()).collect()
        };
        let first = served.get("/v1/edges").await;
        assert_eq!((ids(&first).len(), &first.json()["count"]), (10, &json!(30)));
        for query in ["page=2&page_size=7&order=%2Bmeta", "page=2&pageSize=7&order=%2Bmeta&nonsense=1&meta="] {
            assert_eq!(ids(&served.get(&format!("/v1/edges?{query}")).await), (8..=14).collect::<Vec<_>>(), "{query}");
        }
        assert_eq!(ids(&served.get("/v1/edges?edge_id=12").await), [12]);
        assert_eq!(ids(&served.get("/v1/edges?page=1&page_size=100000").await).len(), 30);
        assert_eq!(ids(&served.get("/v1/edges?start_time=100&end_time=101&page=1&page_size=40").await).len(), 30);
        assert_eq!(ids(&served.get("/v1/edges?start_time=101&end_time=102").await).len(), 0);

        let parse = |field: &str, parser: &str, text: &str| {
            format!("parsing field \"{field}\": strconv.{parser}: parsing \"{text}\": invalid syntax")
        };
        fails(&served.get("/v1/edges?page=x").await, 400, "CODEC", &parse("page", "ParseInt", "x"));
        fails(&served.get("/v1/edges/abc").await, 400, "CODEC", &parse("edge_id", "ParseUint", "abc"));
        fails(
            &served.ask("DELETE", "/v1/services/-1", &[]).await,
            400,
            "CODEC",
            &parse("service_id", "ParseUint", "-1"),
        );
        let twice = "parsing field \"meta\": it is given more than once";
        fails(&served.get("/v1/edges?meta=a&meta=b").await, 400, "CODEC", twice);
        let order = served.get("/v1/edges?order=size").await;
        assert_eq!((order.status, &order.json()["reason"]), (400, &json!("BAD_QUERY")));
        assert_eq!(served.get("/v1/edges?after=nonsense").await.status, 400);
    }
}

#[tokio::test]
async fn a_walk_by_links_meets_everybody_who_stays_once_whoever_comes_and_goes() {
    for backend in BACKENDS {
        let served = Served::start(backend).await;
        // Ten of each second, so that the order has ties.
        for id in 1..=300 {
            served.online.edge(id, &format!("m{id:03}"), 1_000 + id as i64 / 10, &[]);
        }
        let mut path = "/v1/edges?page=1&page_size=7&meta=m".to_owned();
        let mut met = BTreeSet::new();
        let mut steps = 0;
        loop {
            steps += 1;
            let answer = served.get(&path).await;
            for row in answer.json()["edges"].as_array().unwrap() {
                assert!(met.insert(row["edge_id"].as_str().unwrap().parse::<u64>().unwrap()), "twice: {row}");
            }
            // Newcomers stand before what was listed already.
            served.online.edge(10_000 + steps, "new", 9_000, &[]);
            let Some(link) = answer.header("link") else { break };
            path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
            assert!(path.starts_with("/v1/edges?page_size=7&meta=m&page=1&after="), "{path}");
        }
        assert_eq!((met.len(), steps), (300, 43), "everybody, seven at a time");
    }
}

#[tokio::test]
async fn a_list_that_is_too_much_for_one_message_goes_on_in_the_next() {
    let served = Served::start(BACKENDS[0]).await;
    for id in 1..=40 {
        served.online.edge(id, &"m".repeat(128 * 1024), 1, &[]);
    }
    let mut path = "/v1/edges?page=1&page_size=100000".to_owned();
    let mut rows = 0;
    loop {
        let answer = served.get(&path).await;
        assert!(answer.body.len() < 4 * 1024 * 1024, "{} bytes", answer.body.len());
        let body = answer.json();
        assert_eq!(body["count"], 40);
        rows += body["edges"].as_array().unwrap().len();
        let Some(link) = answer.header("link") else { break };
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
    assert_eq!(rows, 40);
}

#[tokio::test]
async fn what_was_added_has_its_shape() {
    let served = Served::start(BACKENDS[0]).await;
    served.online.edge(3, "m", 1, &["b", "a"]);
    served.online.service(4, "s", 1, &["r"], &["t", "*"]);
    let traffic = |bytes_in: &str, calls_in: &str| {
        json!({
            "bytes_in": bytes_in,
            "bytes_out": "0",
            "calls_in": calls_in,
            "calls_out": "0",
            "messages_in": "0",
            "messages_out": "0",
        })
    };
    let link = json!({
        "transport": "tls",
        "peer": "127.0.0.1:4711",
        "connected_since": "3",
        "heartbeat_age_ms": "12",
        "traffic": traffic("18446744073709551615", "3"),
    });
    let edge = json!({ "edge_id": "3", "meta": "m", "addr": "127.0.0.1:4711", "create_time": "3" });
    let details = json!({ "edge": edge, "link": link, "rpcs": ["a", "b"], "rpc_count": 2 });
    is(&served.get("/v1/edges/3/details").await, &details);
    let service = json!({ "service_id": "4", "service": "s", "addr": "127.0.0.1:4711", "create_time": "3" });
    let (rpcs, topics) = (json!(["r"]), json!(["*", "t"]));
    is(
        &served.get("/v1/services/4/details").await,
        &json!({ "service": service, "link": link, "rpcs": rpcs, "rpc_count": 1, "topics": topics, "topic_count": 2 }),
    );
    fails(&served.get("/v1/edges/8/details").await, 404, "", "not found");

    let answer = served.get("/v1/totals").await.json();
    assert_eq!(
        (&answer["edges"]["online"], &answer["edges"]["admitted"]),
        (&json!("1"), &json!("18446744073709551615"))
    );
    let bridge = &served.get("/v1/bridges").await.json()["bridges"][0];
    assert_eq!((&bridge["state"], &bridge["reason"]), (&json!("down"), &json!("nobody answers")));
    assert_eq!((&bridge["matched"], &bridge["queued"]), (&json!("3"), &json!("2")));
    let info = served.get("/v1/info").await.json();
    assert_eq!((&info["version"], &info["uptime_ms"]), (&json!("9.9.9"), &json!("60000")));

    served.ask("DELETE", "/v1/edges/3", &[]).await;
    let closed = served.get("/v1/closed?limit=5").await.json();
    let expected = json!({
        "kind": "edge",
        "id": "3",
        "label": "left",
        "peer": "127.0.0.1:4711",
        "connected_since": "0",
        "closed_at": "7",
        "reason": "kicked",
        "traffic": traffic("0", "0"),
    });
    assert_eq!(closed, json!({ "links": [expected] }));
}

#[tokio::test]
async fn who_wants_the_binary_message_gets_it() {
    let served = Served::start(BACKENDS[0]).await;
    served.online.edge(3, "m", 1, &[]);
    let answer = served.ask("GET", "/v1/edges", &["Accept: application/proto"]).await;
    assert_eq!(answer.header("content-type"), Some("application/proto"));
    let message = ListEdgesResponse::decode(&answer.body[..]).unwrap();
    assert_eq!((message.count, message.edges[0].edge_id), (1, 3));
    for accept in ["Accept: text/html, */*", "Accept: application/x-www-form-urlencoded"] {
        let answer = served.ask("GET", "/v1/edges", &[accept]).await;
        assert_eq!(answer.header("content-type"), Some("application/json"), "{accept}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_not_found_and_a_slash_at_the_end_leads_on() {
    let served = Served::start(BACKENDS[0]).await;
    for (method, path) in [("GET", "/"), ("GET", "/v2/edges"), ("POST", "/v1/edges"), ("PUT", "/v1/edges/3")] {
        let answer = served.ask(method, path, &[]).await;
        assert_eq!((answer.status, answer.text().trim_end()), (404, "404 page not found"), "{method} {path}");
    }
    let answer = served.get("/v1/edges/?page=2").await;
    assert_eq!((answer.status, answer.header("location")), (301, Some("/v1/edges?page=2")));
}

#[tokio::test]
async fn records_that_cannot_be_asked_are_told_and_no_count_is_made_up() {
    let mut served = Served::start(BACKENDS[0]).await;
    served.online.edge(3, "m", 1, &[]);
    assert_eq!(served.get("/v1/edges").await.status, 200);
    // Without its writer nothing is written any more.
    served.stop_records().await;
    let answer = served.get("/v1/edges").await;
    assert_eq!((answer.status, &answer.json()["reason"]), (503, &json!("UNAVAILABLE")), "{answer:?}");
    assert!(answer.json()["message"].as_str().unwrap().starts_with("the records of who is online are not available: "));
}

#[tokio::test]
async fn the_page_fetches_nothing_from_elsewhere() {
    let served = Served::start(BACKENDS[0]).await;
    let page = served.get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'; connect-src 'self';"));
    assert!(!page.text().contains("http://") && !page.text().contains("https://"), "a link to elsewhere");
    assert_eq!(served.get("/openapi.json").await.json()["openapi"], "3.1.0");
}
