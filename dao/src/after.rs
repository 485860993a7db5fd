//! Where a list goes on.

use crate::error::BadQuery;
use crate::model::{Edge, Service, Text};
use crate::query::PeerField;

/// A place in an order: right behind a row, whether that is still there or not.
///
/// A walk that goes on behind the last row of each page misses and repeats nobody who stays, whoever comes and goes
/// meanwhile; numbered pages shift with every row that comes or goes before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    pub(crate) key: Key,
    pub(crate) id: u64,
}

/// What the row has in the field that is ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    CreateTime(i64),
    Id,
    Label(String),
    Addr(String),
}

impl After {
    /// Behind `edge`, in an order by `by`.
    #[must_use]
    pub fn edge(edge: &Edge, by: PeerField) -> Self {
        Self::row(edge.id.0, &edge.meta, &edge.addr, edge.create_time, by)
    }

    /// Behind `service`, in an order by `by`.
    #[must_use]
    pub fn service(service: &Service, by: PeerField) -> Self {
        Self::row(service.id.0, &service.name, &service.addr, service.create_time, by)
    }

    fn row(id: u64, label: &Text, addr: &str, create_time: i64, by: PeerField) -> Self {
        let key = match by {
            PeerField::CreateTime => Key::CreateTime(create_time),
            PeerField::Id => Key::Id,
            PeerField::Label => Key::Label(label.as_str().to_owned()),
            PeerField::Addr => Key::Addr(addr.to_owned()),
        };
        Self { key, id }
    }

    /// What the order has to be by.
    pub(crate) const fn field(&self) -> PeerField {
        match self.key {
            Key::CreateTime(_) => PeerField::CreateTime,
            Key::Id => PeerField::Id,
            Key::Label(_) => PeerField::Label,
            Key::Addr(_) => PeerField::Addr,
        }
    }

    /// As text, for [`After::read`].
    #[must_use]
    pub fn token(&self) -> String {
        let id = self.id;
        match &self.key {
            Key::CreateTime(time) => format!("t.{id}.{time}"),
            Key::Id => format!("i.{id}."),
            Key::Label(label) => format!("l.{id}.{label}"),
            Key::Addr(addr) => format!("a.{id}.{addr}"),
        }
    }

    /// Reads what [`After::token`] gave out.
    ///
    /// # Errors
    /// It did not.
    pub fn read(token: &str) -> Result<Self, BadQuery> {
        let read = || {
            let mut parts = token.splitn(3, '.');
            let (kind, id, value) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
            let key = match kind {
                "t" => Key::CreateTime(value.parse().ok()?),
                "i" => Key::Id,
                "l" => Key::Label(value.to_owned()),
                "a" => Key::Addr(value.to_owned()),
                _ => return None,
            };
            Some(Self { key, id })
        };
        read().ok_or(BadQuery::After)
    }
}
