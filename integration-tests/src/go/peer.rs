//! A running Go peer.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::build::Generation;
use super::inbox::Inbox;
use crate::log::Log;
use crate::process::{self, Signal};
use crate::wait::PATIENCE;

/// How a Go peer is to start.
#[derive(Clone, Debug)]
pub struct Start {
    generation: Generation,
    arguments: Vec<String>,
}

impl Start {
    /// A reconnecting edge with meta.
    #[must_use]
    pub fn edge(generation: Generation, addr: SocketAddr, meta: &str) -> Self {
        Self { generation, arguments: vec!["-role=edge".into(), format!("-addr={addr}"), format!("-meta={meta}")] }
    }

    /// A reconnecting service.
    #[must_use]
    pub fn service(generation: Generation, addr: SocketAddr, name: &str, topics: &[&str]) -> Self {
        let topics = format!("-topics={}", topics.join(","));
        let arguments = vec!["-role=service".into(), format!("-addr={addr}"), format!("-name={name}"), topics];
        Self { generation, arguments }
    }

    /// The same without reconnecting.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.arguments.push("-retry=false".into());
        self
    }

    /// The same with a wanted client id.
    #[must_use]
    pub fn wanting(mut self, id: u64) -> Self {
        self.arguments.push(format!("-wanted={id}"));
        self
    }

    /// Starts the peer, which must be let in.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    #[track_caller]
    pub fn up(&self) -> Peer {
        let mut peer = self.spawn();
        let first = peer.any_event(|event| event["event"] == "up" || event["event"] == "refused");
        assert_eq!(first["event"], "up", "the peer was not let in: {first}");
        peer.id = decimal(&first["client"]);
        peer
    }

    /// Starts the peer, which must be refused; returns the reason.
    ///
    /// # Panics
    /// When it is let in.
    #[must_use]
    #[track_caller]
    pub fn refused(&self) -> String {
        let peer = self.spawn();
        let first = peer.any_event(|event| event["event"] == "up" || event["event"] == "refused");
        assert_eq!(first["event"], "refused", "the peer was let in");
        first["error"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn spawn(&self) -> Peer {
        let program = self.generation.binary();
        let mut child = Command::new(program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let (inbox, log) = (Inbox::default(), Log::default());
        inbox.collect(child.stdout.take().expect("stdout is piped"));
        log.collect(child.stderr.take().expect("stderr is piped"));
        let stdin = Mutex::new(child.stdin.take().expect("stdin is piped"));
        Peer { id: 0, start: self.clone(), child, stdin, inbox, log, last: AtomicU64::new(0) }
    }
}

/// A Go peer. Dropping it kills the process; a test that fails prints what it said.
#[derive(Debug)]
pub struct Peer {
    /// The client id of its first connection.
    pub id: u64,
    start: Start,
    child: Child,
    stdin: Mutex<ChildStdin>,
    inbox: Inbox,
    log: Log,
    last: AtomicU64,
}

/// A command that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub struct Ticket(pub u64);

impl Peer {
    /// Gives a command and waits for its answer.
    ///
    /// # Errors
    /// The error text of the answer.
    #[track_caller]
    pub fn ask(&self, command: Value) -> Result<Value, String> {
        self.answer(self.begin(command))
    }

    /// Gives a command without waiting.
    ///
    /// # Panics
    /// When the peer has ended.
    #[track_caller]
    pub fn begin(&self, mut command: Value) -> Ticket {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        command["id"] = json!(id);
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(stdin, "{command}").unwrap_or_else(|error| panic!("the Go peer has ended: {error}"));
        Ticket(id)
    }

    /// Waits for the answer to a command.
    ///
    /// # Errors
    /// The error text of the answer.
    #[track_caller]
    pub fn answer(&self, ticket: Ticket) -> Result<Value, String> {
        self.answer_within(ticket, PATIENCE)
    }

    /// Waits for the answer to a command that may take long.
    ///
    /// # Errors
    /// The error text of the answer.
    #[track_caller]
    pub fn answer_within(&self, ticket: Ticket, patience: Duration) -> Result<Value, String> {
        let answer = self.inbox.wait(patience, |inbox| inbox.take_answer(ticket.0));
        let answer = answer.unwrap_or_else(|| panic!("command {} had no answer", ticket.0));
        match answer["error"].as_str() {
            Some(text) => Err(text.to_owned()),
            None => Ok(answer),
        }
    }

    /// Gives a command that must succeed.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn tell(&self, command: Value) -> Value {
        let shown = command["do"].clone();
        self.ask(command).unwrap_or_else(|text| panic!("{shown} failed: {text}"))
    }

    /// Takes the next event of this name.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn event(&self, name: &str) -> Value {
        self.event_within(name, PATIENCE)
    }

    /// Takes the next event of this name, which may take long.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn event_within(&self, name: &str, patience: Duration) -> Value {
        let found = self.inbox.wait(patience, |inbox| inbox.take_event(|event| event["event"] == name));
        found.unwrap_or_else(|| panic!("no event {name} came; there are {:?}", self.inbox.events()))
    }

    #[track_caller]
    fn any_event(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = self.inbox.wait(PATIENCE, |inbox| inbox.take_event(&wanted));
        found.unwrap_or_else(|| panic!("the Go peer said nothing; its log: {:?}", self.log.lines()))
    }

    /// The events that nobody has taken.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.inbox.events()
    }

    /// Calls `method` with a payload. A service names the edge.
    ///
    /// # Errors
    /// The error text that the caller got.
    #[track_caller]
    pub fn call(&self, edge: u64, method: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        let command = json!({"do": "call", "edge": edge.to_string(), "method": method, "value": encode(payload)});
        self.ask(command).map(|answer| bytes(&answer["value"]))
    }

    /// Publishes a payload and waits for the ack. A service names the edge, an edge the topic.
    ///
    /// # Errors
    /// The error text that the publisher got.
    #[track_caller]
    pub fn publish(&self, edge: u64, topic: &str, payload: &[u8]) -> Result<(), String> {
        let command = json!({"do": "publish", "edge": edge.to_string(), "topic": topic, "value": encode(payload)});
        self.ask(command).map(drop)
    }

    /// Opens a stream; returns the name by which commands reach it.
    #[track_caller]
    pub fn open(&self, peer: &str) -> String {
        let answer = self.tell(json!({"do": "open", "peer": peer}));
        answer["stream"].as_str().expect("an opened stream has a name").to_owned()
    }

    /// Takes the next stream that the gateway opened to this peer.
    #[track_caller]
    pub fn accepted(&self) -> String {
        self.event("stream")["stream"].as_str().expect("an accepted stream has a name").to_owned()
    }

    /// Kills the process in the middle of whatever it does.
    #[track_caller]
    pub fn kill(mut self) {
        process::signal(&self.child, Signal::Kill);
        process::wait_exit(&mut self.child, PATIENCE, "a Go peer");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let arguments = self.start.arguments.join(" ");
            let (events, log) = (self.events(), self.log.lines().join("\n"));
            eprintln!("Go peer {:?} {arguments}\nevents: {events:?}\nlog: {log}", self.start.generation);
        }
        // A process that has already ended cannot be killed; that is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Base64 for a byte field of a command.
#[must_use]
pub fn encode(payload: &[u8]) -> String {
    STANDARD.encode(payload)
}

/// The bytes of a field of an answer or event; empty when absent.
#[must_use]
#[track_caller]
pub fn bytes(field: &Value) -> Vec<u8> {
    match field.as_str() {
        Some(text) => STANDARD.decode(text).expect("a Go peer writes base64"),
        None => Vec::new(),
    }
}

/// The 64-bit id of a field, which is a decimal string.
#[must_use]
#[track_caller]
pub fn decimal(field: &Value) -> u64 {
    field.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{field} is no id"))
}
