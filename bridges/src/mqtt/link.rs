//! The task of one connection: writes what it is handed, reads what the broker answers, and keeps both busy at the same time,
//! so that neither waits for the other. Every wait has a limit: a broker that takes no bytes, or does not answer a ping, is
//! given up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use config::MqttVersion;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::greeting::Greeted;
use super::kept::Lease;
use super::message;
use super::reason::{TAKEN_OVER, Told};
use super::session::{Begin, Effect};
use super::wire::{self, Packet, Publish};
use crate::broker::Stream;
use crate::{Outcome, PublishError, Record, Teller};

/// How long the broker may take no bytes.
const WRITE: Duration = Duration::from_secs(10);

/// How long it may say nothing while it owes the answer to a ping.
const SILENCE: Duration = Duration::from_secs(10);

/// Nothing more is taken on while this much waits to be written.
const WRITE_AHEAD: usize = 1024 * 1024;

/// How much is read at once.
const READ: usize = 16 * 1024;

/// Where a message's sender hears of it: its place in the batch, and the batch's outcomes.
pub(super) type Ticket = (usize, Teller<Outcome>);

/// What a link is asked for.
#[derive(Debug)]
pub(super) enum Command {
    /// To send these, and tell of each there.
    Send(Vec<Arc<Record>>, Teller<Outcome>),
    /// To ask the broker for a sign of life.
    Check(oneshot::Sender<()>),
    /// To take leave, and end.
    Close,
}

/// Who waits for the answer to a ping.
#[derive(Debug)]
enum Ping {
    /// Nobody: it keeps the connection alive.
    Alive,
    Check(oneshot::Sender<()>),
    /// Messages of QoS 0, sent before it: the broker has read them when it answers.
    Behind(Vec<Ticket>),
}

/// How messages go out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) version: MqttVersion,
    pub(super) qos: u8,
    pub(super) retain: bool,
}

/// A connection that the broker has accepted.
pub(super) struct Link {
    client_id: String,
    manner: Manner,
    max_packet: usize,
    /// None if nothing need be sent to keep it.
    keep_alive: Option<Duration>,
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    session: Lease,
    /// Those that the window has no room for.
    waiting: VecDeque<(Arc<Record>, Ticket)>,
    pings: VecDeque<Ping>,
    read: BytesMut,
    out: BytesMut,
    /// Those of the last message.
    properties: Vec<u8>,
    /// Whether the writer may hold bytes back.
    unflushed: bool,
    /// When the broker last took bytes, or was first to take some.
    written: Instant,
    /// When something last came from it.
    heard: Instant,
}

impl Link {
    /// Over a connection that the broker has accepted; it sees something of us every `keep_alive`, unless it wants another time.
    pub(super) fn new(
        greeted: Greeted,
        client_id: String,
        manner: Manner,
        keep_alive: Duration,
        session: Lease,
    ) -> Self {
        let Greeted { stream, read, granted } = greeted;
        let (reader, writer) = tokio::io::split(stream);
        let keep_alive = granted.keep_alive.map_or(keep_alive, |seconds| Duration::from_secs(seconds.into()));
        let now = Instant::now();
        Self {
            client_id,
            manner,
            max_packet: granted.max_packet,
            keep_alive: Some(keep_alive).filter(|keep_alive| !keep_alive.is_zero()),
            reader,
            writer,
            session,
            waiting: VecDeque::new(),
            pings: VecDeque::new(),
            read,
            out: BytesMut::new(),
            properties: Vec::new(),
            unflushed: false,
            written: now,
            heard: now,
        }
    }

    /// Runs until the connection ends, or is given up, or there are no more commands; tells all that have no outcome why.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) -> PublishError {
        let error = self.work(&mut commands).await;
        let behind = self.pings.drain(..).flat_map(|ping| match ping {
            Ping::Behind(tickets) => tickets,
            Ping::Alive | Ping::Check(_) => Vec::new(),
        });
        let unknown = self.session.lost().into_iter().chain(behind);
        unknown
            .chain(self.waiting.drain(..).map(|(_, ticket)| ticket))
            .for_each(|ticket| tell(ticket, Err(error.clone())));
        // A batch that was handed over and not taken is the channel's to drop, and its teller with it, which its sender sees.
        error
    }

    async fn work(&mut self, commands: &mut mpsc::Receiver<Command>) -> PublishError {
        loop {
            // What came with CONNACK is there before anything is read.
            if let Err(error) = self.take_packets() {
                return error;
            }
            let until = self.timeout();
            let writes = self.writes();
            let takes = self.out.len() < WRITE_AHEAD && self.waiting.is_empty();
            tokio::select! {
                read = self.reader.read_buf(&mut self.read) => match read {
                    Ok(0) => return self.closed(),
                    Ok(_) => self.heard = Instant::now(),
                    Err(error) => return PublishError::lost(error),
                },
                written = write(&mut self.writer, &mut self.out, &mut self.unflushed), if writes => match written {
                    Ok(()) => self.written = Instant::now(),
                    Err(error) => return PublishError::lost(error),
                },
                command = commands.recv(), if takes => match command {
                    Some(Command::Send(records, to)) => self.send(records, &to),
                    Some(Command::Check(to)) => self.ping(Ping::Check(to)),
                    Some(Command::Close) | None => return self.leave().await,
                },
                () = sleep_until(until) => if let Err(error) = self.on_time() {
                    return error;
                },
            }
        }
    }

    // --- out

    fn writes(&self) -> bool {
        !self.out.is_empty() || self.unflushed
    }

    /// Before bytes are put out where none were, the time of the broker to take them begins.
    fn begin_writing(&mut self) {
        if !self.writes() {
            self.written = Instant::now();
        }
    }

    fn ping(&mut self, ping: Ping) {
        self.begin_writing();
        wire::ping(&mut self.out);
        self.pings.push_back(ping);
        // The answer is waited for from now on.
        if self.pings.len() == 1 {
            self.heard = Instant::now();
        }
    }

    fn send(&mut self, records: Vec<Arc<Record>>, to: &Teller<Outcome>) {
        self.begin_writing();
        let mut behind = Vec::new();
        for (place, record) in records.into_iter().enumerate() {
            let ticket = (place, to.clone());
            if self.manner.qos > 0 {
                self.waiting.push_back((record, ticket));
                continue;
            }
            match self.publish(&record, 0, false) {
                Ok(()) => behind.push(ticket),
                Err(error) => tell(ticket, Err(error)),
            }
        }
        if !behind.is_empty() {
            self.ping(Ping::Behind(behind));
        }
        self.send_waiting();
    }

    /// Sends as many of those that wait as the window has room for.
    fn send_waiting(&mut self) {
        while let Some((record, ticket)) = self.waiting.pop_front() {
            self.begin_writing();
            let message = record.message.id;
            for id in self.session.outdated(message) {
                wire::pubrel(id, &mut self.out);
            }
            match self.session.begin(message, ticket) {
                Ok(Begin::Release(id)) => wire::pubrel(id, &mut self.out),
                Ok(Begin::Settled(ticket, outcome)) => tell(ticket, outcome),
                Ok(Begin::Publish { id, copy }) => {
                    if let Err(error) = self.publish(&record, id, copy) {
                        if copy {
                            wire::pubrel(id, &mut self.out);
                        }
                        self.session
                            .withdraw(id, &error)
                            .into_iter()
                            .for_each(|ticket| tell(ticket, Err(error.clone())));
                    }
                }
                Err(ticket) => {
                    self.waiting.push_front((record, ticket));
                    return;
                }
            }
        }
    }

    fn publish(&mut self, record: &Record, id: u16, copy: bool) -> Result<(), PublishError> {
        let Manner { version, qos, retain } = self.manner;
        message::checked(record, version, &mut self.properties)?;
        let (payload, properties) = (record.body_bytes(), &self.properties);
        record.claim()?;
        let publish = Publish { topic: &record.destination, payload: &payload, qos, id, copy, retain, properties };
        wire::publish(version, &publish, self.max_packet, &mut self.out)
    }

    /// Says goodbye, so that the broker publishes no will.
    async fn leave(&mut self) -> PublishError {
        wire::disconnect(&mut self.out);
        while self.writes() {
            if let Err(error) = write(&mut self.writer, &mut self.out, &mut self.unflushed).await {
                return PublishError::lost(error);
            }
        }
        // Whoever is gone already has heard enough.
        let _ = self.writer.shutdown().await;
        PublishError::lost("closed")
    }

    // --- in

    fn take_packets(&mut self) -> Result<(), PublishError> {
        while let Some(packet) = wire::next(self.manner.version, &mut self.read)? {
            let effect = match packet {
                Packet::PubAck(ack) => self.session.acknowledged(&ack),
                Packet::PubRec(ack) => self.session.received(&ack),
                Packet::PubComp(ack) => self.session.completed(&ack),
                Packet::PingResp => {
                    self.pinged();
                    Effect::None
                }
                Packet::Disconnect(reason, words) => return Err(disconnected(reason, words.as_deref())),
                Packet::Connected(_) | Packet::Refused(..) | Packet::Other => Effect::None,
            };
            match effect {
                Effect::None => {}
                Effect::Release(id) => {
                    self.begin_writing();
                    wire::pubrel(id, &mut self.out);
                }
                Effect::Settled(ticket, outcome) => tell(ticket, outcome),
            }
        }
        self.read.reserve(READ);
        self.send_waiting();
        Ok(())
    }

    fn pinged(&mut self) {
        match self.pings.pop_front() {
            Some(Ping::Behind(tickets)) => tickets.into_iter().for_each(|ticket| tell(ticket, Ok(()))),
            // Who has asked may have stopped waiting.
            Some(Ping::Check(to)) => drop(to.send(())),
            Some(Ping::Alive) | None => {}
        }
    }

    /// Some brokers give no reason when another client comes with our id.
    fn closed(&self) -> PublishError {
        let id = &self.client_id;
        PublishError::lost(format_args!(
            "the broker has closed the connection of client id {id:?}, which is ours alone"
        ))
    }

    // --- time

    fn on_time(&mut self) -> Result<(), PublishError> {
        let now = Instant::now();
        if self.writes() && self.written + WRITE <= now {
            return Err(PublishError::lost(format_args!("the broker takes no bytes for {} s", WRITE.as_secs())));
        }
        if !self.pings.is_empty() && self.heard + SILENCE <= now {
            return Err(PublishError::lost(format_args!("no answer to a ping within {} s", SILENCE.as_secs())));
        }
        if self.shows_at().is_some_and(|at| at <= now) {
            self.ping(Ping::Alive);
        }
        Ok(())
    }

    fn timeout(&self) -> Instant {
        let written = self.writes().then(|| self.written + WRITE);
        let answered = (!self.pings.is_empty()).then(|| self.heard + SILENCE);
        let far = Instant::now() + Duration::from_secs(3600);
        written.into_iter().chain(answered).chain(self.shows_at()).fold(far, Instant::min)
    }

    /// When something has to be sent, so that the broker knows that we are there.
    fn shows_at(&self) -> Option<Instant> {
        self.keep_alive.filter(|_| !self.writes() && self.pings.is_empty()).map(|every| self.written + every)
    }
}

/// Writes some of `out`, or if there is nothing what the writer holds back. Cancel-safe: what is written is no longer in `out`.
async fn write(
    writer: &mut WriteHalf<Box<dyn Stream>>,
    out: &mut BytesMut,
    unflushed: &mut bool,
) -> std::io::Result<()> {
    if out.has_remaining() {
        *unflushed = true;
        if writer.write_buf(out).await? == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
    } else {
        writer.flush().await?;
        *unflushed = false;
    }
    Ok(())
}

fn tell((place, to): Ticket, outcome: Outcome) {
    to.tell(place, outcome);
}

fn disconnected(reason: u8, words: Option<&str>) -> PublishError {
    let advice = if reason == TAKEN_OVER { "; each gateway needs an id of its own" } else { "" };
    PublishError::lost(format_args!("the broker has ended the connection: {}{advice}", Told(reason, words)))
}
