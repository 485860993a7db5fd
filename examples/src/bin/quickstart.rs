//! The smallest service and edge, against a gateway that runs on the conventional ports (`make run`):
//! `cargo run -p frontier-examples --bin quickstart`.

use std::convert::Infallible;

use sdk::{Edge, Request, Service};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A service offers a method ...
    let service = Service::builder("127.0.0.1:30011")
        .name("greeter")
        .handle("greet", async |request: Request| {
            let name = String::from_utf8_lossy(&request.payload);
            Ok::<_, Infallible>(format!("hello {name}"))
        })
        .connect()
        .await?;

    // ... an edge calls it ...
    let edge = Edge::builder("127.0.0.1:30012").meta("sensor 7").connect().await?;
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
