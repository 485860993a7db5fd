//! What a Kafka server has stored, read over its own protocol: records as they lie in the log, with key, headers and codec.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::bridges::Arrived;

const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// API keys and the versions that are spoken here: the last ones whose fields all have a fixed width.
const FETCH: (i16, i16) = (1, 4);
const CREATE_TOPICS: (i16, i16) = (19, 2);

/// Errors by their number.
const NONE: i16 = 0;
const UNKNOWN_TOPIC: i16 = 3;
const TOPIC_EXISTS: i16 = 36;
/// Those of a topic that is just being made: nobody leads it, or not this one yet.
const NOT_YET: [i16; 2] = [5, 6];

/// How much one fetch may bring.
const MOST: i32 = 8 * 1024 * 1024;

/// Makes topics of `partitions` partitions at the server at `addr`, with these properties; one that is there stays as it is.
///
/// # Errors
/// It does not answer, or refuses one.
pub fn make_topics(addr: SocketAddr, topics: &[&str], partitions: i32, properties: &[(&str, &str)]) -> io::Result<()> {
    let mut request = Request::new(CREATE_TOPICS);
    request.int(topics.len() as i32);
    for topic in topics {
        request.text(topic);
        request.int(partitions);
        // One replica, no assignment.
        request.short(1);
        request.int(0);
        request.int(properties.len() as i32);
        for (name, value) in properties {
            request.text(name);
            request.text(value);
        }
    }
    request.int(ANSWERS_WITHIN.as_millis() as i32);
    // Not only a trial.
    request.0.push(0);
    let answer = request.ask(addr)?;
    let mut answer = Reader(&answer);
    answer.int()?;
    for _ in 0..answer.int()? {
        let topic = answer.text()?.to_owned();
        let error = answer.short()?;
        answer.text()?;
        if error != NONE && error != TOPIC_EXISTS {
            return Err(io::Error::other(format!("topic {topic} is not made: error {error}")));
        }
    }
    Ok(())
}

/// A reader of one partition, from its beginning.
#[derive(Debug)]
pub struct KafkaLog {
    addr: SocketAddr,
    topic: String,
    partition: i32,
    next: i64,
    records: Vec<Arrived>,
    codecs: Vec<i16>,
}

impl KafkaLog {
    /// Of partition `partition` of `topic`, by the server at `addr`.
    #[must_use]
    pub fn new(addr: SocketAddr, topic: &str, partition: i32) -> Self {
        Self { addr, topic: topic.to_owned(), partition, next: 0, records: Vec::new(), codecs: Vec::new() }
    }

    /// Reads on to the end; gives all records from the beginning.
    ///
    /// # Errors
    /// The server does not answer, or a record is compressed.
    pub fn read(&mut self) -> io::Result<&[Arrived]> {
        while self.fetch(true)? {}
        Ok(&self.records)
    }

    /// Codecs of all batches, by their number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. Their records are not looked at.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn codecs(&mut self) -> io::Result<&[i16]> {
        while self.fetch(false)? {}
        Ok(&self.codecs)
    }

    /// Returns whether there was anything new.
    fn fetch(&mut self, open: bool) -> io::Result<bool> {
        let mut request = Request::new(FETCH);
        // No replica; do not wait; any number of bytes; all that is written.
        request.int(-1);
        request.int(0);
        request.int(0);
        request.int(MOST);
        request.0.push(0);
        request.int(1);
        request.text(&self.topic);
        request.int(1);
        request.int(self.partition);
        request.0.extend(self.next.to_be_bytes());
        request.int(MOST);
        let answer = request.ask(self.addr)?;
        let mut answer = Reader(&answer);
        // Throttle time, one topic with its name, one partition with its number.
        answer.int()?;
        answer.int()?;
        answer.text()?;
        answer.int()?;
        answer.int()?;
        let error = answer.short()?;
        if error == UNKNOWN_TOPIC || NOT_YET.contains(&error) {
            return Ok(false);
        }
        if error != NONE {
            return Err(io::Error::other(format!("fetching {} gives error {error}", self.topic)));
        }
        // High watermark, last stable offset, aborted transactions.
        answer.long()?;
        answer.long()?;
        let aborted = answer.int()?;
        assert!(aborted <= 0, "nobody uses transactions");
        let length = answer.int()?.max(0);
        let mut batches = Reader(answer.take(length as usize)?);
        let before = self.next;
        while !batches.0.is_empty() && self.batch(&mut batches, open)? {}
        Ok(self.next > before)
    }

    /// Takes one batch. Returns whether it was whole.
    fn batch(&mut self, batches: &mut Reader<'_>, open: bool) -> io::Result<bool> {
        if batches.0.len() < 12 {
            return Ok(false);
        }
        let first = batches.long()?;
        let length = batches.int()? as usize;
        if batches.0.len() < length {
            return Ok(false);
        }
        let mut batch = Reader(batches.take(length)?);
        // The leader's epoch, magic, checksum.
        batch.take(9)?;
        let attributes = batch.short()?;
        let last = first + i64::from(batch.int()?);
        // Two timestamps, the producer's id, its epoch and sequence.
        batch.take(30)?;
        let count = batch.int()?;
        self.codecs.push(attributes & 7);
        if open && attributes & 7 != 0 {
            return Err(io::Error::other("this reader opens no compressed batches"));
        }
        for at in 0..if open { count } else { 0 } {
            let length = batch.varint()? as usize;
            let record = Reader(batch.take(length)?);
            // A fetch brings whole batches, even those that begin before it.
            if first + i64::from(at) >= self.next {
                self.records.push(parse(record)?);
            }
        }
        self.next = last + 1;
        Ok(true)
    }
}

fn parse(mut record: Reader<'_>) -> io::Result<Arrived> {
    // Attributes, and how far timestamp and offset lie behind the batch's.
    record.take(1)?;
    record.varint()?;
    record.varint()?;
    let key = record.bytes()?.map(|key| String::from_utf8_lossy(key).into_owned());
    let payload = record.bytes()?.ok_or_else(|| io::Error::other("a record without a value, which deletes"))?.to_vec();
    let mut headers = BTreeMap::new();
    for _ in 0..record.varint()? {
        let name = record.bytes()?.unwrap_or_default();
        let value = record.bytes()?.unwrap_or_default();
        headers.insert(String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned());
    }
    Ok(Arrived { payload, key, headers })
}

/// A request, without its length.
struct Request(Vec<u8>);

impl Request {
    fn new((key, version): (i16, i16)) -> Self {
        let mut request = Self(Vec::new());
        request.short(key);
        request.short(version);
        // One question to a connection; no name of a client.
        request.int(1);
        request.short(-1);
        request
    }

    fn short(&mut self, value: i16) {
        self.0.extend(value.to_be_bytes());
    }

    fn int(&mut self, value: i32) {
        self.0.extend(value.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.short(text.len() as i16);
        self.0.extend(text.as_bytes());
    }

    /// The answer behind its length and number.
    fn ask(self, addr: SocketAddr) -> io::Result<Vec<u8>> {
        let mut socket = TcpStream::connect_timeout(&addr, ANSWERS_WITHIN)?;
        socket.set_read_timeout(Some(ANSWERS_WITHIN))?;
        let length = (self.0.len() as u32).to_be_bytes();
        socket.write_all(&[&length[..], &self.0].concat())?;
        let mut length = [0; 4];
        socket.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        socket.read_exact(&mut answer)?;
        Ok(answer.split_off(4))
    }
}

/// What is left of an answer.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let short = || io::Error::other("the answer ends early");
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        Ok(self.take(N)?.try_into().expect("that many were taken"))
    }

    fn short(&mut self) -> io::Result<i16> {
        self.fixed().map(i16::from_be_bytes)
    }

    fn int(&mut self) -> io::Result<i32> {
        self.fixed().map(i32::from_be_bytes)
    }

    fn long(&mut self) -> io::Result<i64> {
        self.fixed().map(i64::from_be_bytes)
    }

    /// Empty where there is none.
    fn text(&mut self) -> io::Result<&'a str> {
        let length = self.short()?.max(0);
        str::from_utf8(self.take(length as usize)?).map_err(io::Error::other)
    }

    fn varint(&mut self) -> io::Result<i64> {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let [byte] = self.fixed()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
            shift += 7;
        }
    }

    fn bytes(&mut self) -> io::Result<Option<&'a [u8]>> {
        match self.varint()? {
            length @ 0.. => self.take(length as usize).map(Some),
            _ => Ok(None),
        }
    }
}
