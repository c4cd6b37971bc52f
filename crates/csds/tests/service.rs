//! The service, called as a tonic server calls it.
//!
//! Source: [gRFC A40](https://github.com/grpc/proposal/blob/master/A40-csds-support.md).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use prost::Message;
use tonic::codegen::{Service, http};
use tonic::{Code, Status};
use trunkline_channel::Channel;
use trunkline_csds::Csds;
use trunkline_sim::Sim;
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::{Bootstrap, Node, ServerConfig};
use trunkline_xds::proto::envoy::admin::v3::ClientResourceStatus;
use trunkline_xds::proto::envoy::service::status::v3::{ClientStatusRequest, ClientStatusResponse};
use trunkline_xds::proto::envoy::r#type::matcher::v3::NodeMatcher;
use trunkline_xds::{Xds, XdsPool};

/// Calls a method with these requests. Returns the answers, and the status of the call.
async fn call(
    mut csds: Csds,
    method: &str,
    requests: &[ClientStatusRequest],
) -> (Vec<ClientStatusResponse>, Status) {
    let mut body = BytesMut::new();
    for request in requests {
        body.put_u8(0);
        body.put_u32(request.encoded_len() as u32);
        request.encode(&mut body).expect("room");
    }
    let path = format!("/envoy.service.status.v3.ClientStatusDiscoveryService/{method}");
    let request = http::Request::post(path).header("content-type", "application/grpc");
    let request = request.body(Full::new(body.freeze())).expect("a request");
    let Ok(response) = csds.call(request).await;
    let (head, body) = response.into_parts();
    let collected = body.collect().await.expect("a body");
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let status =
        Status::from_header_map(&head.headers).or_else(|| Status::from_header_map(&trailers));
    let mut bytes: Bytes = collected.to_bytes();
    let mut answers = Vec::new();
    while bytes.has_remaining() {
        assert_eq!(bytes.get_u8(), 0, "not compressed");
        let length = bytes.get_u32() as usize;
        let answer = ClientStatusResponse::decode(bytes.split_to(length));
        answers.push(answer.expect("an answer"));
    }
    (answers, status.expect("a status"))
}

/// Returns what an answer has of each resource: target, name and status.
fn words(answer: &ClientStatusResponse) -> Vec<String> {
    let words = answer.config.iter().flat_map(|config| {
        config.generic_xds_configs.iter().map(move |resource| {
            let status = ClientResourceStatus::try_from(resource.client_status);
            let status = status.expect("a status").as_str_name();
            format!("{} {} {status}", config.client_scope, resource.name)
        })
    });
    words.collect()
}

/// Both methods return the resources of the clients of the pool; a stream has an answer for each
/// request. Node matchers are INVALID_ARGUMENT, and end a stream.
#[test]
fn both_methods() {
    let sim = Sim::new(1);
    let plane: std::net::SocketAddr = "198.51.100.1:18000".parse().expect("an address");
    let control_plane = sim.control_plane(plane);
    control_plane.set(resources::listener("orders", "routes"));
    let server = ServerConfig::insecure(format!("ipv4:{plane}"));
    let pool = XdsPool::new();
    let xds = Xds::new()
        .with_bootstrap(Bootstrap::new(server).with_node(Node::new("n1")))
        .with_pool(pool.clone());
    let channel = Channel::builder("xds:///orders")
        .with(xds)
        .plaintext()
        .runtime(sim.runtime())
        .build()
        .expect("a channel");
    let csds = Csds::new(pool);
    let plain = ClientStatusRequest::default();
    let matching = ClientStatusRequest {
        node_matchers: vec![NodeMatcher::default()],
        ..ClientStatusRequest::default()
    };
    sim.run(async {
        channel.connect().expect("a runtime");
        let runtime = sim.runtime();
        let later = runtime.now() + std::time::Duration::from_secs(1);
        runtime.sleep_until(later).await;

        let expected = [
            "xds:///orders orders ACKED",
            "xds:///orders routes REQUESTED",
        ];
        let (answers, status) = call(
            csds.clone(),
            "FetchClientStatus",
            std::slice::from_ref(&plain),
        )
        .await;
        assert_eq!(status.code(), Code::Ok);
        assert_eq!(answers.iter().map(words).collect::<Vec<_>>(), [expected]);

        let requests = [
            plain.clone(),
            plain.clone(),
            matching.clone(),
            plain.clone(),
        ];
        let (answers, status) = call(csds.clone(), "StreamClientStatus", &requests).await;
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(answers.iter().map(words).collect::<Vec<_>>(), [expected; 2]);

        let (answers, status) = call(csds.clone(), "FetchClientStatus", &[matching]).await;
        assert_eq!((answers.len(), status.code()), (0, Code::InvalidArgument));
        let (answers, status) = call(csds, "Other", &[plain]).await;
        assert_eq!((answers.len(), status.code()), (0, Code::Unimplemented));
    });
}
