//! The API over gRPC, side by side with REST.

use api::controlplane::control_plane_client::ControlPlaneClient;
use api::controlplane::{
    GetEdgeRequest, GetInfoRequest, KickEdgeRequest, KickServiceRequest, ListEdgeRpCsRequest, ListEdgesRequest,
    ListServiceTopicsRequest, ListServicesRequest,
};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ListServiceResponse, ServerReflectionRequest};

use crate::common::{BACKENDS, STUCK, Served, within};

pub(crate) async fn channel(served: &Served) -> Channel {
    within(Endpoint::try_from(format!("http://{}", served.addr)).unwrap().connect()).await.unwrap()
}

#[tokio::test]
async fn w24_edges_and_services_are_listed_got_and_kicked() {
    for backend in BACKENDS {
        let served = Served::start(backend).await;
        let mut client = ControlPlaneClient::new(channel(&served).await);
        for id in [1, 1 << 63, u64::MAX] {
            served.online.edge(id, "m", 5, &["echo"]);
        }
        served.online.service(9, "svc", 5, &[], &["t"]);

        let order = Some("+edge_id".to_owned());
        let listed = client.list_edges(ListEdgesRequest { order, ..Default::default() }).await.unwrap().into_inner();
        let ids: Vec<u64> = listed.edges.iter().map(|edge| edge.edge_id).collect();
        assert_eq!((ids, listed.count), (vec![1, 1 << 63, u64::MAX], 3));
        // The Go gateway wants both bounds of time here, or it panics.
        let rpcs = client.list_edge_rp_cs(ListEdgeRpCsRequest::default()).await.unwrap().into_inner();
        assert_eq!((rpcs.rpcs, rpcs.count), (vec!["echo".to_owned()], 1));
        let topic = Some("t".to_owned());
        let services = client.list_services(ListServicesRequest { topic, ..Default::default() }).await.unwrap();
        assert_eq!(services.into_inner().services[0].service_id, 9);
        let topics = client.list_service_topics(ListServiceTopicsRequest::default()).await.unwrap().into_inner();
        assert_eq!(topics.topics, ["t"]);

        client.kick_edge(KickEdgeRequest { edge_id: u64::MAX }).await.unwrap();
        let gone = client.get_edge(GetEdgeRequest { edge_id: u64::MAX }).await.unwrap_err();
        assert_eq!((gone.code(), gone.message()), (Code::NotFound, "not found"));
        let absent = client.kick_edge(KickEdgeRequest { edge_id: 2 }).await.unwrap_err();
        assert_eq!((absent.code(), absent.message()), (Code::NotFound, "edge not online"));
        let absent = client.kick_service(KickServiceRequest { service_id: 2 }).await.unwrap_err();
        assert_eq!((absent.code(), absent.message()), (Code::NotFound, "service not online"));
        let order = Some("nonsense".to_owned());
        let bad = client.list_edges(ListEdgesRequest { order, ..Default::default() }).await.unwrap_err();
        assert_eq!(bad.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn a_link_that_does_not_answer_a_kick_is_not_said_to_be_absent() {
    let served = Served::start(BACKENDS[0]).await;
    let mut client = ControlPlaneClient::new(channel(&served).await);
    let late = client.kick_edge(KickEdgeRequest { edge_id: STUCK }).await.unwrap_err();
    assert_eq!((late.code(), late.message()), (Code::DeadlineExceeded, "no answer in time"));
}

#[tokio::test]
async fn a_walk_meets_more_than_a_page_holds() {
    let served = Served::start(BACKENDS[0]).await;
    for id in 1..=2_500 {
        served.online.edge(id, "m", 5, &[]);
    }
    let mut client = ControlPlaneClient::new(channel(&served).await);
    let mut request = ListEdgesRequest { page: 1, page_size: 100_000, ..Default::default() };
    let mut sizes = Vec::new();
    loop {
        let listed = client.list_edges(request.clone()).await.unwrap().into_inner();
        assert_eq!(listed.count, 2_500);
        sizes.push(listed.edges.len());
        if listed.next.is_none() {
            break;
        }
        request.after = listed.next;
    }
    assert_eq!(sizes, [1_000, 1_000, 500]);
}

#[tokio::test]
async fn records_that_cannot_be_asked_are_unavailable() {
    let mut served = Served::start(BACKENDS[0]).await;
    served.stop_records().await;
    let mut client = ControlPlaneClient::new(channel(&served).await);
    let error = client.list_edges(ListEdgesRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    // What needs no records is answered.
    assert_eq!(client.get_info(GetInfoRequest {}).await.unwrap().into_inner().version, "9.9.9");
}

#[tokio::test]
async fn health_and_reflection_tell_of_the_control_plane() {
    let served = Served::start(BACKENDS[0]).await;
    let channel = channel(&served).await;
    for service in ["", "controlplane.ControlPlane"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = HealthClient::new(channel.clone()).check(request).await.unwrap();
        assert_eq!(answer.into_inner().status, 1, "serving");
    }
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(list))
        .await
        .unwrap()
        .into_inner();
    let answer = within(answers.message()).await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(ListServiceResponse { service })) = answer else {
        panic!("{answer:?}")
    };
    let names: Vec<_> = service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&"controlplane.ControlPlane"), "{names:?}");
}
