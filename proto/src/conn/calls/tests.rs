use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::body::ConnData;
use crate::conn::Settings;
use crate::id::{ClientId, IdGenerator};
use crate::wire::{Conn, Cut, Frames, HeartbeatClass, MAX_PAYLOAD};

fn receive(conn: &mut Connection<()>, now: Instant, packet: PacketId, frame: &Frame<'_>) {
    let mut bytes = Vec::new();
    frame.encode(packet, &mut bytes);
    let Ok(Cut::Frame(header, payload)) = Frames::new(&bytes, MAX_PAYLOAD).cut() else { panic!("one whole frame") };
    drop(conn.handle_frame(now, header, payload));
    while conn.poll_event().is_some() {}
}

fn open(now: Instant) -> Connection<()> {
    let mut conn = Connection::server(now, Arc::new(Settings::default()), IdGenerator::new(1, 0));
    let (heartbeat, data) = (HeartbeatClass::Seconds20, ConnData::default());
    let hello = Conn { acquire_id: true, heartbeat, wanted: ClientId::default(), data };
    receive(&mut conn, now, PacketId(1), &Frame::Conn(hello));
    conn.accept(now, ClientId(7));
    conn
}

#[test]
fn deadlines_of_answered_calls_do_not_pile_up() {
    let now = Instant::now();
    let mut conn = open(now);
    let body = || Text::from(b"{}".to_vec());
    conn.call(PacketId(2), SessionId::MAIN, body(), now + Duration::from_secs(9), ());
    for packet in (3..10_000).map(PacketId) {
        conn.call(packet, SessionId::MAIN, body(), now + Duration::from_secs(30), ());
        while conn.poll_transmit(now).is_some() {}
        receive(&mut conn, now, packet, &Frame::Response(SessionId::MAIN, Body::default()));
        assert!(conn.timers.len() < 100, "{} deadlines for 1 call in flight", conn.timers.len());
    }
    assert_eq!(conn.timers.next(), Some(now + Duration::from_secs(9)), "that of the one that is open stays");
}
