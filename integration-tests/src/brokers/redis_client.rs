//! Redis as a client sees it: commands and replies.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::Login;
use crate::wait::PATIENCE;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A status, such as `OK`.
    Status(String),
    /// An error.
    Error(String),
    /// A number.
    Number(i64),
    /// Bytes; none for nil.
    Bytes(Option<Vec<u8>>),
    /// A list; nil is empty.
    List(Vec<Reply>),
}

impl Reply {
    /// The bytes of a string.
    ///
    /// # Panics
    /// When it is something else.
    #[must_use]
    #[track_caller]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(Some(bytes)) => bytes,
            Self::Status(text) => text.as_bytes(),
            other => panic!("no string: {other:?}"),
        }
    }

    /// The text of a string.
    ///
    /// # Panics
    /// When it is something else, or no UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        str::from_utf8(self.bytes()).expect("text")
    }

    /// The number.
    ///
    /// # Panics
    /// When it is something else.
    #[must_use]
    #[track_caller]
    pub fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            other => panic!("no number: {other:?}"),
        }
    }

    /// The parts of a list.
    ///
    /// # Panics
    /// When it is something else.
    #[must_use]
    #[track_caller]
    pub fn list(&self) -> &[Reply] {
        match self {
            Self::List(parts) => parts,
            other => panic!("no list: {other:?}"),
        }
    }
}

/// A connection in clear text.
pub struct RedisClient {
    stream: BufReader<TcpStream>,
}

impl RedisClient {
    /// Connects, and logs in if there is a login.
    ///
    /// # Panics
    /// When nobody is there, or the login is refused.
    #[must_use]
    #[track_caller]
    pub fn connect(addr: SocketAddr, login: Option<&Login>) -> Self {
        let socket = TcpStream::connect_timeout(&addr, PATIENCE).expect("the server accepts");
        socket.set_read_timeout(Some(PATIENCE)).expect("a limit can be set");
        let mut client = Self { stream: BufReader::new(socket) };
        if let Some(Login { user, password }) = login {
            client.done(&["AUTH", user, password]);
        }
        client
    }

    /// Sends a command; its reply.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn ask(&mut self, command: &[&str]) -> Reply {
        self.try_ask(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Sends a command to a server that may be gone; its reply.
    ///
    /// # Errors
    /// The socket's.
    pub fn try_ask(&mut self, command: &[&str]) -> io::Result<Reply> {
        let mut bytes = format!("*{}\r\n", command.len());
        for part in command {
            bytes.push_str(&format!("${}\r\n{part}\r\n", part.len()));
        }
        self.stream.get_mut().write_all(bytes.as_bytes())?;
        self.reply()
    }

    /// Sends a command that must be answered with `OK`.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn done(&mut self, command: &[&str]) {
        assert_eq!(self.ask(command), Reply::Status("OK".to_owned()), "{command:?}");
    }

    /// The value of a line `name:value` of what `INFO` says.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn info(&mut self, name: &str) -> String {
        let all = self.ask(&["INFO", "everything"]);
        let value = all.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned));
        value.unwrap_or_else(|| panic!("INFO has no {name}"))
    }

    /// The next reply, or message of a channel that is subscribed.
    ///
    /// # Errors
    /// The socket's.
    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r\n").unwrap_or_default()).into_owned();
        let odd = || io::Error::other(format!("no reply: {line:?}"));
        let (kind, rest) = line.split_at_checked(1).ok_or_else(odd)?;
        let number = || rest.parse::<i64>().map_err(|_| odd());
        Ok(match kind {
            "+" => Reply::Status(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Number(number()?),
            "$" => Reply::Bytes(match usize::try_from(number()?) {
                Err(_) => None,
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.stream.read_exact(&mut bytes)?;
                    bytes.truncate(length);
                    Some(bytes)
                }
            }),
            "*" => Reply::List((0..number()?).map(|_| self.reply()).collect::<io::Result<_>>()?),
            _ => return Err(odd()),
        })
    }
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisClient").field(&self.stream.get_ref().peer_addr()).finish()
    }
}
