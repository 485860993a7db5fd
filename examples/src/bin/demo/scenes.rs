//! What the demo shows.

use std::convert::Infallible;
use std::path::Path;

use anyhow::{Context, ensure};
use sdk::{Bytes, Edge, EdgeId, EdgePresence, Error, Request, Service, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Begins a scene.
pub(crate) fn title(text: &str) {
    println!("\n{text}");
}

/// Somebody says what it does or sees.
pub(crate) fn say(who: &str, what: &str) {
    println!("  {who:<8} {what}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All scenes, in order.
pub(crate) async fn play(services: &str, edges: &str, readings: &Path) -> anyhow::Result<()> {
    let service = start_service(services).await?;
    let lathe = start_edge(edges, "lathe").await?;
    let mill = start_edge(edges, "mill").await?;
    call_a_service(&lathe).await?;
    call_an_edge(&service, &mill).await?;
    publish_by_topic(&service, &lathe).await?;
    publish_to_an_edge(&service, &mill).await?;
    publish_to_a_file(&mill, readings).await?;
    stream_to_a_service(&service, &lathe).await?;
    title("Everybody leaves");
    lathe.close().await;
    mill.close().await;
    service.close().await;
    Ok(())
}

async fn start_service(addr: &str) -> anyhow::Result<Service> {
    title("A service comes online. It names edges, and hears of them");
    let service = Service::builder(addr)
        .name("workshop")
        .topics(["temperature"])
        .on_get_edge_id(async |meta: Bytes| match &meta[..] {
            b"lathe" => Ok(EdgeId(1)),
            b"mill" => Ok(EdgeId(2)),
            _ => Err("no such machine"),
        })
        .on_edge_online(async |edge: EdgePresence| {
            say("service", &format!("edge {} is online: {}, from {}", edge.edge_id, text(&edge.meta), edge.addr));
            Ok::<_, Infallible>(())
        })
        .on_edge_offline(async |edge: EdgePresence| {
            say("service", &format!("edge {} has left", edge.edge_id));
            Ok::<_, Infallible>(())
        })
        .handle("greet", async |request: Request| {
            let edge = request.edge_id.map_or("nobody".to_owned(), |id| format!("edge {id}"));
            say("service", &format!("greet is called by {edge}: {}", text(&request.payload)));
            Ok::<_, Infallible>(format!("hello {}", text(&request.payload)))
        })
        .connect()
        .await
        .context("the service cannot connect")?;
    say("service", "\"workshop\" is online; it offers the method greet and wants the topic temperature");
    Ok(service)
}

async fn start_edge(addr: &str, meta: &'static str) -> anyhow::Result<Edge> {
    title(&format!("An edge comes online: the {meta}"));
    let edge = Edge::builder(addr)
        .meta(meta)
        .handle_now("status", move |_| Ok::<_, Infallible>(format!("{meta} is running")))
        .connect()
        .await
        .with_context(|| format!("the {meta} cannot connect"))?;
    say(meta, &format!("is online as edge {}; it offers the method status", edge.id()));
    Ok(edge)
}

async fn call_a_service(lathe: &Edge) -> anyhow::Result<()> {
    title("An edge calls a method of a service");
    let answer = lathe.call("greet", "this is the lathe").await.context("greet failed")?;
    say("lathe", &format!("gets the answer: {}", text(&answer)));
    ensure!(answer == "hello this is the lathe", "that is the wrong answer");
    let unknown = lathe.call("dance", "").await;
    let Err(Error::Remote(error)) = unknown else { anyhow::bail!("an unknown method was answered with {unknown:?}") };
    say("lathe", &format!("calls a method that nobody offers, and gets the error: {error}"));
    Ok(())
}

async fn call_an_edge(service: &Service, mill: &Edge) -> anyhow::Result<()> {
    title("A service calls a method of one edge");
    let answer = service.call(mill.id(), "status", "").await.context("status failed")?;
    say("service", &format!("asks edge {} for its status and gets: {}", mill.id(), text(&answer)));
    ensure!(answer == "mill is running", "that is the wrong answer");
    Ok(())
}

async fn publish_by_topic(service: &Service, lathe: &Edge) -> anyhow::Result<()> {
    title("An edge publishes by topic; it knows when the service has accepted");
    let (acked, received) = tokio::join!(lathe.publish("temperature", "74 °C"), async {
        let message = service.receive().await?;
        let edge = message.edge_id.map_or("nobody".to_owned(), |id| format!("edge {id}"));
        say("service", &format!("receives from {edge}, {}: {}", message.topic, text(&message.payload)));
        message.ack();
        Ok::<_, Error>(())
    });
    received.context("the service received nothing")?;
    acked.context("the message was not accepted")?;
    say("lathe", "knows that its message was accepted");
    Ok(())
}

async fn publish_to_an_edge(service: &Service, mill: &Edge) -> anyhow::Result<()> {
    title("A service publishes to one edge");
    let (acked, received) = tokio::join!(service.publish(mill.id(), "slow down"), async {
        let message = mill.receive().await?;
        say("mill", &format!("receives: {}", text(&message.payload)));
        message.ack();
        Ok::<_, Error>(())
    });
    received.context("the mill received nothing")?;
    acked.context("the message was not accepted")?;
    say("service", "knows that its message was accepted");
    Ok(())
}

async fn publish_to_a_file(mill: &Edge, readings: &Path) -> anyhow::Result<()> {
    title("An edge publishes a topic that a bridge takes, here to a file; a broker would be the same");
    mill.publish("vibration", "0.3 mm").await.context("the message was not accepted")?;
    say("mill", "knows that its message is on the disk");
    let line = std::fs::read_to_string(readings).context("the file cannot be read")?;
    say("bridge", &format!("has written: {}", line.trim_end()));
    ensure!(line.contains("\"edge_id\":\"2\"") && line.contains("0.3 mm"), "that is the wrong line");
    Ok(())
}

async fn stream_to_a_service(service: &Service, lathe: &Edge) -> anyhow::Result<()> {
    title("An edge opens a stream to a service: bytes both ways, each direction ends by itself");
    const BYTES: usize = 1_000_000;
    let (sent, counted) = tokio::join!(send_and_ask(lathe, BYTES), async {
        let stream = service.accept_stream().await.context("no stream came")?;
        count_and_answer(stream).await
    });
    let answer = sent?;
    say("lathe", &format!("reads the answer on the same stream: {answer}"));
    ensure!(counted? == BYTES, "bytes are missing");
    Ok(())
}

/// Sends bytes, ends that direction, and reads the answer.
async fn send_and_ask(lathe: &Edge, bytes: usize) -> anyhow::Result<String> {
    let mut stream = lathe.open_stream("workshop").await.context("the stream cannot be opened")?;
    say("lathe", &format!("opens a stream to \"workshop\" and writes {bytes} bytes"));
    stream.write_all(&vec![b'x'; bytes]).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Reads to the end, and answers how much it was.
async fn count_and_answer(mut stream: Stream) -> anyhow::Result<usize> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    say("service", &format!("reads to the end: {} bytes, and answers", bytes.len()));
    stream.write_all(format!("{} bytes came", bytes.len()).as_bytes()).await?;
    stream.shutdown().await?;
    stream.close().await?;
    Ok(bytes.len())
}
