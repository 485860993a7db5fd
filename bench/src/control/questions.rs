//! What is asked, and what an answer has to hold.

use api::controlplane::{ListEdgeRpCsRequest, ListEdgesRequest};

use super::residents::{OFFERED_BY_ALL, Residents, method, site_prefix};

/// Rows of a page.
pub(crate) const PAGE: u32 = 100;

/// A question, the same over gRPC and REST.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// For readers.
    pub(crate) name: &'static str,
    pub(super) ask: Ask,
    /// Rows that the answer has, exactly.
    pub(super) rows: usize,
    /// What the answer counts at least: edges that call, or come and go, are counted too.
    pub(super) count: u32,
}

#[derive(Debug, Clone)]
pub(super) enum Ask {
    Edges(ListEdgesRequest),
    Methods(ListEdgeRpCsRequest),
    Edge(u64),
}

impl Question {
    /// Whether it is for a page, and not for one row.
    pub(crate) fn is_page(&self) -> bool {
        !matches!(self.ask, Ask::Edge(_))
    }

    /// Path and parameters over REST. Nothing that is asked here needs an escape.
    pub(super) fn path(&self) -> String {
        match &self.ask {
            Ask::Edge(id) => format!("/v1/edges/{id}"),
            Ask::Methods(asked) => format!("/v1/edges/rpcs?page={}&page_size={}", asked.page, asked.page_size),
            Ask::Edges(asked) => {
                let ListEdgesRequest { meta, addr, rpc, page, page_size, order, .. } = asked;
                let mut path = format!("/v1/edges?page={page}&page_size={page_size}");
                for (name, value) in [("meta", meta), ("addr", addr), ("rpc", rpc), ("order", order)] {
                    path.extend(value.iter().map(|value| format!("&{name}={value}")));
                }
                path
            }
        }
    }
}

/// All that is asked while these edges are online.
pub(crate) fn questions(residents: &Residents) -> Vec<Question> {
    let all = residents.count();
    let edges = |name, count: u32, page: u32, filter: ListEdgesRequest| {
        let ask = Ask::Edges(ListEdgesRequest { page: page.into(), page_size: PAGE.into(), ..filter });
        Question { name, ask, rows: rows(count, page), count }
    };
    let any = ListEdgesRequest::default;
    let site = ListEdgesRequest { meta: Some(site_prefix(7)), ..any() };
    let few = ListEdgesRequest { rpc: Some(method(7)), ..any() };
    let (address, at_address) = residents.address();
    let of_address = ListEdgesRequest { addr: Some(format!("{address}:")), ..any() };
    let names = residents.names();
    let of_names = middle(names);
    vec![
        edges("edges, first page", all, 1, any()),
        edges("edges, last full page", all, last(all), any()),
        edges(
            "edges by meta, middle page",
            all,
            middle(all),
            ListEdgesRequest { order: Some("meta".to_owned()), ..any() },
        ),
        edges("edges of an address, middle page", at_address, middle(at_address), of_address),
        edges("edges whose meta begins so, 1 in 100", residents.at_one_site(), 1, site),
        edges("edges that offer a method, few", residents.with_one_method(), 1, few),
        edges("edges that offer a method, all: last full page", all, last(all), offering()),
        Question {
            name: "count of edges that offer a method, all",
            ask: Ask::Edges(ListEdgesRequest { page: 1, page_size: 1, ..offering() }),
            rows: 1,
            count: all,
        },
        Question {
            name: "methods, middle page",
            ask: Ask::Methods(ListEdgeRpCsRequest {
                page: of_names.into(),
                page_size: PAGE.into(),
                ..ListEdgeRpCsRequest::default()
            }),
            rows: rows(names, of_names),
            count: names,
        },
        Question { name: "one edge", ask: Ask::Edge(residents.one()), rows: 1, count: 1 },
    ]
}

fn offering() -> ListEdgesRequest {
    ListEdgesRequest { rpc: Some(OFFERED_BY_ALL.to_owned()), ..ListEdgesRequest::default() }
}

/// The last page that `count` rows fill, or the first.
const fn last(count: u32) -> u32 {
    if count < PAGE { 1 } else { count / PAGE }
}

/// The page in the middle of `count` rows.
const fn middle(count: u32) -> u32 {
    last(count).div_ceil(2)
}

/// Rows on that page, of `count` in all.
fn rows(count: u32, page: u32) -> usize {
    count.saturating_sub((page - 1) * PAGE).min(PAGE) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_within_the_list() {
        for (count, expected) in [(15_000, (150, 75, 100)), (200, (2, 1, 100)), (30, (1, 1, 30))] {
            assert_eq!((last(count), middle(count), rows(count, last(count))), expected, "{count}");
        }
    }

    #[test]
    fn a_path_says_what_the_message_says() {
        let ask = Ask::Edges(ListEdgesRequest { page: 3, page_size: 100, ..offering() });
        let question = Question { name: "", ask, rows: 0, count: 0 };
        assert_eq!(question.path(), "/v1/edges?page=3&page_size=100&rpc=status");
    }
}
