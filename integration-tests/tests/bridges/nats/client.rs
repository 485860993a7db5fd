//! A client of NATS by its own protocol, in clear text.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use frontier_integration_tests::PATIENCE;
use frontier_integration_tests::bridges::Arrived;
use frontier_integration_tests::brokers::Login;
use serde_json::{Value, json};

/// Questions that are asked before the first is answered.
const AT_ONCE: usize = 200;

/// A connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    answers: usize,
}

/// A message of a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) arrived: Arrived,
}

impl Client {
    /// Logs in and waits until the server has taken it.
    #[track_caller]
    pub(crate) fn connect(addr: SocketAddr, login: Option<&Login>) -> Self {
        let stream = TcpStream::connect(addr).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time can be set");
        let mut client = Self { stream: BufReader::new(stream), answers: 0 };
        assert!(client.line().starts_with("INFO "));
        let mut options = json!({ "verbose": false, "headers": true, "no_responders": true });
        if let Some(Login { user, password }) = login {
            options["user"] = user.as_str().into();
            options["pass"] = password.as_str().into();
        }
        client.say(&format!("CONNECT {options}\r\n"));
        client.synchronize();
        client
    }

    /// Subscribes, and waits until the server has taken it.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, subject: &str) {
        self.say(&format!("SUB {subject} 1\r\n"));
        self.synchronize();
    }

    /// Waits until the server has read all that was said.
    #[track_caller]
    fn synchronize(&mut self) {
        self.say("PING\r\n");
        let line = self.line();
        assert_eq!(line, "PONG");
    }

    /// The next message of a subscription.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Message {
        let (subject, head, body) = self.message();
        Message { subject, arrived: Arrived { payload: body, key: None, headers: headers(&head) } }
    }

    /// The next whose subject does not begin so.
    #[track_caller]
    pub(super) fn next_but(&mut self, prefix: &str) -> Message {
        loop {
            let message = self.next();
            if !message.subject.starts_with(prefix) {
                return message;
            }
        }
    }

    /// All messages of a subscription, until the server ends the connection.
    #[track_caller]
    pub(super) fn until_the_end(mut self) -> Vec<Arrived> {
        self.stream.get_ref().set_read_timeout(None).expect("a time can be set");
        let mut arrived = Vec::new();
        loop {
            match self.stream.fill_buf() {
                Ok([]) | Err(_) => return arrived,
                Ok(_) => {}
            }
            match self.stream.buffer()[0] {
                b'M' | b'H' => arrived.push(self.next().arrived),
                _ => drop(self.any_line()),
            }
        }
    }

    /// What JetStream answers to a question.
    #[track_caller]
    pub(crate) fn ask(&mut self, subject: &str, question: &Value) -> Value {
        self.ask_all(&[(subject.to_owned(), question.clone())]).remove(0)
    }

    /// Asks all at once; the answers are in the order of the questions.
    #[track_caller]
    pub(crate) fn ask_all(&mut self, questions: &[(String, Value)]) -> Vec<Value> {
        self.answers += 1;
        let inbox = format!("answers.{}", self.answers);
        let mut said = format!("SUB {inbox}.* 2\r\n");
        let mut answers = vec![Value::Null; questions.len()];
        for (first, part) in questions.chunks(AT_ONCE).enumerate() {
            for (at, (subject, question)) in part.iter().enumerate() {
                let question = question.to_string();
                let number = first * AT_ONCE + at;
                said += &format!("PUB {subject} {inbox}.{number} {}\r\n{question}\r\n", question.len());
            }
            self.say(&said);
            said.clear();
            for _ in part {
                let (subject, head, body) = self.message();
                assert!(head.is_empty(), "nobody answers: {head}");
                let number = subject.rsplit('.').next().and_then(|number| number.parse::<usize>().ok());
                answers[number.expect("an answer to a question")] =
                    serde_json::from_slice(&body).expect("JetStream answers in JSON");
            }
        }
        self.say("UNSUB 2\r\n");
        answers
    }

    /// All that the stream has kept behind the first `seen`, with its subjects; and how many it has had.
    #[track_caller]
    pub(crate) fn stored(&mut self, stream: &str, seen: u64) -> (Vec<Message>, u64) {
        let info = self.ask(&format!("$JS.API.STREAM.INFO.{stream}"), &json!({}));
        let last = info["state"]["last_seq"].as_u64().unwrap_or_else(|| panic!("no state: {info}"));
        let subject = format!("$JS.API.STREAM.MSG.GET.{stream}");
        let questions: Vec<_> = (seen + 1..=last).map(|seq| (subject.clone(), json!({ "seq": seq }))).collect();
        let answers = self.ask_all(&questions);
        (answers.iter().filter_map(stored).collect(), last)
    }

    #[track_caller]
    fn say(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).expect("the server takes it");
    }

    /// The next line but a question whether this end is there, which is answered.
    #[track_caller]
    fn line(&mut self) -> String {
        loop {
            match self.any_line() {
                line if line == "PING" => {}
                line => return line,
            }
        }
    }

    #[track_caller]
    fn any_line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server says something");
        if line == "PING\r\n" {
            self.say("PONG\r\n");
        }
        line.trim_end().to_owned()
    }

    /// The next message: its subject, its headers and its body.
    #[track_caller]
    fn message(&mut self) -> (String, String, Vec<u8>) {
        let line = self.line();
        let words: Vec<&str> = line.split(' ').collect();
        let size = |at: usize| words[words.len() - at].parse::<usize>().expect("a size");
        let head = if words[0] == "HMSG" { size(2) } else { 0 };
        assert!(head > 0 || words[0] == "MSG", "{line}");
        let mut bytes = vec![0; size(1) + 2];
        self.stream.read_exact(&mut bytes).expect("a message is whole");
        let body = bytes[head..bytes.len() - 2].to_vec();
        (words[1].to_owned(), String::from_utf8_lossy(&bytes[..head]).into_owned(), body)
    }
}

/// What `STREAM.MSG.GET` answers; none for one that was deleted.
fn stored(answer: &Value) -> Option<Message> {
    let message = answer.get("message")?;
    let bytes = |key: &str| STANDARD.decode(message[key].as_str().unwrap_or_default()).expect("base64");
    let headers = headers(&String::from_utf8(bytes("hdrs")).expect("headers are text"));
    let subject = message["subject"].as_str().expect("a subject").to_owned();
    Some(Message { subject, arrived: Arrived { payload: bytes("data"), key: None, headers } })
}

fn headers(head: &str) -> BTreeMap<String, String> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}
