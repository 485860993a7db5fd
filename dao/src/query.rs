//! What can be asked.
//!
//! One meaning for both back ends:
//! - `meta`, `addr` and `service` are **prefixes**, `rpc`, `topic` and ids are **exact**. Every character stands for itself,
//!   `_`, `%` and `*` too; upper and lower case differ. The empty prefix takes everything.
//! - Filters that are given together must all match.
//! - Text is ordered by its bytes, ids as unsigned numbers. Rows that tie come by their id, the smaller first, in either
//!   direction; names that tie by the name.
//! - The default order is the youngest first.

use std::cmp::Ordering;

use proto::id::{EdgeId, ServiceId};

use crate::after::After;
use crate::error::BadQuery;

/// A span of time in which a row has to be made: seconds since 1970, with `start` and without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct During {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl During {
    /// `None`, which is no limit, unless both bounds are given and neither is 0. A span that ends before it starts holds
    /// nothing.
    #[must_use]
    pub fn new(start: Option<i64>, end: Option<i64>) -> Option<Self> {
        match (start, end) {
            (Some(start), Some(end)) if start != 0 && end != 0 => Some(Self { start, end }),
            _ => None,
        }
    }

    /// How `time` compares to the span.
    pub(crate) fn compare(self, time: i64) -> Ordering {
        if time < self.start {
            Ordering::Less
        } else if time < self.end {
            Ordering::Equal
        } else {
            Ordering::Greater
        }
    }

    pub(crate) const fn holds(self, time: i64) -> bool {
        self.start <= time && time < self.end
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    number: u64,
    size: u64,
}

impl Default for Page {
    fn default() -> Self {
        Self { number: 1, size: 10 }
    }
}

impl Page {
    /// Page `number`, counted from 1, of `size` rows each. If either is not positive it is the first page of 10. There is no
    /// upper bound here: whoever sends the rows on has one.
    #[must_use]
    pub fn new(number: i64, size: i64) -> Self {
        match (u64::try_from(number), u64::try_from(size)) {
            (Ok(number @ 1..), Ok(size @ 1..)) => Self { number, size },
            _ => Self::default(),
        }
    }

    /// Rows before the page.
    pub(crate) const fn offset(self) -> u64 {
        (self.number - 1).saturating_mul(self.size)
    }

    pub(crate) const fn size(self) -> u64 {
        self.size
    }
}

/// An order: by which field, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order<F> {
    /// The field.
    pub by: F,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// What edges and services can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerField {
    /// When it was admitted.
    CreateTime,
    /// Its id.
    Id,
    /// An edge's meta, a service's name.
    Label,
    /// Where it connected from.
    Addr,
}

/// What methods and topics can be ordered by. Of one that several offer the row counts that comes first in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameField {
    /// When it was offered.
    CreateTime,
    /// The id of who offers it.
    Id,
    /// The name.
    Name,
}

impl Default for Order<PeerField> {
    fn default() -> Self {
        Self { by: PeerField::CreateTime, descending: true }
    }
}

impl Default for Order<NameField> {
    fn default() -> Self {
        Self { by: NameField::CreateTime, descending: true }
    }
}

const PEER_FIELDS: [PeerField; 4] = [PeerField::CreateTime, PeerField::Id, PeerField::Label, PeerField::Addr];
const NAME_FIELDS: [NameField; 3] = [NameField::CreateTime, NameField::Id, NameField::Name];

impl Order<PeerField> {
    /// Reads an order of edges: a field with `-` (descending) or `+` (ascending) before it, or neither, which is descending.
    /// Empty is the default.
    ///
    /// # Errors
    /// There is no such field.
    pub fn of_edges(text: &str) -> Result<Self, BadQuery> {
        parse(text, true, &["create_time", "edge_id", "meta", "addr"], &PEER_FIELDS)
    }

    /// Reads an order of services; without a sign it is ascending.
    ///
    /// # Errors
    /// There is no such field.
    pub fn of_services(text: &str) -> Result<Self, BadQuery> {
        parse(text, false, &["create_time", "service_id", "service", "addr"], &PEER_FIELDS)
    }
}

impl Order<NameField> {
    /// Reads an order of edges' methods; without a sign it is ascending.
    ///
    /// # Errors
    /// There is no such field.
    pub fn of_edge_rpcs(text: &str) -> Result<Self, BadQuery> {
        parse(text, false, &["create_time", "edge_id", "rpc"], &NAME_FIELDS)
    }

    /// Reads an order of services' methods; without a sign it is ascending.
    ///
    /// # Errors
    /// There is no such field.
    pub fn of_service_rpcs(text: &str) -> Result<Self, BadQuery> {
        parse(text, false, &["create_time", "service_id", "rpc"], &NAME_FIELDS)
    }

    /// Reads an order of services' topics; without a sign it is ascending.
    ///
    /// # Errors
    /// There is no such field.
    pub fn of_service_topics(text: &str) -> Result<Self, BadQuery> {
        parse(text, false, &["create_time", "service_id", "topic"], &NAME_FIELDS)
    }
}

fn parse<F: Copy>(
    text: &str,
    descending: bool,
    known: &'static [&'static str],
    fields: &[F],
) -> Result<Order<F>, BadQuery>
where
    Order<F>: Default,
{
    if text.is_empty() {
        return Ok(Order::default());
    }
    let (field, descending) = match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(field), _) => (field, true),
        (_, Some(field)) => (field, false),
        _ => (text, descending),
    };
    match known.iter().position(|name| *name == field) {
        Some(at) => Ok(Order { by: fields[at], descending }),
        None => Err(BadQuery::Order { field: field.to_owned(), known }),
    }
}

/// Which edges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EdgeQuery {
    /// A prefix of their meta.
    pub meta: Option<String>,
    /// A prefix of their address.
    pub addr: Option<String>,
    /// A method that they offer.
    pub rpc: Option<String>,
    /// Their id.
    pub edge: Option<EdgeId>,
    /// When they were admitted.
    pub during: Option<During>,
    /// In which order.
    pub order: Order<PeerField>,
    /// Where the pages begin; the count is of all nevertheless.
    pub after: Option<After>,
    /// Which of them.
    pub page: Page,
}

/// Which services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceQuery {
    /// A prefix of their name.
    pub service: Option<String>,
    /// A prefix of their address.
    pub addr: Option<String>,
    /// A method that they offer.
    pub rpc: Option<String>,
    /// A topic that they take, as they named it.
    pub topic: Option<String>,
    /// When they were admitted.
    pub during: Option<During>,
    /// In which order.
    pub order: Order<PeerField>,
    /// Where the pages begin; the count is of all nevertheless.
    pub after: Option<After>,
    /// Which of them.
    pub page: Page,
}

/// Which methods of edges: those that edges of this kind offer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EdgeRpcQuery {
    /// A prefix of the edges' meta.
    pub meta: Option<String>,
    /// The edge's id.
    pub edge: Option<EdgeId>,
    /// When they were offered.
    pub during: Option<During>,
    /// In which order.
    pub order: Order<NameField>,
    /// Which of them.
    pub page: Page,
}

/// Which methods or topics of services: those of services of this kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceNamesQuery {
    /// A prefix of the services' names.
    pub service: Option<String>,
    /// The service's id.
    pub id: Option<ServiceId>,
    /// When they were offered.
    pub during: Option<During>,
    /// In which order.
    pub order: Order<NameField>,
    /// Which of them.
    pub page: Page,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// How many there are on all pages together, exactly.
    pub count: u64,
}

/// Which edges or services, whichever they are: what the back ends work with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peers {
    pub(crate) label: Option<String>,
    pub(crate) addr: Option<String>,
    pub(crate) rpc: Option<String>,
    pub(crate) topic: Option<String>,
    pub(crate) id: Option<u64>,
    pub(crate) during: Option<During>,
    pub(crate) order: Order<PeerField>,
    pub(crate) after: Option<After>,
    pub(crate) page: Page,
}

/// Which methods or topics, whosever they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) label: Option<String>,
    pub(crate) id: Option<u64>,
    pub(crate) during: Option<During>,
    pub(crate) order: Order<NameField>,
    pub(crate) page: Page,
}

impl TryFrom<&EdgeQuery> for Peers {
    type Error = BadQuery;

    fn try_from(query: &EdgeQuery) -> Result<Self, BadQuery> {
        let EdgeQuery { meta, addr, rpc, edge, during, order, after, page } = query.clone();
        Self { label: meta, addr, rpc, topic: None, id: edge.map(|id| id.0), during, order, after, page }.checked()
    }
}

impl TryFrom<&ServiceQuery> for Peers {
    type Error = BadQuery;

    fn try_from(query: &ServiceQuery) -> Result<Self, BadQuery> {
        let ServiceQuery { service, addr, rpc, topic, during, order, after, page } = query.clone();
        Self { label: service, addr, rpc, topic, id: None, during, order, after, page }.checked()
    }
}

impl Peers {
    fn checked(self) -> Result<Self, BadQuery> {
        match &self.after {
            Some(after) if after.field() != self.order.by => Err(BadQuery::After),
            _ => Ok(self),
        }
    }
}

impl From<&EdgeRpcQuery> for Names {
    fn from(query: &EdgeRpcQuery) -> Self {
        let EdgeRpcQuery { meta, edge, during, order, page } = query.clone();
        Self { label: meta, id: edge.map(|id| id.0), during, order, page }
    }
}

impl From<&ServiceNamesQuery> for Names {
    fn from(query: &ServiceNamesQuery) -> Self {
        let ServiceNamesQuery { service, id, during, order, page } = query.clone();
        Self { label: service, id: id.map(|id| id.0), during, order, page }
    }
}
