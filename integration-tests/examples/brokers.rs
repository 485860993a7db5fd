//! The five brokers to play with, until Ctrl-C: `make brokers`.
//!
//! They listen at their usual ports where those are free. `--open` leaves logins and TLS out.

use std::env;
use std::fmt::Display;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;

use frontier_integration_tests::brokers::{Broker, Kafka, Login, Mosquitto, Nats, Rabbitmq, Redis, Settings, Tls};
use frontier_integration_tests::certificates::Authority;
use tokio::signal::unix::{SignalKind, signal};

struct All {
    kafka: Kafka,
    rabbitmq: Rabbitmq,
    nats: Nats,
    mosquitto: Mosquitto,
    redis: Redis,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let open = match args.as_slice() {
        [] => false,
        [only] if only == "--open" => true,
        _ => {
            eprintln!("usage: brokers [--open]      without --open: with TLS beside clear text, and logins");
            return ExitCode::from(2);
        }
    };
    let mut interrupt = signal(SignalKind::interrupt()).expect("signals can be waited for");
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be waited for");
    let authority = Authority::new("frontier's brokers to play with");
    let login = (!open).then(|| Login::new("frontier", "frontier"));
    let settings = |name: &str, port| Settings {
        tls: (!open).then(|| Tls::by(&authority, name)),
        login: login.clone(),
        port: Some(port),
        ..Settings::default()
    };
    eprintln!("starting Kafka, RabbitMQ, NATS, Mosquitto and Redis, which takes about 15 s …");
    let mut all = thread::scope(|scope| {
        let kafka = scope.spawn(|| Kafka::start(&settings("kafka", 9092)));
        let rabbitmq = scope.spawn(|| Rabbitmq::start(&settings("rabbitmq", 5672)));
        All {
            nats: Nats::start(&settings("nats", 4222)),
            mosquitto: Mosquitto::start(&settings("mosquitto", 1883)),
            redis: Redis::start(&settings("redis", 6379)),
            rabbitmq: rabbitmq.join().expect("RabbitMQ starts"),
            kafka: kafka.join().expect("Kafka starts"),
        }
    });
    all.print(login.as_ref(), &authority);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    eprintln!("ending them");
    all.stop();
    ExitCode::SUCCESS
}

impl All {
    fn print(&self, login: Option<&Login>, authority: &Authority) {
        let user = login.map_or_else(String::new, |login| format!("{}:{}@", login.user, login.password));
        let url = |scheme: &str, addr: SocketAddr| format!("{scheme}://{user}{addr}");
        let rows = [
            (&self.rabbitmq.broker, ["amqp", "amqps"], self.rabbitmq.addr, self.rabbitmq.tls),
            (&self.nats.broker, ["nats", "tls"], self.nats.addr, login.map(|_| self.nats.addr)),
            (&self.mosquitto.broker, ["mqtt", "mqtts"], self.mosquitto.addr, self.mosquitto.tls),
            (&self.redis.broker, ["redis", "rediss"], self.redis.addr, self.redis.tls),
        ];
        let Kafka { broker: kafka, addr, tls, inside, .. } = &self.kafka;
        row(kafka, "", addr);
        tls.iter().for_each(|tls| row(kafka, "TLS", tls));
        row(kafka, "no login", inside);
        for (broker, [clear, secure], addr, tls) in rows {
            row(broker, "", &url(clear, addr));
            tls.iter().for_each(|tls| row(broker, "TLS", &url(secure, *tls)));
        }
        match login {
            Some(Login { user, password }) => {
                println!("\nuser {user}, password {password}; Kafka by SASL PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
                println!("certificates for TLS are signed by {}", authority.file().display());
            }
            None => println!("\nno logins; RabbitMQ has its own guest, password guest"),
        }
        println!("Ctrl-C ends them, and removes their data");
    }

    /// Ends them in order, RabbitMQ and Kafka side by side since they take a while.
    fn stop(&mut self) {
        let all = [
            &mut self.kafka.broker,
            &mut self.rabbitmq.broker,
            &mut self.nats.broker,
            &mut self.mosquitto.broker,
            &mut self.redis.broker,
        ];
        thread::scope(|scope| {
            for broker in all {
                scope.spawn(|| broker.stop());
            }
        });
    }
}

fn row(broker: &Broker, what: &str, where_to: &dyn Display) {
    println!("  {:10} {what:9} {where_to}", broker.name());
}
