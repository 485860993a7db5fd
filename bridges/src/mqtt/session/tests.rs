use super::*;
use crate::MessageIds;

fn ack(id: u16) -> Ack {
    Ack { id, reason: 0, words: None }
}

fn saying(id: u16, reason: u8) -> Ack {
    Ack { reason, ..ack(id) }
}

fn connected(keeps: bool, window: usize) -> Session<&'static str> {
    let mut session = Session::new(keeps);
    session.connected(false, window);
    session
}

/// Message ids in the order of acceptance.
fn messages<const N: usize>() -> [MessageId; N] {
    let ids = MessageIds::new();
    std::array::from_fn(|_| ids.next())
}

const fn publish(id: u16) -> Begin<&'static str> {
    Begin::Publish { id, copy: false }
}

const fn copy(id: u16) -> Begin<&'static str> {
    Begin::Publish { id, copy: true }
}

#[test]
fn the_window_holds_until_an_answer_comes() {
    let [a, b, c] = messages();
    let mut session = connected(false, 2);
    assert_eq!(session.begin(a, "a"), Ok(publish(1)));
    assert_eq!(session.begin(b, "b"), Ok(publish(2)));
    assert_eq!(session.begin(c, "c"), Err("c"));
    assert_eq!(session.acknowledged(&ack(2)), Effect::Settled("b", Ok(())));
    assert_eq!(session.acknowledged(&ack(2)), Effect::None, "an answer counts once");
    assert_eq!(session.begin(c, "c"), Ok(publish(3)));
}

#[test]
fn identifiers_go_round_past_zero_and_those_in_use() {
    let mut session = connected(false, 2);
    let [first, other] = messages();
    assert_eq!(session.begin(first, "stays"), Ok(publish(1)));
    for expected in 2..=u16::MAX {
        assert_eq!(session.begin(other, ""), Ok(publish(expected)));
        assert_eq!(session.acknowledged(&ack(expected)), Effect::Settled("", Ok(())));
    }
    assert_eq!(session.begin(other, ""), Ok(publish(2)));
}

#[test]
fn qos_2_is_confirmed_by_the_last_of_its_steps() {
    let [a, b] = messages();
    let mut session = connected(false, 2);
    assert_eq!(session.begin(a, "a"), Ok(publish(1)));
    assert_eq!(session.begin(b, "b"), Ok(publish(2)));
    assert_eq!(session.received(&ack(1)), Effect::Release(1));
    assert!(matches!(session.received(&saying(2, 0x87)), Effect::Settled("b", Err(_))), "refused at the first step");
    assert_eq!(session.completed(&ack(1)), Effect::Settled("a", Ok(())));
    assert_eq!(session.received(&ack(9)), Effect::Release(9), "what is not known here is forgotten there too");
}

#[test]
fn nothing_of_a_clean_session_outlives_its_connection() {
    let [a, b] = messages();
    let mut session = connected(false, 5);
    assert_eq!(session.begin(a, "a"), Ok(publish(1)));
    assert_eq!(session.lost(), ["a"]);
    session.connected(false, 5);
    assert!(session.outdated(b).is_empty());
    assert_eq!(session.begin(a, "a again"), Ok(publish(2)));
}

#[test]
fn a_kept_session_goes_on_where_each_message_had_stopped() {
    let [sent, taken, done, new] = messages();
    let mut session = connected(true, 5);
    assert_eq!(session.begin(sent, ""), Ok(publish(1)));
    assert_eq!(session.begin(taken, ""), Ok(publish(2)));
    assert_eq!(session.begin(done, ""), Ok(publish(3)));
    assert_eq!(session.received(&ack(2)), Effect::Release(2));
    assert_eq!(session.received(&ack(3)), Effect::Release(3));
    assert_eq!(session.lost().len(), 3);

    session.connected(true, 5);
    assert!(session.outdated(sent).is_empty());
    assert_eq!(session.begin(sent, "sent"), Ok(copy(1)));
    assert_eq!(session.begin(taken, "taken"), Ok(Begin::Release(2)));
    assert_eq!(session.begin(done, "done"), Ok(Begin::Release(3)));
    assert_eq!(session.begin(new, "new"), Ok(publish(4)));
    assert_eq!(session.received(&ack(1)), Effect::Release(1));
    assert_eq!(session.completed(&ack(2)), Effect::Settled("taken", Ok(())));
    let forgotten = session.completed(&saying(3, reason::UNKNOWN_ID));
    assert_eq!(forgotten, Effect::Settled("done", Ok(())), "its PUBCOMP was lost with the connection");
    let unknown = session.completed(&saying(4, reason::UNKNOWN_ID));
    assert!(matches!(unknown, Effect::Settled("new", Err(_))), "no connection was lost since");
}

#[test]
fn an_identifier_is_not_used_anew_before_the_broker_has_let_go_of_it() {
    let [given_up, newer, newest] = messages();
    let mut session = connected(true, 2);
    assert_eq!(session.begin(given_up, ""), Ok(publish(1)));
    session.lost();
    session.connected(true, 2);
    assert_eq!(session.outdated(newer), [1]);
    assert!(session.outdated(newer).is_empty(), "released once");
    assert_eq!(session.begin(newer, "newer"), Ok(publish(2)));
    assert_eq!(session.begin(newest, "newest"), Err("newest"), "the old one counts for the broker as well");
    assert_eq!(session.completed(&ack(1)), Effect::None);
    assert_eq!(session.begin(newest, "newest"), Ok(publish(3)));
}

#[test]
fn what_is_being_released_when_the_connection_goes_is_released_on_the_next() {
    let [given_up, newer] = messages();
    let mut session = connected(true, 2);
    assert_eq!(session.begin(given_up, ""), Ok(publish(1)));
    session.lost();
    session.connected(true, 2);
    assert_eq!(session.outdated(newer), [1]);
    assert_eq!(session.lost(), Vec::<&str>::new());
    session.connected(true, 2);
    assert_eq!(session.outdated(newer), [1]);
}

#[test]
fn a_broker_that_has_lost_the_session_gets_everything_anew() {
    let [a] = messages();
    let mut session = connected(true, 2);
    assert_eq!(session.begin(a, ""), Ok(publish(1)));
    session.lost();
    session.connected(false, 2);
    assert_eq!(session.begin(a, "a"), Ok(publish(2)));
}

#[test]
fn an_outcome_that_nobody_heard_is_repeated_and_sends_nothing() {
    let [heard, done, refused, under_way, new] = messages();
    let mut session = connected(true, 3);
    assert_eq!(session.begin(heard, ""), Ok(publish(1)));
    assert_eq!(session.completed(&ack(1)), Effect::Settled("", Ok(())));
    assert_eq!(session.begin(done, ""), Ok(publish(2)));
    assert_eq!(session.begin(refused, ""), Ok(publish(3)));
    assert_eq!(session.begin(under_way, ""), Ok(publish(4)));
    assert_eq!(session.completed(&ack(2)), Effect::Settled("", Ok(())));
    assert!(matches!(session.received(&saying(3, 0x87)), Effect::Settled("", Err(_))));
    assert_eq!(session.lost(), [""]);

    session.connected(true, 3);
    for message in [done, refused, under_way] {
        assert!(session.outdated(message).is_empty(), "all of them were there before");
    }
    assert_eq!(session.begin(done, "done"), Ok(Begin::Settled("done", Ok(()))));
    assert!(matches!(session.begin(refused, "refused"), Ok(Begin::Settled("refused", Err(_)))));
    assert_eq!(session.begin(under_way, "under way"), Ok(copy(4)));
    assert!(session.outdated(new).is_empty());
    assert_eq!(
        session.begin(done, "as if new"),
        Ok(publish(5)),
        "what comes behind something new was not there before"
    );
}
