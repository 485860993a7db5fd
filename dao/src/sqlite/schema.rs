//! The tables.
//!
//! SQLite has signed numbers only, so ids are kept with their top bit turned over: that keeps their order. Each table shows
//! the id itself beside it, for people who look into the file; it takes no room.
//!
//! There is an index for each order. Behind the id it has what filters ask for, so that a walk through it looks at no row; a label,
//! which can be long, is in its own alone.

/// Marks a file as ours: `FRNT`.
pub(super) const APPLICATION_ID: i64 = 0x4652_4e54;

/// Changes with the tables.
pub(super) const VERSION: i64 = 1;

macro_rules! id_shown {
    ($name:literal) => {
        concat!($name, " TEXT AS (printf('%llu', (key | 0x8000000000000000) & ~(key & 0x8000000000000000))) VIRTUAL")
    };
}

/// Makes all tables in an empty database.
pub(super) const STATEMENTS: &[&str] = &[
    concat!(
        "CREATE TABLE edges (key INTEGER PRIMARY KEY, ",
        id_shown!("edge_id"),
        ", meta TEXT NOT NULL, addr TEXT NOT NULL, create_time INTEGER NOT NULL, generation INTEGER NOT NULL) STRICT"
    ),
    "CREATE INDEX edges_by_create_time ON edges (create_time, key, addr)",
    "CREATE INDEX edges_by_create_time_down ON edges (create_time DESC, key, addr)",
    "CREATE INDEX edges_by_meta ON edges (meta, key, create_time, addr)",
    "CREATE INDEX edges_by_addr ON edges (addr, key, create_time)",
    concat!(
        "CREATE TABLE edge_rpcs (key INTEGER NOT NULL REFERENCES edges ON DELETE CASCADE, ",
        id_shown!("edge_id"),
        ", rpc TEXT NOT NULL, create_time INTEGER NOT NULL, PRIMARY KEY (key, rpc)) STRICT, WITHOUT ROWID"
    ),
    "CREATE INDEX edge_rpcs_by_rpc ON edge_rpcs (rpc, key, create_time)",
    concat!(
        "CREATE TABLE services (key INTEGER PRIMARY KEY, ",
        id_shown!("service_id"),
        ", service TEXT NOT NULL, addr TEXT NOT NULL, create_time INTEGER NOT NULL, generation INTEGER NOT NULL) STRICT"
    ),
    "CREATE INDEX services_by_create_time ON services (create_time, key, addr)",
    "CREATE INDEX services_by_create_time_down ON services (create_time DESC, key, addr)",
    "CREATE INDEX services_by_service ON services (service, key, create_time, addr)",
    "CREATE INDEX services_by_addr ON services (addr, key, create_time)",
    concat!(
        "CREATE TABLE service_rpcs (key INTEGER NOT NULL REFERENCES services ON DELETE CASCADE, ",
        id_shown!("service_id"),
        ", rpc TEXT NOT NULL, create_time INTEGER NOT NULL, PRIMARY KEY (key, rpc)) STRICT, WITHOUT ROWID"
    ),
    "CREATE INDEX service_rpcs_by_rpc ON service_rpcs (rpc, key, create_time)",
    concat!(
        "CREATE TABLE service_topics (key INTEGER NOT NULL REFERENCES services ON DELETE CASCADE, ",
        id_shown!("service_id"),
        ", topic TEXT NOT NULL, create_time INTEGER NOT NULL, PRIMARY KEY (key, topic)) STRICT, WITHOUT ROWID"
    ),
    "CREATE INDEX service_topics_by_topic ON service_topics (topic, key, create_time)",
];

/// A table of edges or services.
#[derive(Debug, Clone, Copy)]
pub(super) struct PeerTable {
    pub(super) table: &'static str,
    /// The column with an edge's meta, a service's name.
    pub(super) label: &'static str,
    /// The table with the methods that they offer.
    pub(super) rpcs: &'static str,
    /// The table with the topics that they take; edges have none.
    pub(super) topics: &'static str,
}

/// A table of what they offer.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameTable {
    pub(super) table: &'static str,
    /// The column with the name.
    pub(super) name: &'static str,
    pub(super) of: PeerTable,
}

pub(super) const EDGES: PeerTable = PeerTable { table: "edges", label: "meta", rpcs: "edge_rpcs", topics: "" };
pub(super) const SERVICES: PeerTable =
    PeerTable { table: "services", label: "service", rpcs: "service_rpcs", topics: "service_topics" };
pub(super) const EDGE_RPCS: NameTable = NameTable { table: "edge_rpcs", name: "rpc", of: EDGES };
pub(super) const SERVICE_RPCS: NameTable = NameTable { table: "service_rpcs", name: "rpc", of: SERVICES };
pub(super) const SERVICE_TOPICS: NameTable = NameTable { table: "service_topics", name: "topic", of: SERVICES };

/// An unsigned number as it is kept.
pub(super) const fn kept(number: u64) -> i64 {
    (number ^ (1 << 63)).cast_signed()
}

/// What [`kept`] was given.
pub(super) const fn given(kept: i64) -> u64 {
    kept.cast_unsigned() ^ (1 << 63)
}
