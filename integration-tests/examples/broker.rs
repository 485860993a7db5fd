//! One broker, alone on a free port, until its standard input ends: `broker KIND [LINE]…`, where each line is one more of the
//! broker's own configuration. Says `HOST:PORT` once it answers. For `make bench-bridges`.

use std::env;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use frontier_integration_tests::brokers::{Broker, Kafka, Mosquitto, Nats, Rabbitmq, Redis, Settings};

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let kind = args.next().unwrap_or_default();
    let settings = Settings { lines: args.collect(), ..Settings::default() };
    match &*kind {
        "kafka" => {
            let mut kafka = Kafka::start(&settings);
            run(kafka.addr, &mut kafka.broker);
        }
        "rabbitmq" => {
            let mut rabbitmq = Rabbitmq::start(&settings);
            run(rabbitmq.addr, &mut rabbitmq.broker);
        }
        "nats" => {
            let mut nats = Nats::start(&settings);
            run(nats.addr, &mut nats.broker);
        }
        "mosquitto" => {
            let mut mosquitto = Mosquitto::start(&settings);
            run(mosquitto.addr, &mut mosquitto.broker);
        }
        "redis" => {
            let mut redis = Redis::start(&settings);
            run(redis.addr, &mut redis.broker);
        }
        _ => {
            eprintln!("usage: broker kafka|rabbitmq|nats|mosquitto|redis [LINE]…");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn run(addr: SocketAddr, broker: &mut Broker) {
    println!("{addr}");
    let mut rest = Vec::new();
    // An input that cannot be read has ended too.
    let _ = io::stdin().read_to_end(&mut rest);
    // What it holds goes with it: there is nothing to end in order.
    broker.kill();
}
