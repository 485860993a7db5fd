//! nginx, as a proxy in front of a gateway.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::brokers::Broker;
use crate::brokers::broker::Plan;
use crate::brokers::port::Port;
use crate::brokers::program;

/// A running nginx. Dropping it kills the process.
#[derive(Debug)]
pub struct Nginx {
    /// Where it listens.
    pub addr: SocketAddr,
    _broker: Broker,
    _port: Port,
}

impl Nginx {
    /// Starts one with `site` in its section `http`, which the address to listen on is put into where it says `LISTEN`.
    ///
    /// # Panics
    /// When it is not installed or does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(site: &str) -> Self {
        let server = program("nginx");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let port = Port::any();
        let addr = port.addr();
        let file = folder.path().join("nginx.conf");
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary: String =
            temporary.map(|kind| format!("{kind}_temp_path {};\n", folder.path().join(kind).display())).concat();
        let site = site.replace("LISTEN", &addr.to_string());
        // One process, in the foreground: it ends with its group.
        let text = format!(
            "daemon off;\nmaster_process off;\npid {};\nerror_log stderr;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{site}\n}}\n",
            folder.path().join("pid").display()
        );
        fs::write(&file, text).expect("a temporary file can be written");
        let broker = Broker::new(Plan {
            name: "nginx",
            folder,
            command: Box::new(move || {
                let mut command = Command::new(&server);
                command.arg("-e").arg("stderr").arg("-c").arg(&file);
                command
            }),
            ask: Box::new(move || TcpStream::connect(addr).map(drop).map_err(io::Error::other)),
        });
        Self { addr, _broker: broker, _port: port }
    }
}
