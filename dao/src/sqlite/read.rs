//! Queries.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, QueryBuilder, Row, Sqlite as Dialect};

use super::schema::{NameTable, PeerTable, given, kept};
use crate::after::{After, Key};
use crate::model::Text;
use crate::query::{During, Listed, NameField, Names, Page, PeerField, Peers};

/// A row of edges or services.
pub(super) struct PeerRow {
    pub(super) id: u64,
    pub(super) label: String,
    pub(super) addr: String,
    pub(super) create_time: i64,
}

impl PeerRow {
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: given(row.try_get(0)?),
            label: row.try_get(1)?,
            addr: row.try_get(2)?,
            create_time: row.try_get(3)?,
        })
    }
}

/// Conditions, joined by `AND`.
struct Where<'a, 'b> {
    sql: &'a mut QueryBuilder<Dialect>,
    joint: &'b str,
    /// The column in whose order an index is to be walked: no other index is to be used.
    walk: Option<&'static str>,
    /// Whether few rows are looked at for what they offer: each is looked up then, and who offers it is not gathered first.
    few: bool,
}

impl Where<'_, '_> {
    fn next(&mut self) -> &mut QueryBuilder<Dialect> {
        self.sql.push(std::mem::replace(&mut self.joint, " AND "))
    }

    /// As [`Where::next`], for a condition on `column`. A sign before it keeps SQLite from its index.
    fn on(&mut self, column: &str) -> &mut QueryBuilder<Dialect> {
        let sign = if self.walk.is_some_and(|walk| walk != column) { "+" } else { "" };
        self.next().push(sign).push(column)
    }

    /// `column` starts with `prefix`: a range, which an index can serve and in which no character means anything.
    fn prefix(&mut self, column: &str, prefix: Option<&str>) {
        let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) else { return };
        self.on(column).push(" >= ").push_bind(prefix.to_owned());
        if let Some(beyond) = beyond(prefix) {
            self.on(column).push(" < ").push_bind(beyond);
        }
    }

    fn during(&mut self, column: &str, during: Option<During>) {
        let Some(During { start, end }) = during else { return };
        self.on(column).push(" >= ").push_bind(start);
        self.on(column).push(" < ").push_bind(end);
    }

    fn id(&mut self, column: &str, id: Option<u64>) {
        if let Some(id) = id {
            self.next().push(column).push(" = ").push_bind(kept(id));
        }
    }

    /// The row comes behind `after`. The first condition is a range that an index can serve.
    fn behind<V>(&mut self, column: &str, value: V, id: u64, descending: bool)
    where
        V: Clone + for<'q> sqlx::Encode<'q, Dialect> + sqlx::Type<Dialect> + Send + 'static,
    {
        let sign = if descending { " <" } else { " >" };
        self.next().push(column).push(sign).push("= ").push_bind(value.clone());
        let sql = self.next().push("(").push(column).push(sign).push(" ").push_bind(value);
        sql.push(" OR key > ").push_bind(kept(id)).push(")");
    }

    fn after(&mut self, table: PeerTable, after: &After, descending: bool) {
        let id = after.id;
        match &after.key {
            Key::CreateTime(time) => self.behind("create_time", *time, id, descending),
            Key::Label(label) => self.behind(table.label, label.clone(), id, descending),
            Key::Addr(addr) => self.behind("addr", addr.clone(), id, descending),
            Key::Id => {
                self.next().push(if descending { "key < " } else { "key > " }).push_bind(kept(id));
            }
        }
    }

    fn offering(&mut self, table: &str, column: &str, name: Option<&str>) {
        let Some(name) = name else { return };
        let sql = if self.few {
            self.next()
                .push("EXISTS (SELECT 1 FROM ")
                .push(table)
                .push(" AS offer WHERE offer.key = peer.key AND offer.")
        } else {
            self.on("key").push(" IN (SELECT key FROM ").push(table).push(" WHERE ")
        };
        sql.push(column).push(" = ").push_bind(name.to_owned()).push(")");
    }
}

/// The smallest text that is greater than all that start with `prefix`, if there is one.
fn beyond(prefix: &str) -> Option<String> {
    let mut kept = prefix.to_owned();
    while let Some(last) = kept.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'), // What lies between are no characters.
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            kept.push(next);
            return Some(kept);
        }
    }
    None
}

fn conditions(conditions: &mut Where<'_, '_>, table: PeerTable, wanted: &Peers) {
    conditions.id("key", wanted.id);
    conditions.prefix(table.label, wanted.label.as_deref());
    conditions.prefix("addr", wanted.addr.as_deref());
    conditions.during("create_time", wanted.during);
    conditions.offering(table.rpcs, "rpc", wanted.rpc.as_deref());
    conditions.offering(table.topics, "topic", wanted.topic.as_deref());
}

/// Up to so many rows are looked up by the filter and then sorted. Of more, a walk in the order that is wanted finds the page
/// sooner.
const FEW: u64 = 4_000;

const fn column(table: PeerTable, wanted: &Peers) -> &'static str {
    match wanted.order.by {
        PeerField::CreateTime => "create_time",
        PeerField::Id => "key",
        PeerField::Label => table.label,
        PeerField::Addr => "addr",
    }
}

fn peers_order(sql: &mut QueryBuilder<Dialect>, table: PeerTable, wanted: &Peers) {
    let column = column(table, wanted);
    sql.push(" ORDER BY ").push(column).push(if wanted.order.descending { " DESC" } else { "" });
    if column != "key" {
        sql.push(", key");
    }
}

fn cut(sql: &mut QueryBuilder<Dialect>, page: Page) {
    let bound = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    sql.push(" LIMIT ").push_bind(bound(page.size())).push(" OFFSET ").push_bind(bound(page.offset()));
}

async fn count(connection: &mut SqliteConnection, mut sql: QueryBuilder<Dialect>) -> Result<u64, sqlx::Error> {
    let count: i64 = sql.build_query_scalar().fetch_one(connection).await?;
    Ok(u64::try_from(count).expect("a count is not negative"))
}

/// The table of offers, its column and the name, if that is all that is asked for.
fn only_offer(table: PeerTable, wanted: &Peers) -> Option<(&'static str, &'static str, &str)> {
    let Peers { label, addr, rpc, topic, id, during, .. } = wanted;
    let prefixes = [label, addr].into_iter().flatten().all(String::is_empty);
    match (rpc, topic) {
        _ if !prefixes || id.is_some() || during.is_some() => None,
        (Some(rpc), None) => Some((table.rpcs, "rpc", rpc)),
        (None, Some(topic)) => Some((table.topics, "topic", topic)),
        _ => None,
    }
}

/// A page of edges or services.
pub(super) async fn peers(
    connection: &mut SqliteConnection,
    table: PeerTable,
    wanted: &Peers,
) -> Result<Listed<PeerRow>, sqlx::Error> {
    // Both statements see the same state.
    let mut transaction = connection.begin().await?;
    let mut sql = QueryBuilder::new("SELECT count(*) FROM ");
    match only_offer(table, wanted) {
        // Each of them has a row.
        Some((offers, column, name)) => {
            sql.push(offers).push(" WHERE ").push(column).push(" = ").push_bind(name.to_owned());
        }
        None => {
            sql.push(table.table);
            conditions(&mut Where { sql: &mut sql, joint: " WHERE ", walk: None, few: false }, table, wanted);
        }
    }
    let count = count(&mut transaction, sql).await?;

    // The rows before the page are passed over within an index, where there is one for the order.
    let mut sql = QueryBuilder::new("SELECT key, ");
    sql.push(table.label).push(", addr, create_time FROM ").push(table.table);
    sql.push(" WHERE key IN (SELECT key FROM ").push(table.table).push(" AS peer");
    let walk = (count > FEW).then(|| column(table, wanted));
    let few = walk.is_some() && wanted.page.offset().saturating_add(wanted.page.size()) <= FEW;
    let mut wheres = Where { sql: &mut sql, joint: " WHERE ", walk, few };
    conditions(&mut wheres, table, wanted);
    if let Some(after) = &wanted.after {
        wheres.after(table, after, wanted.order.descending);
    }
    peers_order(&mut sql, table, wanted);
    cut(&mut sql, wanted.page);
    sql.push(")");
    peers_order(&mut sql, table, wanted);
    let rows = sql.build().fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Listed { rows: rows.iter().map(PeerRow::read).collect::<Result<_, _>>()?, count })
}

/// An edge or a service.
pub(super) async fn peer(
    connection: &mut SqliteConnection,
    table: PeerTable,
    id: u64,
) -> Result<Option<PeerRow>, sqlx::Error> {
    let mut sql = QueryBuilder::new("SELECT key, ");
    sql.push(table.label).push(", addr, create_time FROM ").push(table.table);
    sql.push(" WHERE key = ").push_bind(kept(id));
    let row = sql.build().fetch_optional(connection).await?;
    row.as_ref().map(PeerRow::read).transpose()
}

fn names_from(sql: &mut QueryBuilder<Dialect>, table: NameTable, wanted: &Names) {
    sql.push(" FROM ").push(table.table).push(" AS offer");
    let labelled = wanted.label.as_deref().filter(|prefix| !prefix.is_empty());
    if labelled.is_some() {
        sql.push(" JOIN ").push(table.of.table).push(" AS peer ON peer.key = offer.key");
    }
    let mut conditions = Where { sql, joint: " WHERE ", walk: None, few: false };
    conditions.id("offer.key", wanted.id);
    conditions.during("offer.create_time", wanted.during);
    conditions.prefix(&format!("peer.{}", table.of.label), labelled);
}

/// A page of methods or topics, each once.
pub(super) async fn names(
    connection: &mut SqliteConnection,
    table: NameTable,
    wanted: &Names,
) -> Result<Listed<Text>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let mut sql = QueryBuilder::new("SELECT offer.");
    sql.push(table.name).push(", count(*) OVER ()");
    names_from(&mut sql, table, wanted);
    sql.push(" GROUP BY offer.").push(table.name);
    let column = match wanted.order.by {
        NameField::CreateTime => Some("offer.create_time"),
        NameField::Id => Some("offer.key"),
        NameField::Name => None,
    };
    let descending = wanted.order.descending;
    sql.push(" ORDER BY ");
    if let Some(column) = column {
        let (which, direction) = if descending { ("max(", ") DESC, ") } else { ("min(", "), ") };
        sql.push(which).push(column).push(direction);
    }
    sql.push("offer.").push(table.name).push(if column.is_none() && descending { " DESC" } else { "" });
    cut(&mut sql, wanted.page);
    let rows = sql.build().fetch_all(&mut *transaction).await?;
    let count = match rows.first() {
        // One walk tells both.
        Some(row) => u64::try_from(row.try_get::<i64, _>(1)?).expect("a count is not negative"),
        None if wanted.page.offset() == 0 => 0,
        None => {
            let mut sql = QueryBuilder::new("SELECT count(DISTINCT offer.");
            sql.push(table.name).push(")");
            names_from(&mut sql, table, wanted);
            count(&mut transaction, sql).await?
        }
    };
    transaction.commit().await?;
    let names = rows.iter().map(|row| row.try_get::<String, _>(0).map(Text::from));
    Ok(Listed { rows: names.collect::<Result<_, _>>()?, count })
}

#[cfg(test)]
mod tests {
    use super::beyond;

    #[test]
    fn what_lies_beyond_a_prefix() {
        assert_eq!(beyond("a_").as_deref(), Some("a`"));
        assert_eq!(beyond("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(beyond("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(beyond("\u{10ffff}\u{10ffff}"), None);
        assert_eq!(beyond("ä\u{7f}").as_deref(), Some("ä\u{80}"));
    }
}
