//! The API over gRPC, with health and reflection.

use std::sync::Arc;

use api::controlplane::control_plane_server::{ControlPlane, ControlPlaneServer};
use api::controlplane::{
    Edge, EdgeDetails, GetEdgeRequest, GetInfoRequest, GetServiceRequest, GetTotalsRequest, Info, KickEdgeRequest,
    KickEdgeResponse, KickServiceRequest, KickServiceResponse, ListBridgesRequest, ListBridgesResponse,
    ListClosedLinksRequest, ListClosedLinksResponse, ListEdgeRpCsRequest, ListEdgeRpCsResponse, ListEdgesRequest,
    ListEdgesResponse, ListServiceRpCsRequest, ListServiceRpCsResponse, ListServiceTopicsRequest,
    ListServiceTopicsResponse, ListServicesRequest, ListServicesResponse, Service, ServiceDetails, Totals,
};
use axum::Router;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::access::Caller;
use crate::failure::Failure;
use crate::operations::Operations;

/// The most bytes of a request: none has more than a few texts.
const MAX_REQUEST: usize = 64 * 1024;

/// The path below which health is asked.
pub(crate) const HEALTH: &str = "/grpc.health.v1.Health/";

/// Whether a request to this path is answered for as long as it is asked: health that is watched, reflection.
pub(crate) fn lasts(path: &str) -> bool {
    path.starts_with("/grpc.")
}

/// The services, behind their paths, and what health says of them.
pub(crate) fn router(operations: Arc<Operations>) -> (Router, HealthReporter) {
    let api = ControlPlaneServer::new(Grpc(operations)).max_decoding_message_size(MAX_REQUEST);
    let reporter = HealthReporter::new();
    let health = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
    let schemas = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(api::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    const READABLE: &str = "the schemas are those that the code was generated from";
    let routes = Routes::new(api)
        .add_service(health.max_decoding_message_size(MAX_REQUEST))
        .add_service(schemas().build_v1().expect(READABLE))
        .add_service(schemas().build_v1alpha().expect(READABLE));
    (routes.prepare().into_axum_router(), reporter)
}

/// Has health say whether the control plane serves.
pub(crate) async fn report(reporter: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in ["", <ControlPlaneServer<Grpc> as NamedService>::NAME] {
        reporter.set_service_status(service, status).await;
    }
}

#[derive(Debug)]
struct Grpc(Arc<Operations>);

type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(answer: Result<T, Failure>) -> Answer<T> {
    answer.map(Response::new).map_err(Status::from)
}

/// The request, and who makes it.
fn called<T>(request: Request<T>) -> (Caller, T) {
    let (_, extensions, message) = request.into_parts();
    let caller = extensions.get::<Caller>().cloned();
    (caller.expect("the entrance lets nobody in whom it does not name"), message)
}

#[tonic::async_trait]
impl ControlPlane for Grpc {
    async fn list_edges(&self, request: Request<ListEdgesRequest>) -> Answer<ListEdgesResponse> {
        answer(self.0.list_edges(request.into_inner()).await)
    }

    async fn get_edge(&self, request: Request<GetEdgeRequest>) -> Answer<Edge> {
        answer(self.0.get_edge(request.into_inner()).await)
    }

    async fn kick_edge(&self, request: Request<KickEdgeRequest>) -> Answer<KickEdgeResponse> {
        let (caller, request) = called(request);
        answer(self.0.kick_edge(caller, request.edge_id).await.map(|()| KickEdgeResponse {}))
    }

    async fn list_edge_rp_cs(&self, request: Request<ListEdgeRpCsRequest>) -> Answer<ListEdgeRpCsResponse> {
        answer(self.0.list_edge_rpcs(request.into_inner()).await)
    }

    async fn list_services(&self, request: Request<ListServicesRequest>) -> Answer<ListServicesResponse> {
        answer(self.0.list_services(request.into_inner()).await)
    }

    async fn get_service(&self, request: Request<GetServiceRequest>) -> Answer<Service> {
        answer(self.0.get_service(request.into_inner()).await)
    }

    async fn kick_service(&self, request: Request<KickServiceRequest>) -> Answer<KickServiceResponse> {
        let (caller, request) = called(request);
        answer(self.0.kick_service(caller, request.service_id).await.map(|()| KickServiceResponse {}))
    }

    async fn list_service_rp_cs(&self, request: Request<ListServiceRpCsRequest>) -> Answer<ListServiceRpCsResponse> {
        answer(self.0.list_service_rpcs(request.into_inner()).await)
    }

    async fn list_service_topics(
        &self,
        request: Request<ListServiceTopicsRequest>,
    ) -> Answer<ListServiceTopicsResponse> {
        answer(self.0.list_service_topics(request.into_inner()).await)
    }

    async fn describe_edge(&self, request: Request<GetEdgeRequest>) -> Answer<EdgeDetails> {
        answer(self.0.describe_edge(request.into_inner()).await)
    }

    async fn describe_service(&self, request: Request<GetServiceRequest>) -> Answer<ServiceDetails> {
        answer(self.0.describe_service(request.into_inner()).await)
    }

    async fn list_closed_links(&self, request: Request<ListClosedLinksRequest>) -> Answer<ListClosedLinksResponse> {
        answer(Ok(self.0.closed_links(request.into_inner())))
    }

    async fn list_bridges(&self, _: Request<ListBridgesRequest>) -> Answer<ListBridgesResponse> {
        answer(Ok(self.0.bridges()))
    }

    async fn get_totals(&self, _: Request<GetTotalsRequest>) -> Answer<Totals> {
        answer(Ok(self.0.totals()))
    }

    async fn get_info(&self, _: Request<GetInfoRequest>) -> Answer<Info> {
        answer(Ok(self.0.info()))
    }
}
