//! Calls that an edge or service serves.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use proto::id::SessionId;
use sdk::{Bytes, EdgeId, Request};
use tokio::sync::{Notify, oneshot};

use crate::gateway::{Gateway, Heard, soon};

const MAIN: SessionId = SessionId::MAIN;

#[tokio::test(start_paused = true)]
async fn a_handler_gets_the_call_and_its_result_is_the_answer() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    let handler = async |request: Request| {
        assert_eq!((request.edge_id, &request.custom[..]), (None, &b"extra123"[..]));
        Ok::<_, Infallible>([&b"got "[..], &request.payload].concat())
    };
    let (done, method) = tokio::join!(edge.handle("echo", handler), peer.registered());
    done.expect("registered");
    assert_eq!(method, "echo");
    peer.call(1, MAIN, "echo", b"extra123", b"it");
    assert_eq!(peer.response().await, (1, Ok(b"got it".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn w27_a_services_handler_learns_which_edge_calls_and_its_custom_bytes_are_the_callers_own() {
    let mut gateway = Gateway::new();
    let builder = gateway.service().handle_now("who", |request: Request| {
        let custom = String::from_utf8_lossy(&request.custom).into_owned();
        Ok::<_, Infallible>(format!("{:?} {custom}", request.edge_id.map(|EdgeId(id)| id)))
    });
    let (service, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _service = service.expect("let in");
    assert_eq!(peer.registered().await, "who");
    peer.call(1, MAIN, "who", b"extra\0\0\0\0\0\0\x01\x02", b"");
    assert_eq!(peer.response().await, (1, Ok(b"Some(258) extra".to_vec())));
    peer.call(2, MAIN, "who", b"", b"");
    assert_eq!(peer.response().await, (2, Ok(b"None ".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn errors_panics_and_unknown_methods_become_errors() {
    let mut gateway = Gateway::new();
    let builder = gateway
        .edge()
        .handle("fail", async |_| Err::<Bytes, _>("no can do"))
        .handle("panic", async |request: Request| {
            assert!(request.payload.is_empty(), "wanted nothing");
            Ok::<_, Infallible>("")
        })
        .handle_now("panic now", |_| -> Result<Bytes, Infallible> { panic!("at once") })
        .handle_now("silent", |_| Err::<Bytes, _>(""))
        .handle_now("large", |_| Ok::<_, Infallible>(vec![0; 8_000_000]));
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _edge = edge.expect("let in");
    for _ in 0..5 {
        peer.registered().await;
    }
    let expected = [
        ("fail", "no can do"),
        ("panic", "rpc handler panic: wanted nothing"),
        ("panic now", "rpc handler panic: at once"),
        ("silent", "error"),
        ("other", "no such rpc: other"),
    ];
    for (method, error) in expected {
        peer.call(1, MAIN, method, b"", b"x");
        assert_eq!(peer.response().await, (1, Err(error.to_owned())));
    }
    peer.call(2, MAIN, "large", b"", b"");
    let (_, answer) = peer.response().await;
    assert!(answer.expect_err("it does not fit").starts_with("result too large: the payload takes 10666"));
}

#[tokio::test(start_paused = true)]
async fn handlers_run_at_once_and_answer_in_any_order() {
    let mut gateway = Gateway::new();
    let gate = Arc::new(Notify::new());
    let opener = Arc::clone(&gate);
    let builder = gateway.edge().handle("wait", move |request: Request| {
        let gate = Arc::clone(&gate);
        async move {
            if request.payload == "first" {
                gate.notified().await;
            }
            Ok::<_, Infallible>(request.payload)
        }
    });
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _edge = edge.expect("let in");
    peer.registered().await;
    peer.call(1, MAIN, "wait", b"", b"first");
    peer.call(2, MAIN, "wait", b"", b"second");
    assert_eq!(peer.response().await, (2, Ok(b"second".to_vec())));
    opener.notify_one();
    assert_eq!(peer.response().await, (1, Ok(b"first".to_vec())));
}

/// Sends when it is dropped.
struct Guard(Option<oneshot::Sender<()>>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.take().expect("dropped once").send(());
    }
}

/// A handler that never answers, and what tells that it has started and that it was cut off.
fn endless() -> (impl Fn(Request) -> EndlessRun + Send + Sync + 'static, Arc<Notify>, oneshot::Receiver<()>) {
    let (cut, was_cut) = oneshot::channel();
    let guard = std::sync::Mutex::new(Some(Guard(Some(cut))));
    let started = Arc::new(Notify::new());
    let start = Arc::clone(&started);
    let handler = move |_: Request| -> EndlessRun {
        let guard = guard.lock().expect("not poisoned").take();
        let start = Arc::clone(&start);
        Box::pin(async move {
            let _guard = guard;
            start.notify_one();
            pending().await
        })
    };
    (handler, started, was_cut)
}

type EndlessRun = std::pin::Pin<Box<dyn Future<Output = Result<Bytes, Infallible>> + Send>>;

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_cuts_its_handler_off_and_is_answered() {
    let mut gateway = Gateway::new();
    let (handler, started, was_cut) = endless();
    let builder = gateway.edge().handle("endless", handler);
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _edge = edge.expect("let in");
    peer.registered().await;
    let packet = peer.call(1, MAIN, "endless", b"", b"");
    soon(started.notified()).await;
    peer.tell(move |conn, now| assert_eq!(conn.cancel(now, packet), Some(1)));
    soon(was_cut).await.expect("the guard tells");
}

#[tokio::test(start_paused = true)]
async fn w27_a_services_handler_sees_the_deadline_and_ends_with_a_cancel() {
    let mut gateway = Gateway::new();
    let (handler, started, was_cut) = endless();
    let builder = gateway.service().handle("endless", handler).handle_now("left", |request: Request| {
        let left = request.deadline.map(|deadline| deadline - tokio::time::Instant::now());
        Ok::<_, Infallible>(left.map_or("none".to_owned(), |left| left.as_secs().to_string()))
    });
    let (service, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _service = service.expect("let in");
    peer.registered().await;
    peer.registered().await;
    peer.call_within(1, "left", Duration::from_secs(120));
    let (_, left) = peer.response().await;
    let left = String::from_utf8(left.expect("answered")).expect("text");
    assert!(["119", "120"].contains(&left.as_str()), "{left} s");
    peer.call(2, MAIN, "left", b"", b"");
    assert_eq!(peer.response().await, (2, Ok(b"none".to_vec())));

    let packet = peer.call_within(3, "endless", Duration::from_secs(120));
    soon(started.notified()).await;
    peer.tell(move |conn, now| assert_eq!(conn.cancel(now, packet), Some(3)));
    soon(was_cut).await.expect("the guard tells");
}

#[tokio::test(start_paused = true)]
async fn methods_without_a_handler_of_their_own_go_to_the_one_for_any() {
    let mut gateway = Gateway::new();
    let builder =
        gateway.edge().handle_now("own", |_| Ok::<_, Infallible>("by its own")).handle_any(async |request: Request| {
            match &*request.method {
                "none" => Err("no such thing"),
                method => Ok(format!("any got {method}: {}", String::from_utf8_lossy(&request.payload))),
            }
        });
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let edge = edge.expect("let in");
    assert_eq!(peer.registered().await, "own", "and nothing else is registered");
    for (method, answer) in [("own", Ok("by its own")), ("what", Ok("any got what: x")), ("none", Err("no such thing"))]
    {
        peer.call(1, MAIN, method, b"", b"x");
        let answer = answer.map(|text: &str| text.as_bytes().to_vec()).map_err(str::to_owned);
        assert_eq!(peer.response().await, (1, answer));
    }
    edge.handle_any(async |_| Ok::<_, Infallible>("replaced"));
    peer.call(2, MAIN, "what", b"", b"");
    assert_eq!(peer.response().await, (2, Ok(b"replaced".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_cuts_handlers_off() {
    let mut gateway = Gateway::new();
    let (handler, started, was_cut) = endless();
    let builder = gateway.edge().handle("endless", handler);
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _edge = edge.expect("let in");
    peer.registered().await;
    peer.call(1, MAIN, "endless", b"", b"");
    soon(started.notified()).await;
    peer.cut().await;
    soon(was_cut).await.expect("the guard tells");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_answers_is_cut_off_after_30_s() {
    let mut gateway = Gateway::new();
    let (handler, _, was_cut) = endless();
    let builder = gateway.edge().handle("endless", handler);
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _edge = edge.expect("let in");
    peer.registered().await;
    peer.call(1, MAIN, "endless", b"", b"");
    assert_eq!(peer.response().await, (1, Err("timeout".to_owned())));
    was_cut.await.expect("the guard tells");
}

#[tokio::test(start_paused = true)]
async fn more_handlers_than_allowed_are_answered_congested() {
    let mut gateway = Gateway::new();
    let limits = sdk::Limits { handlers: 2, ..sdk::Limits::default() };
    let builder = gateway
        .edge()
        .limits(limits)
        .handle("endless", async |_| pending::<Result<Bytes, Infallible>>().await)
        .handle_now("now", |_| Ok::<_, Infallible>(""));
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _edge = edge.expect("let in");
    peer.registered().await;
    peer.registered().await;
    for name in 1..=3 {
        peer.call(name, MAIN, "endless", b"", b"");
    }
    assert_eq!(peer.response().await, (3, Err("congested".to_owned())));
    peer.call(4, MAIN, "now", b"", b"");
    assert_eq!(peer.response().await, (4, Ok(Vec::new())), "what takes no task is still served");
}

#[tokio::test(start_paused = true)]
async fn handlers_hold_a_bounded_number_of_bytes() {
    let mut gateway = Gateway::new();
    let limits = sdk::Limits { request_bytes: 10_000, ..sdk::Limits::default() };
    let builder =
        gateway.edge().limits(limits).handle("endless", async |_| pending::<Result<Bytes, Infallible>>().await);
    let (edge, mut peer) = tokio::join!(builder.connect(), gateway.accept());
    let _edge = edge.expect("let in");
    peer.registered().await;
    let first = peer.call(1, MAIN, "endless", b"", &[0; 20_000]);
    peer.call(2, MAIN, "endless", b"", b"");
    assert_eq!(peer.response().await, (2, Err("congested".to_owned())), "the first one fits whatever its size");
    peer.tell(move |conn, now| assert_eq!(conn.cancel(now, first), Some(1)));
    peer.call(3, MAIN, "endless", b"", b"");
    assert_eq!(peer.response().await, (3, Err("timeout".to_owned())), "it had room to run");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_dismisses_the_main_session_is_left() {
    let mut gateway = Gateway::new();
    let (edge, mut peer) = gateway.connected_edge().await;
    peer.tell(|conn, now| conn.dismiss(now, MAIN, ""));
    assert_eq!(peer.next().await, Heard::Ended(MAIN));
    assert_eq!(peer.end().await.to_string(), "peer left");
    let _again = gateway.accept().await;
    let mut state = edge.state();
    soon(state.wait_for(|state| matches!(state, sdk::LinkState::Online { .. }))).await.expect("it comes back");
}
