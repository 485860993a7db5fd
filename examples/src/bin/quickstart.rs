//! The smallest service and edge, against a gateway that runs on the conventional ports (`make run`), or where
//! `FRONTIER_SERVICE_ADDR` and `FRONTIER_EDGE_ADDR` say: `cargo run -p frontier-examples --bin quickstart`.

use std::convert::Infallible;
use std::env;

use sdk::{Edge, Request, Service};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let services = env::var("FRONTIER_SERVICE_ADDR").unwrap_or("127.0.0.1:30011".to_owned());
    let edges = env::var("FRONTIER_EDGE_ADDR").unwrap_or("127.0.0.1:30012".to_owned());

    // A service offers a method ...
    let service = Service::builder(services)
        .name("greeter")
        .handle("greet", async |request: Request| {
            let name = String::from_utf8_lossy(&request.payload);
            Ok::<_, Infallible>(format!("hello {name}"))
        })
        .connect()
        .await?;

    // ... an edge calls it ...
    let edge = Edge::builder(edges).meta("sensor 7").connect().await?;
    let greeting = edge.call("greet", "sensor 7").await?;
    println!("the service says: {}", String::from_utf8_lossy(&greeting));

    // ... and the other way round.
    edge.handle_now("status", |_request| Ok::<_, Infallible>("all fine")).await?;
    let status = service.call(edge.id(), "status", "").await?;
    println!("edge {} says: {}", edge.id(), String::from_utf8_lossy(&status));

    edge.close().await;
    service.close().await;
    Ok(())
}
