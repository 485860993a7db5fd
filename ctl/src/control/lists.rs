//! Lists of edges, services, topics.

use api::controlplane::{Edge, ListEdgesRequest, ListServiceTopicsRequest, ListServicesRequest, Service};

use super::Client;
use super::table::{age, cell, table};
use crate::failure::Failure;
use crate::output::{Output, fields};

/// Rows that are asked for at once: as many as the gateway gives.
const PAGE: i64 = 1000;

/// Which of them, and what of them.
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only those that came at this second since 1970 or later; needs --until
    #[arg(long, value_name = "SECONDS", requires = "until")]
    since: Option<i64>,
    /// Only those that came before this second since 1970; needs --since
    #[arg(long, value_name = "SECONDS", requires = "since")]
    until: Option<i64>,
    /// Order by this field; - before it is descending, + ascending
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    order: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Only say how many there are
    #[arg(long, conflicts_with = "limit")]
    count: bool,
}

impl ListArgs {
    /// How many more rows are wanted behind `had`.
    fn more(&self, had: usize) -> usize {
        self.limit.map_or(usize::MAX, |limit| limit.saturating_sub(had))
    }

    /// The size of each page.
    fn page_size(&self) -> i64 {
        if self.count { 1 } else { i64::try_from(self.more(0)).map_or(PAGE, |all| all.clamp(1, PAGE)) }
    }
}

/// Which edges.
#[derive(Debug, clap::Args)]
pub(crate) struct EdgesArgs {
    /// Only edges whose meta begins so
    #[arg(long, value_name = "PREFIX")]
    meta: Option<String>,
    /// Only edges whose address begins so
    #[arg(long, value_name = "PREFIX")]
    addr: Option<String>,
    /// Only edges that offer this method
    #[arg(long, value_name = "METHOD")]
    rpc: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// Which services.
#[derive(Debug, clap::Args)]
pub(crate) struct ServicesArgs {
    /// Only services whose name begins so
    #[arg(long, value_name = "PREFIX")]
    name: Option<String>,
    /// Only services whose address begins so
    #[arg(long, value_name = "PREFIX")]
    addr: Option<String>,
    /// Only services that offer this method
    #[arg(long, value_name = "METHOD")]
    rpc: Option<String>,
    /// Only services that take this topic
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

/// Which topics.
#[derive(Debug, clap::Args)]
pub(crate) struct TopicsArgs {
    /// Only topics of services whose name begins so
    #[arg(long, value_name = "PREFIX")]
    name: Option<String>,
    /// Only topics of the service with this id
    #[arg(long, value_name = "ID")]
    id: Option<u64>,
    /// Only say how many there are
    #[arg(long)]
    count: bool,
}

/// Lists edges.
pub(super) async fn edges(mut client: Client, args: EdgesArgs, output: Output) -> Result<(), Failure> {
    let EdgesArgs { meta, addr, rpc, list } = args;
    let (order, start_time, end_time, page_size) = (list.order.clone(), list.since, list.until, list.page_size());
    let mut request = ListEdgesRequest {
        meta,
        addr,
        rpc,
        page: 1,
        page_size,
        order,
        start_time,
        end_time,
        ..ListEdgesRequest::default()
    };
    let mut had = 0;
    loop {
        let mut answer = client.list_edges(request.clone()).await?.into_inner();
        if list.count {
            return output.count(answer.count);
        }
        let full = i64::try_from(answer.edges.len()).is_ok_and(|rows| rows == request.page_size);
        answer.edges.truncate(list.more(had));
        output.rows(had, ["ID", "ADDRESS", "SINCE", "META"], &answer.edges, edge_cells, edge_fields)?;
        had += answer.edges.len();
        match answer.next {
            _ if list.more(had) == 0 => return Ok(()),
            Some(next) => (request.after, request.page) = (Some(next), 1),
            // What it is ordered by is too long for a place to go on from.
            None if full => request.page += 1,
            None => return Ok(()),
        }
    }
}

/// Lists services.
pub(super) async fn services(mut client: Client, args: ServicesArgs, output: Output) -> Result<(), Failure> {
    let ServicesArgs { name: service, addr, rpc, topic, list } = args;
    let (order, start_time, end_time, page_size) = (list.order.clone(), list.since, list.until, list.page_size());
    let mut request = ListServicesRequest {
        service,
        addr,
        rpc,
        topic,
        page: 1,
        page_size,
        order,
        start_time,
        end_time,
        ..ListServicesRequest::default()
    };
    let mut had = 0;
    loop {
        let mut answer = client.list_services(request.clone()).await?.into_inner();
        if list.count {
            return output.count(answer.count);
        }
        let full = i64::try_from(answer.services.len()).is_ok_and(|rows| rows == request.page_size);
        answer.services.truncate(list.more(had));
        output.rows(had, ["ID", "ADDRESS", "SINCE", "NAME"], &answer.services, service_cells, service_fields)?;
        had += answer.services.len();
        match answer.next {
            _ if list.more(had) == 0 => return Ok(()),
            Some(next) => (request.after, request.page) = (Some(next), 1),
            // What it is ordered by is too long for a place to go on from.
            None if full => request.page += 1,
            None => return Ok(()),
        }
    }
}

/// Lists topics.
pub(super) async fn topics(mut client: Client, args: TopicsArgs, output: Output) -> Result<(), Failure> {
    let TopicsArgs { name: service, id: service_id, count } = args;
    let order = Some("+topic".to_owned());
    let page_size = if count { 1 } else { PAGE };
    let mut request = ListServiceTopicsRequest { service, service_id, page: 1, page_size, order, ..Default::default() };
    let mut had = 0;
    loop {
        let answer = client.list_service_topics(request.clone()).await?.into_inner();
        if count {
            return output.count(answer.count);
        }
        let cells = |topic: &String| [cell(topic)];
        output.rows(had, ["TOPIC"], &answer.topics, cells, |topic| fields([("topic", topic.as_str().into())]))?;
        had += answer.topics.len();
        if answer.topics.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
            return Ok(());
        }
        request.page += 1;
    }
}

pub(super) fn edge_cells(edge: &Edge) -> [String; 4] {
    [edge.edge_id.to_string(), edge.addr.clone(), age(edge.create_time), cell(&edge.meta)]
}

pub(super) fn edge_fields(edge: &Edge) -> crate::output::Fields {
    fields([
        ("edge_id", edge.edge_id.to_string().into()),
        ("meta", edge.meta.as_str().into()),
        ("addr", edge.addr.as_str().into()),
        ("create_time", edge.create_time.to_string().into()),
    ])
}

pub(super) fn service_cells(service: &Service) -> [String; 4] {
    [service.service_id.to_string(), service.addr.clone(), age(service.create_time), cell(&service.service)]
}

pub(super) fn service_fields(service: &Service) -> crate::output::Fields {
    fields([
        ("service_id", service.service_id.to_string().into()),
        ("service", service.service.as_str().into()),
        ("addr", service.addr.as_str().into()),
        ("create_time", service.create_time.to_string().into()),
    ])
}

impl Output {
    /// Rows: a table for people, under its heads if it is the first, or an object each.
    pub(super) fn rows<T, const N: usize>(
        self,
        had: usize,
        head: [&str; N],
        rows: &[T],
        cells: impl Fn(&T) -> [String; N],
        object: impl Fn(&T) -> crate::output::Fields,
    ) -> Result<(), Failure> {
        if self.is_json() {
            return rows.iter().try_for_each(|row| self.object(object(row)));
        }
        let text = table(head, &rows.iter().map(cells).collect::<Vec<_>>());
        // Later pages go on below the same heads.
        let text = if had > 0 { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
        self.bytes(text.as_bytes())
    }

    /// How many there are.
    fn count(self, count: i32) -> Result<(), Failure> {
        if self.is_json() {
            return self.object(fields([("count", count.into())]));
        }
        self.bytes(format!("{count}\n").as_bytes())
    }
}
