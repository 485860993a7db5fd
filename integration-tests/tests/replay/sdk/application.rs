//! An application over the SDK that answers what reaches it as the recorded one did.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use frontier_integration_tests::raw::kind;
use sdk::{EdgeId, EdgePresence, Error, Message, Request, Stream};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::client::Client;
use super::script::{Incoming, Outcome, Script};

/// The session that every link has from the start.
pub(crate) const MAIN: u64 = 1;

/// One client's application. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Application {
    name: String,
    script: Script,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// A stream has come.
    came: Notify,
}

#[derive(Default)]
struct State {
    complaints: Vec<String>,
    streams: HashMap<u64, Open>,
    /// Raw bytes by session.
    read: BTreeMap<u64, Vec<u8>>,
    /// Lines with a call or message whose result is not known yet, and the line of the recorded answer.
    waiting: BTreeMap<usize, usize>,
}

struct Open {
    stream: Arc<Stream>,
    tasks: [AbortHandle; 2],
    /// Gone with the application's interest in the stream.
    wanted: watch::Sender<()>,
}

impl Application {
    pub(crate) fn new(name: &str, script: Script) -> Self {
        Self { name: name.to_owned(), script, shared: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn complain(&self, text: &str) {
        self.state().complaints.push(format!("{}: {text}", self.name));
    }

    /// Receives messages and accepts streams from now on.
    pub(crate) fn begin(&self, client: &Client) {
        let (application, receiving) = (self.clone(), client.clone());
        tokio::spawn(async move {
            while let Ok(message) = receiving.receive().await {
                application.take(MAIN, message);
            }
        });
        let (application, accepting) = (self.clone(), client.clone());
        tokio::spawn(async move {
            while let Ok(stream) = accepting.accept_stream().await {
                application.adopt(stream);
            }
        });
    }

    /// A call of a method that was registered on a session.
    pub(crate) async fn handle(&self, session: u64, method: &str, request: Request) -> Outcome {
        let (payload, custom) = (&request.payload, &request.custom);
        let incoming = Incoming { kind: kind::REQUEST, session, name: method, payload, custom };
        let Some(found) = self.script.find(&incoming) else {
            self.complain(&format!("a call of {method} that was not recorded"));
            return Err("not recorded".to_owned());
        };
        self.compare_edge(found.edge, request.edge_id);
        self.script.answer(&found, kind::RESPONSE).await
    }

    fn compare_edge(&self, recorded: Option<u64>, told: Option<EdgeId>) {
        if recorded != told.map(|edge| edge.0) {
            self.complain(&format!("the application is told of edge {told:?}, recorded was {recorded:?}"));
        }
    }

    /// The hook `get_edge_id`.
    pub(crate) async fn edge_id(&self, meta: &[u8]) -> Result<EdgeId, String> {
        let hook = "get_edge_id";
        let found = self.script.find_where(kind::REQUEST, |frame| frame.method() == hook && frame.value() == meta);
        let Some(found) = found else { return Err(self.unknown_hook(hook)) };
        let answer = self.script.answer(&found, kind::RESPONSE).await?;
        let id: [u8; 8] = answer.try_into().map_err(|_| "the recorded id has not 8 bytes".to_owned())?;
        Ok(EdgeId(u64::from_be_bytes(id)))
    }

    /// The hooks `edge_online` and `edge_offline`.
    pub(crate) async fn presence(&self, hook: &str, edge: EdgePresence) -> Result<(), String> {
        let meta = if edge.meta.is_empty() { Value::Null } else { STANDARD.encode(&edge.meta).into() };
        let found = self.script.find_where(kind::REQUEST, |frame| {
            let told: Value = serde_json::from_slice(&frame.value()).unwrap_or_default();
            frame.method() == hook
                && told["EdgeID"] == edge.edge_id.0
                && told["Meta"] == meta
                && told["Net"] == edge.net
                && told["Str"] == edge.addr
        });
        let Some(found) = found else { return Err(self.unknown_hook(hook)) };
        self.script.answer(&found, kind::RESPONSE).await.map(drop)
    }

    fn unknown_hook(&self, hook: &str) -> String {
        self.complain(&format!("a call of {hook} that was not recorded"));
        "not recorded".to_owned()
    }

    fn take(&self, session: u64, message: Message) {
        let incoming = Incoming {
            kind: kind::MESSAGE,
            session,
            name: &message.topic,
            payload: &message.payload,
            custom: &message.custom,
        };
        let Some(found) = self.script.find(&incoming) else {
            return self.complain(&format!("{message:?} was not recorded"));
        };
        if found.overtakes {
            self.complain(&format!("{message:?} comes before an earlier one"));
        }
        self.compare_edge(found.edge, message.edge_id);
        let script = self.script.clone();
        tokio::spawn(async move {
            match script.answer(&found, kind::MESSAGE_ACK).await {
                Ok(_) => message.ack(),
                Err(text) => message.reject(text),
            }
        });
    }

    /// Reads a stream that was opened or accepted.
    pub(crate) fn adopt(&self, stream: Stream) {
        let (session, stream) = (stream.id().0, Arc::new(stream));
        let (application, reading) = (self.clone(), Arc::clone(&stream));
        let read = tokio::spawn(async move {
            let mut piece = vec![0; 64 * 1024];
            while let Ok(count) = (&*reading).read(&mut piece).await {
                if count == 0 {
                    return;
                }
                application.state().read.entry(session).or_default().extend(&piece[..count]);
            }
        });
        let (application, receiving) = (self.clone(), Arc::clone(&stream));
        let receive = tokio::spawn(async move {
            while let Some(message) = receiving.receive().await {
                application.take(session, message);
            }
        });
        let tasks = [read.abort_handle(), receive.abort_handle()];
        let open = Open { stream, tasks, wanted: watch::Sender::new(()) };
        self.state().streams.insert(session, open);
        self.shared.came.notify_waiters();
    }

    /// The stream of a session, as soon as there is one.
    pub(crate) async fn stream(&self, session: u64) -> Arc<Stream> {
        loop {
            let came = self.shared.came.notified();
            if let Some(open) = self.state().streams.get(&session) {
                return Arc::clone(&open.stream);
            }
            came.await;
        }
    }

    /// Resolves when the application drops the stream of a session, which there is.
    pub(crate) async fn dropped(&self, session: u64) {
        let wanted = self.state().streams.get(&session).map(|open| open.wanted.subscribe());
        if let Some(mut wanted) = wanted {
            // Nothing is ever sent: what comes is the end.
            let _ = wanted.changed().await;
        }
    }

    /// Drops a stream, which closes it; what is under way on it is given up.
    pub(crate) fn drop_stream(&self, session: u64) {
        let open = self.state().streams.remove(&session);
        for task in open.iter().flat_map(|open| &open.tasks) {
            task.abort();
        }
    }

    /// A call or message begins. If it was answered, its result will be compared.
    pub(crate) fn waits(&self, line: usize, answered: Option<usize>) {
        self.state().waiting.extend(answered.map(|answered| (line, answered)));
    }

    /// The result that the application got, against what the gateway answered.
    pub(crate) fn compare(&self, line: usize, recorded: Option<Outcome>, got: Result<Vec<u8>, Error>) {
        self.state().waiting.remove(&line);
        let got = got.map_err(|error| match error {
            Error::Remote(text) => text,
            other => format!("{other:?}"),
        });
        match recorded {
            Some(recorded) if recorded != got => {
                self.complain(&format!("line {line} ended with {got:?}, recorded was {recorded:?}"));
            }
            _ => {}
        }
    }

    /// It need not have a result.
    pub(crate) fn waits_no_longer(&self, line: usize) {
        self.state().waiting.remove(&line);
    }

    /// Waits until the application has what came before `line`: the results of calls and messages, and raw bytes. A
    /// recorded application went on only then.
    pub(crate) fn has_what_came_before(&self, line: usize, patience: Duration) {
        let until = Instant::now() + patience;
        while !self.missing(line).is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What came before `line` and has not reached the application.
    fn missing(&self, line: usize) -> Vec<String> {
        let recorded = self.script.bytes_before(line);
        let state = self.state();
        let bytes = recorded.iter().filter_map(|(session, bytes)| {
            let read = state.read.get(session).map_or(&[][..], Vec::as_slice);
            let (name, count) = (&self.name, bytes.len());
            (!read.starts_with(bytes)).then(|| format!("{name}: not the {count} raw bytes of session {session:x}"))
        });
        let results = state.waiting.iter().filter(|(_, answered)| **answered < line);
        let results = results.map(|(line, _)| format!("{}: line {line} has no result", self.name));
        bytes.chain(results).collect()
    }

    /// Waits for all that should have come; returns what has not, and all complaints.
    pub(crate) fn finish(&self, patience: Duration) -> Vec<String> {
        self.has_what_came_before(usize::MAX, patience);
        let mut all = self.missing(usize::MAX);
        all.append(&mut self.state().complaints);
        all
    }
}
