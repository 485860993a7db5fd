//! Lists and single rows, from the records.

use api::controlplane::{
    Edge, GetEdgeRequest, GetServiceRequest, ListEdgeRpCsRequest, ListEdgeRpCsResponse, ListEdgesRequest,
    ListEdgesResponse, ListServiceRpCsRequest, ListServiceRpCsResponse, ListServiceTopicsRequest,
    ListServiceTopicsResponse, ListServicesRequest, ListServicesResponse, Service,
};
use dao::{After, During, EdgeQuery, EdgeRpcQuery, Listed, Order, Page, ServiceNamesQuery, ServiceQuery, Text};
use proto::id::{EdgeId, ServiceId};

use super::{MAX_PAGE, MAX_PAGE_BYTES, Operations};
use crate::failure::Failure;

/// What a row takes beside its texts.
const ROW_BYTES: usize = 64;

/// The most bytes of a place to go on from: encoded for a URL it is up to three times as long, and a header has 16 KiB.
const MAX_PLACE: usize = 4 * 1024;

impl Operations {
    pub(crate) async fn list_edges(&self, request: ListEdgesRequest) -> Result<ListEdgesResponse, Failure> {
        let order = Order::of_edges(request.order.as_deref().unwrap_or_default())?;
        let query = EdgeQuery {
            meta: given(request.meta),
            addr: given(request.addr),
            rpc: given(request.rpc),
            edge: request.edge_id.map(EdgeId),
            during: During::new(request.start_time, request.end_time),
            order,
            after: after(request.after.as_deref())?,
            page: page(request.page, request.page_size),
        };
        let mut listed = self.records.edges(&query).await?;
        let weight = |edge: &dao::Edge| edge.meta.as_str().len() + edge.addr.len();
        let end = cut(&mut listed, weight, size(request.page, request.page_size));
        let next = next(end, listed.rows.last().map(|last| After::edge(last, order.by)))?;
        Ok(ListEdgesResponse { count: count(listed.count), edges: listed.rows.into_iter().map(edge).collect(), next })
    }

    pub(crate) async fn get_edge(&self, request: GetEdgeRequest) -> Result<Edge, Failure> {
        Ok(edge(self.records.edge(EdgeId(request.edge_id)).await?))
    }

    pub(crate) async fn list_edge_rpcs(&self, request: ListEdgeRpCsRequest) -> Result<ListEdgeRpCsResponse, Failure> {
        let query = EdgeRpcQuery {
            meta: given(request.meta),
            edge: request.edge_id.map(EdgeId),
            during: During::new(request.start_time, request.end_time),
            order: Order::of_edge_rpcs(request.order.as_deref().unwrap_or_default())?,
            page: page(request.page, request.page_size),
        };
        let (rpcs, count) = names(self.records.edge_rpcs(&query).await?)?;
        Ok(ListEdgeRpCsResponse { rpcs, count })
    }

    pub(crate) async fn list_services(&self, request: ListServicesRequest) -> Result<ListServicesResponse, Failure> {
        let order = Order::of_services(request.order.as_deref().unwrap_or_default())?;
        let query = ServiceQuery {
            service: given(request.service),
            addr: given(request.addr),
            rpc: given(request.rpc),
            topic: given(request.topic),
            during: During::new(request.start_time, request.end_time),
            order,
            after: after(request.after.as_deref())?,
            page: page(request.page, request.page_size),
        };
        let mut listed = self.records.services(&query).await?;
        let weight = |service: &dao::Service| service.name.as_str().len() + service.addr.len();
        let end = cut(&mut listed, weight, size(request.page, request.page_size));
        let next = next(end, listed.rows.last().map(|last| After::service(last, order.by)))?;
        let services = listed.rows.into_iter().map(service).collect();
        Ok(ListServicesResponse { count: count(listed.count), services, next })
    }

    pub(crate) async fn get_service(&self, request: GetServiceRequest) -> Result<Service, Failure> {
        Ok(service(self.records.service(ServiceId(request.service_id)).await?))
    }

    pub(crate) async fn list_service_rpcs(
        &self,
        request: ListServiceRpCsRequest,
    ) -> Result<ListServiceRpCsResponse, Failure> {
        let query = ServiceNamesQuery {
            service: given(request.service),
            id: request.service_id.map(ServiceId),
            during: During::new(request.start_time, request.end_time),
            order: Order::of_service_rpcs(request.order.as_deref().unwrap_or_default())?,
            page: page(request.page, request.page_size),
        };
        let (rpcs, count) = names(self.records.service_rpcs(&query).await?)?;
        Ok(ListServiceRpCsResponse { rpcs, count })
    }

    pub(crate) async fn list_service_topics(
        &self,
        request: ListServiceTopicsRequest,
    ) -> Result<ListServiceTopicsResponse, Failure> {
        let query = ServiceNamesQuery {
            service: given(request.service),
            id: request.service_id.map(ServiceId),
            during: During::new(request.start_time, request.end_time),
            order: Order::of_service_topics(request.order.as_deref().unwrap_or_default())?,
            page: page(request.page, request.page_size),
        };
        let (topics, count) = names(self.records.service_topics(&query).await?)?;
        Ok(ListServiceTopicsResponse { topics, count })
    }
}

/// What was given; an empty text counts as nothing.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn after(token: Option<&str>) -> Result<Option<After>, Failure> {
    Ok(token.filter(|token| !token.is_empty()).map(After::read).transpose()?)
}

/// How many rows a page of this request has at most.
fn size(number: i64, size: i64) -> usize {
    let bounded = if number > 0 && size > 0 { size.min(MAX_PAGE) } else { 10 };
    usize::try_from(bounded).expect("a small number above zero")
}

fn page(number: i64, size: i64) -> Page {
    Page::new(number, size.min(MAX_PAGE))
}

/// Where a page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With the list.
    Last,
    /// With the last row that it can have; there may be more.
    Full,
    /// Before that, at its bound in bytes.
    Cut,
}

/// Cuts a page to its bound in bytes.
fn cut<T>(listed: &mut Listed<T>, weight: impl Fn(&T) -> usize, size: usize) -> End {
    let mut bytes = 0;
    let fits = listed.rows.iter().take_while(|row| {
        bytes += weight(row) + ROW_BYTES;
        bytes <= MAX_PAGE_BYTES
    });
    let fits = fits.count().max(1);
    let rows = listed.rows.len();
    listed.rows.truncate(fits);
    match rows {
        _ if rows > fits => End::Cut,
        _ if rows >= size => End::Full,
        _ => End::Last,
    }
}

/// The place that the next page goes on from. One that names a long text would not fit a request: the page after a full one is
/// found by its number then, that after a cut one is not.
fn next(end: End, last: Option<After>) -> Result<Option<String>, Failure> {
    let place = last.filter(|_| end != End::Last).map(|last| last.token());
    match place {
        Some(place) if place.len() > MAX_PLACE && end == End::Cut => Err(Failure::PageTooLarge { max: MAX_PAGE_BYTES }),
        place => Ok(place.filter(|place| place.len() <= MAX_PLACE)),
    }
}

/// Names and their count. A name has no place to go on from, so a page of them is whole or refused.
fn names(listed: Listed<Text>) -> Result<(Vec<String>, i32), Failure> {
    let bytes: usize = listed.rows.iter().map(|name| name.as_str().len()).sum();
    if bytes > MAX_PAGE_BYTES && listed.rows.len() > 1 {
        return Err(Failure::PageTooLarge { max: MAX_PAGE_BYTES });
    }
    Ok((listed.rows.iter().map(|name| name.as_str().to_owned()).collect(), count(listed.count)))
}

/// The schema has 32 bits for it.
fn count(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn edge(row: dao::Edge) -> Edge {
    let dao::Edge { id, meta, addr, create_time } = row;
    Edge { edge_id: id.0, meta: meta.as_str().to_owned(), addr: addr.to_string(), create_time }
}

fn service(row: dao::Service) -> Service {
    let dao::Service { id, name, addr, create_time } = row;
    Service { service_id: id.0, service: name.as_str().to_owned(), addr: addr.to_string(), create_time }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(sizes: &[usize]) -> Listed<usize> {
        Listed { rows: sizes.to_vec(), count: 9 }
    }

    fn cut_to(sizes: &[usize], size: usize) -> (Vec<usize>, End) {
        let mut listed = listed(sizes);
        let end = cut(&mut listed, |row| *row, size);
        (listed.rows, end)
    }

    #[test]
    fn a_page_ends_at_its_bound_in_bytes_and_has_one_row_at_least() {
        const MIB: usize = 1024 * 1024;
        assert_eq!(cut_to(&[MIB, MIB, MIB], 10), (vec![MIB, MIB], End::Cut));
        assert_eq!(cut_to(&[9 * MIB, 1], 10), (vec![9 * MIB], End::Cut));
        assert_eq!(cut_to(&[9 * MIB], 10), (vec![9 * MIB], End::Last));
        assert_eq!(cut_to(&[1, 2], 2), (vec![1, 2], End::Full));
        assert_eq!(cut_to(&[1, 2], 3), (vec![1, 2], End::Last));
        assert_eq!(cut_to(&[], 3), (vec![], End::Last));
    }

    #[test]
    fn a_place_that_fits_no_request_is_not_given_and_nothing_is_lost_by_that() {
        let behind = |meta: &str| {
            let edge = dao::Edge { id: EdgeId(7), meta: meta.into(), addr: "a".into(), create_time: 5 };
            Some(After::edge(&edge, dao::PeerField::Label))
        };
        let (short, long) = (behind("m"), behind(&"m".repeat(MAX_PLACE)));
        assert_eq!(next(End::Last, short.clone()), Ok(None));
        assert_eq!(next(End::Cut, short.clone()), Ok(Some("l.7.m".to_owned())));
        assert_eq!(next(End::Full, short), Ok(Some("l.7.m".to_owned())));
        assert_eq!(next(End::Full, long.clone()), Ok(None));
        assert!(next(End::Cut, long).is_err());
    }

    #[test]
    fn a_page_that_is_not_given_has_ten_rows_and_none_has_more_than_a_thousand() {
        assert_eq!((size(0, 50), size(1, 0), size(-1, -1)), (10, 10, 10));
        assert_eq!((size(1, 50), size(2, 1000), size(1, i64::MAX)), (50, 1000, 1000));
        assert_eq!(page(1, i64::MAX), Page::new(1, 1000));
    }
}
