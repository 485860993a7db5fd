//! One who asks: a connection for gRPC and one for REST.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::controlplane::control_plane_client::ControlPlaneClient;
use api::controlplane::{GetEdgeRequest, ListEdgesRequest};
use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use super::Way;
use super::aside::Turns;
use super::questions::{Ask, Question};
use crate::latencies::Latencies;

/// How long an answer may take: a little longer than the gateway takes at most.
const PATIENCE: Duration = Duration::from_secs(35);

/// How long records may take to catch up, and how often they are asked meanwhile.
const CATCHING_UP: Duration = Duration::from_secs(300);
const STEP: Duration = Duration::from_millis(50);

/// What an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    rows: usize,
    count: u64,
}

/// Connections to the control plane. Belongs to the runtime in which it was made.
#[derive(Debug)]
pub(crate) struct Asker {
    grpc: ControlPlaneClient<Channel>,
    rest: SendRequest<String>,
    /// What the header says of whom is asked.
    host: String,
    /// Drives the connection for REST; ends with this.
    _connection: JoinSet<()>,
}

impl Asker {
    /// Connects twice to `addr`, host:port.
    ///
    /// # Errors
    /// Nobody listens there, or who does speaks no HTTP.
    pub(crate) async fn connect(addr: &str) -> Result<Self> {
        let nobody = || format!("the control plane cannot be reached at {addr}: name it by --control-addr");
        let endpoint = Endpoint::from_shared(format!("http://{addr}"))?.tcp_nodelay(true);
        let grpc = ControlPlaneClient::new(endpoint.connect().await.with_context(nobody)?);
        let stream = TcpStream::connect(addr).await.with_context(nobody)?;
        stream.set_nodelay(true)?;
        let (rest, driver) = http1::handshake(TokioIo::new(stream)).await.with_context(nobody)?;
        let mut connection = JoinSet::new();
        connection.spawn(async move {
            // What breaks it is told to who asks next.
            let _ = driver.await;
        });
        Ok(Self { grpc, rest, host: addr.to_owned(), _connection: connection })
    }

    /// Waits until the records have taken in what is online: they follow behind, and are not told while they are far behind.
    ///
    /// # Errors
    /// They do not within [`CATCHING_UP`], or cannot be asked for another reason.
    pub(crate) async fn caught_up(&mut self) -> Result<()> {
        let begin = Instant::now();
        let one = ListEdgesRequest { page: 1, page_size: 1, ..ListEdgesRequest::default() };
        loop {
            let asked = timeout(PATIENCE, self.grpc.list_edges(one.clone())).await;
            match asked.with_context(|| format!("no answer within {PATIENCE:?}"))? {
                Err(status) if status.code() == Code::Unavailable && begin.elapsed() < CATCHING_UP => sleep(STEP).await,
                answer => return answer.map(drop).context("the records do not take in what is online"),
            }
        }
    }

    /// Asks once. Returns the time until the answer was there whole: over gRPC as messages, over REST as text.
    ///
    /// # Errors
    /// There is no answer, or it does not hold what is online.
    pub(crate) async fn ask(&mut self, question: &Question, way: Way) -> Result<Duration> {
        let asked = async {
            match way {
                Way::Grpc => self.by_grpc(question).await,
                Way::Rest => self.by_rest(question).await,
            }
        };
        let asked = timeout(PATIENCE, asked).await;
        let (answer, took) = asked
            .with_context(|| format!("no answer within {PATIENCE:?}"))
            .flatten()
            .with_context(|| format!("{}, asked by {way:?}", question.name))?;
        let Question { name, rows, count, .. } = question;
        ensure!(
            answer.rows == *rows && answer.count >= u64::from(*count),
            "{name}, asked by {way:?}: {rows} rows of {count} or more were to come, {answer:?} came"
        );
        Ok(took)
    }

    async fn by_grpc(&mut self, question: &Question) -> Result<(Answer, Duration)> {
        let begin = Instant::now();
        let (rows, count) = match &question.ask {
            Ask::Edges(asked) => {
                let answer = self.grpc.list_edges(asked.clone()).await?.into_inner();
                (answer.edges.len(), answer.count)
            }
            Ask::Methods(asked) => {
                let answer = self.grpc.list_edge_rp_cs(asked.clone()).await?.into_inner();
                (answer.rpcs.len(), answer.count)
            }
            Ask::Edge(id) => {
                let edge = self.grpc.get_edge(GetEdgeRequest { edge_id: *id }).await?.into_inner();
                ensure!(edge.edge_id == *id, "edge {id} was asked for, {} came", edge.edge_id);
                (1, 1)
            }
        };
        let took = begin.elapsed();
        Ok((Answer { rows, count: u64::try_from(count)? }, took))
    }

    async fn by_rest(&mut self, question: &Question) -> Result<(Answer, Duration)> {
        let path = question.path();
        let begin = Instant::now();
        self.rest.ready().await.context("the connection is gone")?;
        let request = Request::get(&path).header(HOST, &self.host).body(String::new())?;
        let response = self.rest.send_request(request).await?;
        let status = response.status();
        let text = whole(response.into_body()).await?;
        let took = begin.elapsed();
        ensure!(status.is_success(), "GET {path}: {status}: {}", String::from_utf8_lossy(&text));
        let answer =
            read(&question.ask, &text).with_context(|| format!("GET {path}: {}", String::from_utf8_lossy(&text)))?;
        Ok((answer, took))
    }
}

/// Asks for pages, in turn and either way, until it is over. Returns how long each took.
///
/// # Errors
/// Those of [`Asker::ask`].
pub(crate) async fn ask_for_pages(turns: Turns, addr: String, questions: Vec<Question>) -> Result<Latencies> {
    let mut asker = Asker::connect(&addr).await?;
    let pages = questions.iter().filter(|question| question.is_page());
    let mut pages = pages.flat_map(|page| Way::ALL.map(|way| (page, way))).cycle();
    let mut latencies = Latencies::default();
    let mut number = 0;
    while turns.next(number).await {
        let (page, way) = pages.next().context("there is no page to ask for")?;
        latencies.record(asker.ask(page, way).await?);
        number += 1;
    }
    Ok(latencies)
}

/// All bytes of a body.
async fn whole(mut body: Incoming) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// What an answer in JSON holds.
fn read(ask: &Ask, text: &[u8]) -> Result<Answer> {
    let body: Value = serde_json::from_slice(text).context("it is no JSON")?;
    let list = match ask {
        Ask::Edges(_) => "edges",
        Ask::Methods(_) => "rpcs",
        Ask::Edge(id) => {
            let told = body["edge_id"].as_str().and_then(|text| text.parse().ok());
            ensure!(told == Some(*id), "it is not edge {id}");
            return Ok(Answer { rows: 1, count: 1 });
        }
    };
    let rows = body[list].as_array().with_context(|| format!("it has no list {list}"))?.len();
    Ok(Answer { rows, count: body["count"].as_u64().context("it has no count")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_or_refused() {
        let edges = Ask::Edges(ListEdgesRequest::default());
        let answer = read(&edges, br#"{"edges":[{},{}],"count":7}"#).unwrap();
        assert_eq!(answer, Answer { rows: 2, count: 7 });
        assert!(read(&edges, br#"{"rpcs":[],"count":0}"#).is_err());
        assert!(read(&Ask::Edge(5), br#"{"edge_id":"5"}"#).is_ok());
        assert!(read(&Ask::Edge(5), br#"{"edge_id":"6"}"#).is_err());
    }
}
