//! Lets one client of the SDK do what its application did in a recording.

use std::collections::HashMap;
use std::future::Future;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use frontier_integration_tests::raw::{Client as RawClient, Frame, kind, time};
use frontier_integration_tests::replay::{Entry, Line, Recording, Way};
use sdk::{Builder, Edge, Error, Reconnect, Service};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::application::{Application, MAIN};
use super::client::{Client, Outgoing};
use super::script::{Outcome, Script};

const PATIENCE: Duration = Duration::from_secs(10);
const HOOKS: [&str; 3] = ["get_edge_id", "edge_online", "edge_offline"];

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Step = Box<dyn FnOnce(Client) -> Work + Send>;

/// What is done with a stream, in order.
enum OnStream {
    Write(Vec<u8>),
    Close,
}

/// One client.
pub(crate) struct Driver {
    service: bool,
    script: Script,
    application: Application,
    began: Option<SystemTime>,
    listener: TcpListener,
    /// The SDK's socket, to cut it.
    socket: Arc<Mutex<Option<TcpStream>>>,
    steps: mpsc::UnboundedSender<Step>,
    /// Until the client connects.
    waiting_steps: Option<mpsc::UnboundedReceiver<Step>>,
    streams: HashMap<u64, mpsc::UnboundedSender<OnStream>>,
    cancels: HashMap<u64, oneshot::Sender<()>>,
    runtime: Handle,
}

impl Driver {
    pub(crate) fn new(recording: &Recording, name: &str, reached: watch::Receiver<usize>, runtime: Handle) -> Self {
        let script = Script::new(recording, name, reached);
        let (steps, waiting_steps) = mpsc::unbounded_channel();
        Self {
            service: name.starts_with("service"),
            application: Application::new(&format!("{} {name}", recording.case), script.clone()),
            script,
            began: recording.began,
            listener: TcpListener::bind("127.0.0.1:0").expect("a port is free"),
            socket: Arc::default(),
            steps,
            waiting_steps: Some(waiting_steps),
            streams: HashMap::new(),
            cancels: HashMap::new(),
            runtime,
        }
    }

    /// The gateway's end of the connection that the SDK makes.
    #[track_caller]
    pub(crate) fn accept(&self) -> RawClient {
        self.listener.set_nonblocking(true).expect("a listener can be made so");
        let until = Instant::now() + PATIENCE;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).expect("a socket can be made so");
                    return RawClient::over(stream);
                }
                Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => panic!("the SDK does not dial: {error}"),
            }
        }
    }

    /// The conversation comes to what this client did in `line`.
    pub(crate) fn act(&mut self, line: &Line) {
        self.application.has_what_came_before(line.number, PATIENCE);
        match &line.entry {
            Entry::Frame(frame) => self.say(line, frame),
            Entry::Cut | Entry::Reset | Entry::Finish if !self.said_goodbye(line) => self.cut(),
            _ => {}
        }
    }

    fn say(&mut self, line: &Line, frame: &Frame) {
        match frame.kind {
            kind::CONN if self.waiting_steps.is_some() => self.connect(line, frame),
            kind::REGISTER if frame.session() != MAIN || !self.knows(line, frame) => self.register(frame),
            kind::REQUEST => self.call(line, frame),
            kind::MESSAGE => self.publish(line, frame),
            kind::REQUEST_CANCEL => drop(self.cancels.remove(&frame.id)),
            kind::SESSION => self.open(line, frame),
            kind::STREAM => self.on_stream(frame.session(), OnStream::Write(frame.data().to_vec())),
            kind::DISMISS if frame.session() != MAIN => self.close_stream(line, frame.session()),
            kind::DIS_CONN if !self.gateway_left_first(line) => {
                self.step(|client| Box::pin(async move { client.close().await }))
            }
            // The SDK does the rest by itself.
            _ => {}
        }
    }

    /// Whether the gateway's goodbye or refusal came before `line`.
    fn gateway_left_first(&self, line: &Line) -> bool {
        let mut before =
            self.script.frames(Way::ToClient).filter(|(at, _)| at.link == line.link && at.number < line.number);
        before.any(|(_, frame)| {
            frame.kind == kind::DIS_CONN
                || frame.kind == kind::CONN_ACK && frame.body[0] != 0
                || frame.kind == kind::DISMISS && frame.session() == MAIN
        })
    }

    /// Whether either side has said goodbye before `line`: the SDK then ends the connection by itself.
    fn said_goodbye(&self, line: &Line) -> bool {
        let both = self.script.frames(Way::ToClient).chain(self.script.frames(Way::ToGateway));
        let mut before = both.filter(|(at, _)| at.link == line.link && at.number < line.number);
        before.any(|(_, frame)| frame.kind == kind::DIS_CONN)
    }

    fn step(&self, step: impl FnOnce(Client) -> Work + Send + 'static) {
        // After a refusal there is nobody left to do it.
        let _ = self.steps.send(Box::new(step));
    }

    fn connect(&mut self, line: &Line, conn: &Frame) {
        let refusal = self.script.reply(&line.link, Way::ToClient, kind::CONN_ACK, conn.id);
        let refusal = refusal.map(|(_, ack)| ack.text("error")).filter(|text| !text.is_empty());
        let connecting = self.client(conn);
        let application = self.application.clone();
        let steps = self.waiting_steps.take().expect("a client connects once");
        self.runtime.spawn(async move {
            match (connecting.await, refusal) {
                (Ok(client), None) => {
                    application.begin(&client);
                    go(client, steps).await;
                }
                (Err(Error::Refused(text)), Some(refusal)) if text == refusal => {}
                (Err(error), refusal) => application.complain(&format!("connect: {error:?}, recorded was {refusal:?}")),
                (Ok(_), Some(refusal)) => application.complain(&format!("was let in, recorded was {refusal}")),
            }
        });
    }

    /// A client made as the recorded Conn and Registers show.
    fn client(&self, conn: &Frame) -> Pin<Box<dyn Future<Output = Result<Client, Error>> + Send>> {
        let reconnect = if self.script.comes_back() { Reconnect::Always } else { Reconnect::Never };
        let addr = self.listener.local_addr().expect("a listener has an address");
        let socket = Arc::clone(&self.socket);
        let dial = move || {
            let socket = Arc::clone(&socket);
            async move {
                let stream = TcpStream::connect(addr)?;
                stream.set_nonblocking(true)?;
                let kept = stream.try_clone()?;
                *socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
                tokio::net::TcpStream::from_std(stream)
            }
        };
        let (meta, wanted) = (conn.bytes("meta"), conn.number_at(2));
        if !self.service {
            let builder =
                Edge::builder("").dial_with(dial).reconnect(reconnect).meta(meta).edge_id(sdk::EdgeId(wanted));
            return Box::pin(async move { builder.connect().await.map(Client::Edge) });
        }
        let meta: Value = serde_json::from_slice(&meta).expect("a recorded service has JSON as meta");
        let topics = meta["topics"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut builder = Service::builder("").dial_with(dial).reconnect(reconnect).topics(topics);
        builder = builder.name(meta["service"].as_str().unwrap_or_default()).service_id(sdk::ServiceId(wanted));
        for method in self.offered_from_the_start() {
            builder = self.offering(builder, method);
        }
        Box::pin(async move { builder.connect().await.map(Client::Service) })
    }

    /// Hooks must be there when a service connects, and so must what was registered before the last of them.
    fn offered_from_the_start(&self) -> Vec<String> {
        let registers = self.script.frames(Way::ToGateway).filter(|(line, frame)| {
            frame.kind == kind::REGISTER && frame.session() == MAIN && !line.link.contains('.')
        });
        let mut methods: Vec<String> = registers.map(|(_, frame)| frame.method()).collect();
        let hooks = methods.iter().rposition(|method| HOOKS.contains(&method.as_str())).map_or(0, |last| last + 1);
        methods.truncate(hooks);
        methods
    }

    fn offering(&self, builder: Builder<Service>, method: String) -> Builder<Service> {
        let application = self.application.clone();
        match method.as_str() {
            "get_edge_id" => builder.on_get_edge_id(move |meta| {
                let application = application.clone();
                async move { application.edge_id(&meta).await }
            }),
            "edge_online" => builder.on_edge_online(move |edge| {
                let application = application.clone();
                async move { application.presence("edge_online", edge).await }
            }),
            "edge_offline" => builder.on_edge_offline(move |edge| {
                let application = application.clone();
                async move { application.presence("edge_offline", edge).await }
            }),
            _ => {
                let offered = method.clone();
                builder.handle(&method, move |request| {
                    let (application, method) = (application.clone(), offered.clone());
                    async move { application.handle(MAIN, &method, request).await }
                })
            }
        }
    }

    /// Whether the SDK registers the method by itself, since it did so on an earlier link.
    fn knows(&self, line: &Line, frame: &Frame) -> bool {
        let mut earlier = self.script.frames(Way::ToGateway).take_while(|(at, _)| at.number < line.number);
        earlier
            .any(|(at, other)| at.link != line.link && other.kind == kind::REGISTER && other.method() == frame.method())
    }

    fn register(&self, frame: &Frame) {
        let (session, method) = (frame.session(), frame.method());
        if session == MAIN && self.offered_from_the_start().contains(&method) {
            return;
        }
        let application = self.application.clone();
        self.step(move |client| {
            let (handling, offered) = (application.clone(), method.clone());
            let handler = move |request| {
                let (application, method) = (handling.clone(), offered.clone());
                async move { application.handle(session, &method, request).await }
            };
            Box::pin(async move {
                let registered = match session {
                    MAIN => client.handle(&method, handler).await,
                    _ => application.stream(session).await.handle(&method, handler).await,
                };
                if let Err(error) = registered {
                    application.complain(&format!("{method} cannot be registered: {error}"));
                }
            })
        });
    }

    fn call(&mut self, line: &Line, frame: &Frame) {
        let outgoing = self.outgoing(line, frame, frame.method());
        let recorded = self.recorded(line, frame, kind::RESPONSE);
        let (number, session, application) = (line.number, frame.session(), self.application.clone());
        let (keep, mut cancelled) = oneshot::channel::<()>();
        self.cancels.insert(frame.id, keep);
        application.waits(number, self.answered(line, frame, kind::RESPONSE));
        self.step(move |client| {
            Box::pin(async move {
                let calling = async {
                    match session {
                        MAIN => client.call(outgoing).await,
                        _ => in_stream::call(&*application.stream(session).await, outgoing).await,
                    }
                };
                tokio::select! {
                    biased;
                    got = calling => application.compare(number, recorded, got),
                    // Dropping the call is how it is cancelled.
                    _ = &mut cancelled => application.waits_no_longer(number),
                }
            })
        });
    }

    fn publish(&self, line: &Line, frame: &Frame) {
        let outgoing = self.outgoing(line, frame, frame.text("topic"));
        let recorded = self.recorded(line, frame, kind::MESSAGE_ACK);
        let (number, session, application) = (line.number, frame.session(), self.application.clone());
        application.waits(number, self.answered(line, frame, kind::MESSAGE_ACK));
        self.step(move |client| {
            Box::pin(async move {
                if session == MAIN {
                    return application.compare(number, recorded, client.publish(outgoing).await);
                }
                let stream = application.stream(session).await;
                tokio::select! {
                    biased;
                    got = in_stream::publish(&stream, outgoing) => application.compare(number, recorded, got),
                    () = application.dropped(session) => {}
                }
            })
        });
    }

    fn outgoing(&self, line: &Line, frame: &Frame, name: String) -> Outgoing {
        let custom = frame.custom();
        let (custom, edge) = match custom.split_last_chunk::<8>() {
            Some((front, tail)) if self.service && frame.session() == MAIN => {
                (front.to_vec(), u64::from_be_bytes(*tail))
            }
            _ => (custom, 0),
        };
        Outgoing { edge, name, payload: frame.value(), custom, timeout: self.timeout(line, frame) }
    }

    /// How long the application was ready to wait.
    fn timeout(&self, line: &Line, frame: &Frame) -> Option<Duration> {
        let json = frame.json();
        let began = self.began? + line.at;
        let deadlines = [&json["deadline"], &json["context"]["deadline"]].into_iter().filter_map(Value::as_str);
        let ahead = deadlines.filter_map(time::parse).filter_map(|deadline| deadline.duration_since(began).ok());
        ahead.min()
    }

    fn recorded(&self, line: &Line, frame: &Frame, code: u8) -> Option<Outcome> {
        self.script.reply(&line.link, Way::ToClient, code, frame.id).map(|(_, answer)| answer.outcome())
    }

    /// The line of the answer.
    fn answered(&self, line: &Line, frame: &Frame, code: u8) -> Option<usize> {
        self.script.reply(&line.link, Way::ToClient, code, frame.id).map(|(number, _)| number)
    }

    fn open(&self, line: &Line, frame: &Frame) {
        let (number, peer, application) = (line.number, frame.text("peer"), self.application.clone());
        let opened = self.answered(line, frame, kind::SESSION_ACK).is_some();
        self.step(move |client| {
            Box::pin(async move {
                match client.open_stream(&peer).await {
                    Ok(stream) => application.adopt(stream),
                    Err(error) if opened => application.complain(&format!("line {number}: no stream: {error}")),
                    Err(_) => {}
                }
            })
        });
    }

    /// Closes a stream behind all that was written: an old client's Dismiss overtook what it had written before.
    fn close_stream(&mut self, line: &Line, session: u64) {
        let writes = self
            .script
            .frames(Way::ToGateway)
            .filter(|(at, frame)| at.number > line.number && frame.kind == kind::STREAM && frame.session() == session);
        let late: Vec<Vec<u8>> = writes.map(|(_, frame)| frame.data().to_vec()).collect();
        for bytes in late {
            self.on_stream(session, OnStream::Write(bytes));
        }
        self.on_stream(session, OnStream::Close);
    }

    fn on_stream(&mut self, session: u64, what: OnStream) {
        let application = self.application.clone();
        let runtime = self.runtime.clone();
        let queue = self.streams.entry(session).or_insert_with(|| {
            let (sender, queue) = mpsc::unbounded_channel();
            runtime.spawn(work_on_stream(application, session, queue));
            sender
        });
        // The stream may have ended before its application was done with it.
        let _ = queue.send(what);
    }

    fn cut(&self) {
        if let Some(socket) = self.socket.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It may have ended by itself.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// What the application has to complain of at the end.
    pub(crate) fn finish(&self) -> Vec<String> {
        self.application.finish(PATIENCE)
    }
}

/// Takes the steps in order: each begins before the next, and goes on beside it.
async fn go(client: Client, mut steps: mpsc::UnboundedReceiver<Step>) {
    while let Some(step) = steps.recv().await {
        let mut work = step(client.clone());
        if futures_util::poll!(&mut work).is_pending() {
            tokio::spawn(work);
        }
    }
}

async fn work_on_stream(application: Application, session: u64, mut queue: mpsc::UnboundedReceiver<OnStream>) {
    let stream = application.stream(session).await;
    while let Some(OnStream::Write(bytes)) = queue.recv().await {
        if let Err(error) = (&*stream).write_all(&bytes).await {
            application.complain(&format!("cannot write to session {session:x}: {error}"));
        }
    }
    drop(stream);
    application.drop_stream(session);
}

/// Calls and messages of a stream.
mod in_stream {
    use sdk::{Error, Stream};

    use super::Outgoing;

    pub(super) async fn call(stream: &Stream, what: Outgoing) -> Result<Vec<u8>, Error> {
        let call = stream.call(&what.name, what.payload).custom(what.custom);
        call.await.map(|answer| answer.to_vec())
    }

    pub(super) async fn publish(stream: &Stream, what: Outgoing) -> Result<Vec<u8>, Error> {
        let publish = stream.publish(&what.name, what.payload).custom(what.custom);
        publish.await.map(|()| Vec::new())
    }
}
