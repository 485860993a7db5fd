//! Several Redis servers that know of one another: replicas, sentinels, a cluster.

use std::net::SocketAddr;
use std::process::Command;

use super::broker::Plan;
use super::port::Port;
use super::redis::tls_lines;
use super::redis_client::{RedisClient, Reply};
use super::{Broker, Redis, Settings, ask, expect, program, write};
use crate::wait::eventually;

impl Redis {
    /// A client of it that needs no login.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    #[track_caller]
    pub fn client(&self) -> RedisClient {
        RedisClient::connect(self.addr, None)
    }

    /// Makes it a replica of the server at `master`, and waits until it has all of its data. With `tls-replication` among their lines
    /// that is where the master listens with TLS.
    ///
    /// # Panics
    /// When that does not come about.
    #[track_caller]
    pub fn follow(&self, master: SocketAddr) {
        let mut client = self.client();
        client.done(&["REPLICAOF", &master.ip().to_string(), &master.port().to_string()]);
        eventually("the replica has everything", || (client.info("master_link_status") == "up").then_some(()));
    }

    /// Makes it a master.
    ///
    /// # Panics
    /// When it does not do so.
    #[track_caller]
    pub fn lead(&self) {
        self.client().done(&["REPLICAOF", "NO", "ONE"]);
    }
}

/// A sentinel. One that watches alone decides alone.
#[derive(Debug)]
pub struct Sentinel {
    /// Its process.
    pub broker: Broker,
    /// Where it is asked in clear text.
    pub addr: SocketAddr,
    /// With TLS, if that is set.
    pub tls: Option<SocketAddr>,
    _ports: Vec<Port>,
}

impl Sentinel {
    /// Starts one that watches `master` under that name, and takes it for dead after a second; `quorum` sentinels must agree. With TLS
    /// set it talks so to the servers, and `master` is where that one listens with TLS. A login is not looked at: lines set it.
    ///
    /// # Panics
    /// When Redis is not installed or the sentinel does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(name: &str, master: SocketAddr, quorum: usize, settings: &Settings) -> Self {
        let server = program("redis-server");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let (port, secure) = (Port::any(), settings.tls.as_ref().map(|_| Port::any()));
        let mut own = vec![
            "bind 127.0.0.1".to_owned(),
            format!("port {}", port.number()),
            format!("dir {}", folder.path().display()),
            format!("sentinel monitor {name} {} {} {quorum}", master.ip(), master.port()),
            format!("sentinel down-after-milliseconds {name} 1000"),
            format!("sentinel failover-timeout {name} 5000"),
        ];
        if let (Some(tls), Some(secure)) = (&settings.tls, &secure) {
            own.extend(tls_lines(tls, folder.path(), secure));
            own.push("tls-replication yes".to_owned());
        }
        let file = folder.path().join("sentinel.conf");
        write(&file, &([own, settings.lines.clone()].concat().join("\n") + "\n"));
        let (addr, tls) = (port.addr(), secure.as_ref().map(Port::addr));
        let broker = Broker::new(Plan {
            name: "sentinel",
            folder,
            command: Box::new(move || {
                let mut command = Command::new(&server);
                command.arg(&file).arg("--sentinel");
                command
            }),
            // With a login it says so, which is as good a sign of life.
            ask: Box::new(move || {
                let answer: [u8; 7] = ask(addr, b"PING\r\n")?;
                expect(&answer == b"+PONG\r\n" || &answer == b"-NOAUTH", &answer)
            }),
        });
        Self { broker, addr, tls, _ports: [port].into_iter().chain(secure).collect() }
    }

    /// A client of it that needs no login.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    #[track_caller]
    pub fn client(&self) -> RedisClient {
        RedisClient::connect(self.addr, None)
    }
}

/// A cluster of three masters, each with a third of the slots.
#[derive(Debug)]
pub struct RedisCluster {
    /// Its servers.
    pub servers: Vec<Redis>,
    settings: Settings,
    buses: Vec<Port>,
}

impl RedisCluster {
    /// Starts one of servers with these settings. With TLS set they talk so among themselves, too.
    ///
    /// # Panics
    /// When Redis is not installed or the cluster does not come about.
    #[must_use]
    #[track_caller]
    pub fn start(settings: &Settings) -> Self {
        let mut cluster = Self { servers: Vec::new(), settings: settings.clone(), buses: Vec::new() };
        for _ in 0..3 {
            cluster.launch();
        }
        for (number, slots) in ["0 5460", "5461 10922", "10923 16383"].iter().enumerate() {
            let mut client = cluster.servers[number].client();
            let (first, last) = slots.split_once(' ').expect("two numbers");
            client.done(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
            client.done(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        for number in 1..3 {
            cluster.meet(number);
        }
        cluster.works();
        cluster
    }

    /// Starts one more master, without slots, and waits until all know of it. Returns its number.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn join(&mut self) -> usize {
        self.launch();
        let number = self.servers.len() - 1;
        self.meet(number);
        let id = self.id(number);
        for server in &self.servers {
            eventually("all know of the new one", || {
                server.client().ask(&["CLUSTER", "NODES"]).text().contains(&id).then_some(())
            });
        }
        self.works();
        number
    }

    /// Makes a server without slots a replica of another, and waits until it has everything and all know of it.
    ///
    /// # Panics
    /// When that does not come about.
    #[track_caller]
    pub fn replicate(&self, replica: usize, master: usize) {
        let (its, ours) = (self.id(master), self.id(replica));
        let mut client = self.servers[replica].client();
        eventually("the replica knows its master", || {
            (client.ask(&["CLUSTER", "REPLICATE", &its]) == Reply::Status("OK".to_owned())).then_some(())
        });
        eventually("the replica has everything", || (client.info("master_link_status") == "up").then_some(()));
        for server in &self.servers {
            eventually("all know of the replica", || {
                let nodes = server.client().ask(&["CLUSTER", "NODES"]);
                let line = nodes.text().lines().find(|line| line.starts_with(&ours)).map(str::to_owned);
                line.is_some_and(|line| line.contains("slave") && line.contains(&its)).then_some(())
            });
        }
    }

    fn launch(&mut self) {
        let bus = Port::any();
        let mut lines = vec![
            "cluster-enabled yes".to_owned(),
            format!("cluster-port {}", bus.number()),
            "cluster-node-timeout 2000".to_owned(),
        ];
        lines.extend(self.settings.tls.as_ref().map(|_| "tls-cluster yes".to_owned()));
        lines.extend(self.settings.lines.clone());
        self.servers.push(Redis::start(&Settings { lines, ..self.settings.clone() }));
        self.buses.push(bus);
    }

    #[track_caller]
    fn meet(&self, number: usize) {
        let (port, bus) = (self.servers[number].addr.port(), self.buses[number].number());
        self.servers[0].client().done(&["CLUSTER", "MEET", "127.0.0.1", &port.to_string(), &bus.to_string()]);
    }

    /// Waits until all servers say that the cluster works.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn works(&self) {
        for server in &self.servers {
            eventually("the cluster works", || {
                let info = server.client().ask(&["CLUSTER", "INFO"]);
                let known = format!("cluster_known_nodes:{}\r", self.servers.len());
                (info.text().contains("cluster_state:ok") && info.text().contains(&known)).then_some(())
            });
        }
    }

    /// The id of a server.
    #[must_use]
    #[track_caller]
    pub fn id(&self, number: usize) -> String {
        self.servers[number].client().ask(&["CLUSTER", "MYID"]).text().to_owned()
    }

    /// The slot of a key.
    #[must_use]
    #[track_caller]
    pub fn slot(&self, key: &str) -> i64 {
        self.servers[0].client().ask(&["CLUSTER", "KEYSLOT", key]).number()
    }

    /// The number of the server that has the key's slot.
    ///
    /// # Panics
    /// When nobody has.
    #[must_use]
    #[track_caller]
    pub fn owner(&self, key: &str) -> usize {
        let slot = self.slot(key);
        let ask = |server: &Redis| server.client().ask(&["XLEN", key]);
        let owner = self.servers.iter().position(|server| matches!(ask(server), Reply::Number(_)));
        owner.unwrap_or_else(|| panic!("nobody has slot {slot}"))
    }
}
