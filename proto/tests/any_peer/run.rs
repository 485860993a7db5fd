//! A connection between an owner and a peer that do whatever a script says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frontier_proto::body::SessionData;
use frontier_proto::conn::{Connection, Event, Role, Settings, Text};
use frontier_proto::id::{ClientId, IdGenerator, PacketId, SessionId};
use frontier_proto::wire::{Cut, Frame, Frames};

use crate::choices::Choices;
use crate::watch::Watch;

/// Limits small enough for a short script to reach them.
fn settings() -> Settings {
    Settings {
        unacked_messages: 2,
        reply_bytes: 2_000,
        max_payload: 100_000,
        silent_sessions: 2,
        max_sessions: 4,
        stream_window: 1_000,
        stream_chunk: 600,
        ..Settings::default()
    }
}

/// What the peer has asked and waits for.
#[derive(Clone, Copy)]
struct Owed {
    session: SessionId,
    packet: PacketId,
    cost: u32,
    is_call: bool,
}

pub(crate) struct Run<'a> {
    choices: Choices<'a>,
    conn: Connection<u32>,
    now: Instant,
    /// Sessions that either side has named.
    sessions: Vec<SessionId>,
    /// Sessions that the connection has asked for.
    negotiated: Vec<SessionId>,
    /// Packets of the owner.
    asked: Vec<PacketId>,
    waiting: BTreeSet<u32>,
    owed: Vec<Owed>,
    watch: Watch,
}

/// Runs `script` for one role. Panics where a promise of the connection does not hold.
pub(crate) fn run(role: Role, script: &[u8]) {
    let (now, settings) = (Instant::now(), Arc::new(settings()));
    let ids = IdGenerator::new(7, 0);
    let conn = match role {
        Role::Server => Connection::server(now, settings, ids),
        Role::Client => Connection::client(now, settings, ids, ClientId(3), Vec::new()),
    };
    let mut run = Run {
        choices: Choices(script),
        conn,
        now,
        sessions: vec![SessionId::MAIN, SessionId(2), SessionId(u64::MAX)],
        negotiated: Vec::new(),
        asked: Vec::new(),
        waiting: BTreeSet::new(),
        owed: Vec::new(),
        watch: Watch::new(role),
    };
    if run.choices.chance(95) {
        run.shake_hands(role);
    }
    while let Some(step) = run.choices.next() {
        run.step(step);
    }
    run.finish();
}

impl Run<'_> {
    fn shake_hands(&mut self, role: Role) {
        let (packet, frame) = match role {
            Role::Server => (PacketId(1), self.choices.conn()),
            Role::Client => {
                self.drain();
                (self.watch.first_packet(), self.choices.conn_ack())
            }
        };
        let mut bytes = Vec::new();
        frame.encode(packet, &mut bytes);
        self.receive(&bytes);
        self.conn.accept(self.now, ClientId(5));
        self.pass(Duration::from_millis(1));
        self.drain();
    }

    fn step(&mut self, step: u8) {
        match step % 32 {
            0..10 => self.frame(),
            10 => self.ask(Connection::call),
            11 | 12 => self.ask(Connection::publish),
            13 => self.ask(|conn, packet, session, _, deadline, waiter| {
                conn.register(packet, session, "echo", deadline, waiter);
            }),
            14 => {
                let (packet, waiter) = self.waiter();
                self.conn.open_session(self.now, packet, SessionData::default(), waiter);
            }
            15 => {
                let session = self.choices.pick(&self.sessions);
                self.conn.confirm(self.now, session, Vec::new());
            }
            16 => {
                let session = self.choices.pick(&self.sessions);
                self.conn.decline(self.now, session, "no");
            }
            17 | 18 => {
                let session = self.choices.pick(&self.sessions);
                let data = self.choices.bytes();
                self.conn.send_data(session, data.into());
            }
            19 => {
                let session = self.choices.pick(&self.sessions);
                self.conn.end_data(self.now, session);
            }
            20 => {
                let session = self.choices.pick(&self.sessions);
                self.conn.grant(session, 300);
            }
            21 => {
                let session = self.choices.pick(&self.sessions);
                self.conn.dismiss(self.now, session, "bye");
            }
            22 => self.cancel(),
            23 | 24 => self.answer(),
            25 => {
                let millis = self.choices.pick(&[1, 2, 100, 1_600, 6_000, 31_000]);
                self.pass(Duration::from_millis(millis));
            }
            26..30 => self.drain(),
            30 => match self.choices.below(4) {
                0 => self.conn.pause(),
                1 => self.conn.resume(self.now),
                2 => self.conn.shrink(),
                _ => self.conn.fail_awaited(),
            },
            _ => match self.choices.below(20) {
                0 => self.conn.abort(),
                1 | 2 => self.conn.leave(self.now),
                3 => self.conn.refuse(self.now, "no"),
                _ => self.conn.accept(self.now, ClientId(5)),
            },
        }
        self.events();
        let opened = self.asked.len() + 2 * settings().max_sessions;
        assert!(self.conn.session_count() <= opened, "{} sessions", self.conn.session_count());
    }

    /// The peer sends a frame, whole or damaged.
    fn frame(&mut self) {
        let packet = self.choices.packet(&self.asked);
        let mut data = Vec::new();
        let frame = self.choices.frame(&self.sessions, &self.negotiated, &mut data);
        let mut bytes = Vec::new();
        frame.encode(packet, &mut bytes);
        if self.choices.chance(5) {
            let at = self.choices.below(bytes.len());
            bytes[at] ^= 1 << self.choices.below(8);
        }
        self.receive(&bytes);
    }

    fn receive(&mut self, bytes: &[u8]) {
        let mut frames = Frames::new(bytes, settings().max_payload);
        match frames.cut() {
            Ok(Cut::Frame(header, payload)) => {
                if let Ok(frame) = Frame::decode(header.kind, payload) {
                    self.watch.receives(&frame, self.conn.is_open());
                }
                if let Some(event) = self.conn.handle_frame(self.now, header, payload) {
                    self.happened(&event);
                }
            }
            Ok(Cut::Partial { .. }) => {}
            Err(error) => self.conn.malformed(error),
        }
        self.events();
    }

    fn events(&mut self) {
        while let Some(event) = self.conn.poll_event() {
            self.happened(&event);
        }
    }

    fn happened(&mut self, event: &Event<'_, u32>) {
        match event {
            Event::Request { session, packet, cost, .. } => {
                self.owed.push(Owed { session: *session, packet: *packet, cost: *cost, is_call: true });
            }
            Event::Message { session, packet, cost, .. } => {
                self.owed.push(Owed { session: *session, packet: *packet, cost: *cost, is_call: false });
            }
            Event::Response { waiter, .. } | Event::Acked { waiter, .. } | Event::Failed { waiter, .. } => {
                self.is_told(*waiter);
            }
            Event::Opened { waiter, session } => {
                self.is_told(*waiter);
                self.sessions.push(*session);
            }
            Event::Offered { session, .. } => self.sessions.push(*session),
            _ => {}
        }
    }

    fn is_told(&mut self, waiter: u32) {
        assert!(self.waiting.remove(&waiter), "waiter {waiter} was told twice");
    }

    fn waiter(&mut self) -> (PacketId, u32) {
        let number = self.asked.len() as u32;
        let packet = PacketId(u64::from(number) + 1);
        self.asked.push(packet);
        self.waiting.insert(number);
        (packet, number)
    }

    fn ask(&mut self, ask: impl FnOnce(&mut Connection<u32>, PacketId, SessionId, Text, Instant, u32)) {
        let (packet, waiter) = self.waiter();
        let session = self.choices.pick(&self.sessions);
        let text = Text::from(self.choices.bytes());
        let deadline = self.now + Duration::from_millis(self.choices.pick(&[0, 50, 3_000, 60_000]));
        ask(&mut self.conn, packet, session, text, deadline, waiter);
    }

    fn cancel(&mut self) {
        let packet = self.choices.packet(&self.asked);
        if let Some(waiter) = self.conn.cancel(self.now, packet) {
            self.is_told(waiter);
        }
    }

    fn answer(&mut self) {
        let Some(Owed { session, packet, cost, is_call }) = self.owed.pop() else { return };
        if is_call {
            let text = Text::from(self.choices.bytes());
            self.conn.respond(session, packet, text, cost);
        } else {
            let error = self.choices.pick(&["", "no"]);
            self.conn.ack(session, packet, error, cost);
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.conn.handle_timeout(self.now);
        self.events();
    }

    /// Everything that can leave does.
    fn drain(&mut self) {
        while let Some(transmit) = self.conn.poll_transmit(self.now) {
            if let Some(asked) = self.watch.sends(transmit, self.conn.caps()) {
                self.negotiated.push(asked);
                self.sessions.push(asked);
            }
        }
        self.events();
    }

    /// Whatever is left is answered, and time passes until nothing can be waited for: everybody has been told.
    fn finish(&mut self) {
        while !self.owed.is_empty() {
            self.answer();
        }
        self.conn.resume(self.now);
        // Longer than the settle time, so that nothing is held back.
        self.pass(Duration::from_millis(200));
        self.drain();
        assert!(!self.conn.is_open() || self.conn.unanswered() == 0, "all is answered");
        for _ in 0..100 {
            self.drain();
            self.pass(Duration::from_secs(10));
        }
        self.drain();
        assert!(!self.conn.is_open(), "nobody was heard for so long");
        assert!(self.conn.closed().is_some() && !self.conn.is_awaited());
        assert!(self.waiting.is_empty(), "not told: {:?}", self.waiting);
        assert_eq!(self.conn.session_count(), 0);
        assert_eq!(self.conn.poll_timeout(), None);
    }
}
