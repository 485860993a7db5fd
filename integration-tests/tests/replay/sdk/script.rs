//! What the application of one client does in a recording, looked up by what happens to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use frontier_integration_tests::raw::{Frame, kind};
use frontier_integration_tests::replay::{Entry, Line, Recording, Way};
use tokio::sync::watch;

/// How a call or message ended: the payload, or the error text.
pub(crate) type Outcome = Result<Vec<u8>, String>;

/// The part of one client in a recording. Clones share what has been used.
#[derive(Clone)]
pub(crate) struct Script {
    shared: Arc<Shared>,
}

struct Shared {
    lines: Vec<Line>,
    service: bool,
    /// The recorded requests and messages that have reached the application, by their line.
    used: Mutex<BTreeSet<usize>>,
    /// The line that the conversation has reached.
    reached: watch::Receiver<usize>,
}

/// A recorded request or message, found by its content.
pub(crate) struct Found {
    packet: u64,
    link: String,
    /// Whether an earlier one of its kind and session has not reached the application.
    pub(crate) overtakes: bool,
    /// The edge that its custom bytes name.
    pub(crate) edge: Option<u64>,
}

/// What reached the application.
pub(crate) struct Incoming<'a> {
    pub(crate) kind: u8,
    pub(crate) session: u64,
    /// Method or topic.
    pub(crate) name: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) custom: &'a [u8],
}

impl Script {
    /// The part of `client` and of its later connections.
    pub(crate) fn new(recording: &Recording, client: &str, reached: watch::Receiver<usize>) -> Self {
        let lines = recording.lines.iter().filter(|line| client_of(&line.link) == client).cloned().collect();
        let service = client.starts_with("service");
        Self { shared: Arc::new(Shared { lines, service, used: Mutex::default(), reached }) }
    }

    /// The frames that went `way`, with their lines.
    pub(crate) fn frames(&self, way: Way) -> impl Iterator<Item = (&Line, &Frame)> {
        self.shared.lines.iter().filter(move |line| line.way == way).filter_map(|line| match &line.entry {
            Entry::Frame(frame) => Some((line, frame)),
            _ => None,
        })
    }

    /// Whether the client comes back after the loss of a link.
    pub(crate) fn comes_back(&self) -> bool {
        self.shared.lines.iter().any(|line| line.link.contains('.'))
    }

    /// The raw bytes of each session that came before a line.
    pub(crate) fn bytes_before(&self, number: usize) -> BTreeMap<u64, Vec<u8>> {
        let mut bytes: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let before = self.frames(Way::ToClient).take_while(|(line, _)| line.number < number);
        for (_, frame) in before.filter(|(_, frame)| frame.kind == kind::STREAM) {
            bytes.entry(frame.session()).or_default().extend(frame.data());
        }
        bytes
    }

    /// Finds the first recorded frame with this content that has not been found before.
    pub(crate) fn find(&self, incoming: &Incoming<'_>) -> Option<Found> {
        self.find_where(incoming.kind, |frame| {
            let (custom, _) = self.split(frame);
            let name = if frame.kind == kind::REQUEST { frame.method() } else { frame.text("topic") };
            frame.session() == incoming.session
                && name == incoming.name
                && frame.value() == incoming.payload
                && custom == incoming.custom
        })
    }

    /// Finds the first recorded frame of a kind that `wanted` accepts and that has not been found before.
    pub(crate) fn find_where(&self, code: u8, wanted: impl Fn(&Frame) -> bool) -> Option<Found> {
        let mut used = self.shared.used.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = self.frames(Way::ToClient).filter(|(_, frame)| frame.kind == code);
        let open: Vec<_> = of_kind.filter(|(line, _)| !used.contains(&line.number)).collect();
        let (line, frame) = *open.iter().find(|(_, frame)| wanted(frame))?;
        let earlier = open.iter().find(|(_, other)| other.session() == frame.session());
        let overtakes = earlier.is_some_and(|(first, _)| first.number != line.number);
        used.insert(line.number);
        let (_, edge) = self.split(frame);
        Some(Found { packet: frame.id, link: line.link.clone(), overtakes, edge })
    }

    /// A frame's custom bytes without the edge's id, and that id.
    fn split(&self, frame: &Frame) -> (Vec<u8>, Option<u64>) {
        let custom = frame.custom();
        match custom.split_last_chunk::<8>() {
            Some((front, tail)) if self.shared.service && frame.session() == 1 => {
                (front.to_vec(), Some(u64::from_be_bytes(*tail)))
            }
            _ => (custom, None),
        }
    }

    /// The recorded frame of a kind that answers `packet` of `link`.
    pub(crate) fn reply(&self, link: &str, way: Way, code: u8, packet: u64) -> Option<(usize, &Frame)> {
        let mut frames = self.frames(way);
        frames
            .find(|(line, frame)| line.link == link && frame.kind == code && frame.id == packet)
            .map(|(line, frame)| (line.number, frame))
    }

    /// What the application answered to `found`, as soon as the conversation has come to it. Waits for ever where it
    /// never answered, or where the call was cancelled before: the handler is then dropped.
    pub(crate) async fn answer(&self, found: &Found, code: u8) -> Outcome {
        let cancelled = self.reply(&found.link, Way::ToClient, kind::REQUEST_CANCEL, found.packet).is_some();
        let reply = self.reply(&found.link, Way::ToGateway, code, found.packet);
        let Some((line, frame)) = reply.filter(|_| !cancelled) else {
            return std::future::pending().await;
        };
        let mut reached = self.shared.reached.clone();
        // The conversation outlives everything that waits for it.
        let _ = reached.wait_for(|reached| *reached >= line).await;
        frame.outcome()
    }
}

/// The client that a link belongs to: `edge1` for `edge1.2`.
pub(crate) fn client_of(link: &str) -> &str {
    link.split('.').next().unwrap_or(link)
}
