//! The chat room for browsers: `make demo-web`, or `web_chat --gateway PATH`. Serves the page of `examples/web-chat` and is the
//! room behind it. Starts a gateway of its own, whose bridge writes all that is said into a file, or with `--websocket` joins
//! one that runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use clap::Parser;
use frontier_examples::asked_to_end;
use frontier_examples::chat::TOPIC;
use frontier_examples::gateway::Gateway;
use frontier_examples::room::Room;
use sdk::Bytes;
use serde_json::json;
use tokio::net::TcpListener;

/// Where the bridge of our own gateway writes to, beside its configuration.
const TRANSCRIPT: &str = "chat.jsonl";

/// What the page may load and where it may connect: nothing of others, but the gateway wherever that is.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:";

/// A chat room for browsers.
#[derive(Debug, Parser)]
struct Args {
    /// The program of a gateway to start, for example target/release/frontier
    #[arg(long, value_name = "PATH", required_unless_present = "websocket")]
    gateway: Option<PathBuf>,
    /// Where a gateway that runs takes edges of browsers, for example wss://gateway.example:30013/
    #[arg(long, value_name = "URL", conflicts_with = "gateway")]
    websocket: Option<String>,
    /// Where that gateway takes services
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:30011")]
    address: String,
    /// The folder of the built page
    #[arg(long, value_name = "FOLDER", default_value = "examples/web-chat/dist")]
    page: PathBuf,
    /// Where to serve it
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let ending = asked_to_end()?;
    let page = read_page(&args.page)?;
    let listener = TcpListener::bind(&args.listen)
        .await
        .with_context(|| format!("cannot listen on {}; --listen names another address", args.listen))?;
    let port = listener.local_addr().context("the listener has no address")?.port();
    let (gateway, address, websocket) = match args.gateway {
        Some(path) => {
            let gateway = Gateway::start(&path, &config(port)).await?;
            let websocket = gateway.websockets.as_ref().context("the gateway's log names no port for browsers")?;
            let websocket = format!("ws://{websocket}/");
            (Some(gateway), None, websocket)
        }
        None => (None, Some(args.address), args.websocket.unwrap_or_default()),
    };
    let address = gateway.as_ref().map(|gateway| gateway.services.clone()).or(address).unwrap_or_default();
    let room = Room::open(&address).await.with_context(|| format!("cannot join the gateway at {address}"))?;
    println!("> open http://127.0.0.1:{port}/ in two browsers; Ctrl-C ends it all");
    println!("> pages connect to the gateway at {websocket}, which a browser elsewhere has to reach, too");
    if let Some(gateway) = &gateway {
        let client = std::env::current_exe().unwrap_or_default().with_file_name("chatroom_client");
        println!("> in a terminal: {} --address {} --name carol", client.display(), gateway.edges);
        println!("> what is said is kept in {}", gateway.file(TRANSCRIPT).display());
    }
    let site = Site { page, gateway: json!({ "url": websocket }) };
    let router = Router::new().fallback(serve).with_state(Arc::new(site));
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served.context("the page cannot be served")?,
        closed = room.pass_on() => closed?,
        () = ending => {}
    }
    room.close().await;
    match gateway {
        Some(gateway) => gateway.stop().await,
        None => Ok(()),
    }
}

/// A gateway on free ports that lets the page on this port in, and has all that is said written down as well.
fn config(page: u16) -> String {
    format!(
        "\
servicebound: {{listen: {{network: tcp, addr: '127.0.0.1:0'}}}}
edgebound:
  listen: {{network: tcp, addr: '127.0.0.1:0'}}
  edgeid_alloc_when_no_idservice_on: false
  websocket:
    enable: true
    listen: {{network: tcp, addr: '127.0.0.1:0'}}
    allowed_origins: ['http://127.0.0.1:{page}', 'http://localhost:{page}']
observability: {{enable: false}}
bridges:
  - name: transcript
    topics: [{TOPIC}]
    delivery: all
    file: {{path: {TRANSCRIPT}}}
"
    )
}

/// What is served.
struct Site {
    /// Files by their path in the URL.
    page: HashMap<String, File>,
    /// What the page asks for to find the gateway.
    gateway: serde_json::Value,
}

struct File {
    kind: &'static str,
    content: Bytes,
}

async fn serve(State(site): State<Arc<Site>>, uri: Uri) -> Response {
    let path = if uri.path() == "/" { "/index.html" } else { uri.path() };
    if path == "/gateway.json" {
        return ([(header::CONTENT_TYPE, "application/json")], site.gateway.to_string()).into_response();
    }
    let Some(File { kind, content }) = site.page.get(path) else {
        return (StatusCode::NOT_FOUND, "there is no such page\n").into_response();
    };
    let headers = [(header::CONTENT_TYPE, *kind), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, content.clone()).into_response()
}

/// Reads all files of the folder, once: nothing else can be asked for.
fn read_page(folder: &Path) -> anyhow::Result<HashMap<String, File>> {
    let mut files = HashMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        let entries = std::fs::read_dir(&current)
            .with_context(|| format!("there is no page in {}; build it with `make web`", folder.display()))?;
        for entry in entries {
            let path = entry.context("the folder of the page cannot be read")?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let content = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.insert(format!("/{name}"), File { kind: kind(&path), content: content.into() });
        }
    }
    ensure!(files.contains_key("/index.html"), "{} has no index.html; build it with `make web`", folder.display());
    Ok(files)
}

fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
