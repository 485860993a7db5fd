//! Changes, a group in one transaction.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, QueryBuilder};

use super::schema::{EDGE_RPCS, EDGES, NameTable, PeerTable, SERVICE_RPCS, SERVICE_TOPICS, SERVICES, kept};
use crate::model::{Change, Edge, EdgeRpc, Generation, Service, ServiceRpc, ServiceTopic, Text};

/// Records `changes`, all or none.
pub(super) async fn apply(connection: &mut SqliteConnection, changes: Vec<Change>) -> Result<(), sqlx::Error> {
    // Immediately: the lock is wanted before the first change, as waiting for it later is not possible.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut left = changes.as_slice();
    while !left.is_empty() {
        let newcomers = left.iter().take_while(|change| matches!(change, Change::EdgeOnline(..))).count();
        // Few lengths, so that there are few statements.
        let together = if newcomers >= TOGETHER { TOGETHER } else { 1 };
        if together == 1 || !edges(&mut transaction, &left[..together]).await? {
            for change in &left[..together] {
                one(&mut transaction, change).await?;
            }
        }
        left = &left[together..];
    }
    transaction.commit().await
}

/// Edges that are put in by one statement: each statement is a way to the database's thread and back.
const TOGETHER: usize = 32;

/// Puts in edges that come one behind another. `false` if an id was in use: then one by one tells whose it is.
async fn edges(connection: &mut SqliteConnection, changes: &[Change]) -> Result<bool, sqlx::Error> {
    let mut sql = QueryBuilder::new("INSERT OR IGNORE INTO edges (key, meta, addr, create_time, generation) ");
    sql.push_values(changes, |mut row, change| {
        if let Change::EdgeOnline(Edge { id, meta, addr, create_time }, generation) = change {
            row.push_bind(kept(id.0)).push_bind(meta.as_str().to_owned()).push_bind(addr.to_string());
            row.push_bind(*create_time).push_bind(kept(generation.0));
        }
    });
    let put = sql.build().execute(connection).await?.rows_affected();
    Ok(put == changes.len() as u64)
}

async fn one(connection: &mut SqliteConnection, change: &Change) -> Result<(), sqlx::Error> {
    match change {
        Change::EdgeOnline(Edge { id, meta, addr, create_time }, generation) => {
            put(connection, EDGES, id.0, (meta, addr), *create_time, *generation).await
        }
        Change::EdgeOffline(id, generation) => remove(connection, EDGES, id.0, "=", *generation).await,
        Change::EdgeRpc(EdgeRpc { rpc, edge, create_time }, generation) => {
            offer(connection, EDGE_RPCS, edge.0, rpc, *create_time, *generation).await
        }
        Change::ServiceOnline(Service { id, name, addr, create_time }, generation) => {
            put(connection, SERVICES, id.0, (name, addr), *create_time, *generation).await
        }
        Change::ServiceOffline(id, generation) => remove(connection, SERVICES, id.0, "=", *generation).await,
        Change::ServiceRpc(ServiceRpc { rpc, service, create_time }, generation) => {
            offer(connection, SERVICE_RPCS, service.0, rpc, *create_time, *generation).await
        }
        Change::ServiceTopic(ServiceTopic { topic, service, create_time }, generation) => {
            offer(connection, SERVICE_TOPICS, service.0, topic, *create_time, *generation).await
        }
    }
}

async fn put(
    connection: &mut SqliteConnection,
    table: PeerTable,
    id: u64,
    (label, addr): (&Text, &str),
    create_time: i64,
    generation: Generation,
) -> Result<(), sqlx::Error> {
    let PeerTable { table: name, label: column, .. } = table;
    let sql =
        format!("INSERT OR IGNORE INTO {name} (key, {column}, addr, create_time, generation) VALUES (?, ?, ?, ?, ?)");
    // Nearly always nobody has the id, and the first try is the only one.
    for displace in [false, true] {
        if displace {
            remove(connection, table, id, "<", generation).await?;
        }
        let insert = sqlx::query(AssertSqlSafe(sql.as_str())).bind(kept(id)).bind(label.as_str().to_owned());
        let insert = insert.bind(addr.to_owned()).bind(create_time).bind(kept(generation.0));
        if insert.execute(&mut *connection).await?.rows_affected() > 0 {
            break;
        }
    }
    Ok(())
}

/// Takes the row of `id` out, if its generation is so, and with it what the peer offered.
async fn remove(
    connection: &mut SqliteConnection,
    table: PeerTable,
    id: u64,
    so: &str,
    generation: Generation,
) -> Result<(), sqlx::Error> {
    let sql = format!("DELETE FROM {} WHERE key = ? AND generation {so} ?", table.table);
    let delete = sqlx::query(AssertSqlSafe(sql)).bind(kept(id)).bind(kept(generation.0));
    delete.execute(connection).await.map(drop)
}

async fn offer(
    connection: &mut SqliteConnection,
    table: NameTable,
    id: u64,
    name: &Text,
    create_time: i64,
    generation: Generation,
) -> Result<(), sqlx::Error> {
    let NameTable { table, name: column, of } = table;
    let sql = format!(
        "INSERT OR IGNORE INTO {table} (key, {column}, create_time) SELECT key, ?, ? FROM {} WHERE key = ? AND generation = ?",
        of.table
    );
    let insert = sqlx::query(AssertSqlSafe(sql)).bind(name.as_str().to_owned()).bind(create_time);
    insert.bind(kept(id)).bind(kept(generation.0)).execute(connection).await.map(drop)
}
