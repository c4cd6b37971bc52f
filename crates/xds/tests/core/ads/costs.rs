//! 8.6: what a response costs that changes nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use allocation_counter::measure;
use bytes::Bytes;
use prost::Message;
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::ads::{AdsClient, AdsOutput, StreamId};
use trunkline_xds::core::{Bootstrap, Decoder};
use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::config::core::v3::Node;
use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryResponse;

use super::driver::{Endpoints, server, start};

/// The endpoints of a response of 1 MB.
const ENDPOINTS: u16 = 50_000;

/// Returns a response with many endpoints, as it comes from the stream.
fn endpoints_response(version: &str) -> Bytes {
    let all = (0..ENDPOINTS).map(|port| SocketAddr::from((Ipv4Addr::new(10, 1, 2, 3), port + 1)));
    let response = DiscoveryResponse {
        version_info: version.to_owned(),
        resources: vec![resources::endpoints("e", all).pack()],
        type_url: Endpoints.url().to_owned(),
        nonce: version.to_owned(),
        resource_errors: Vec::new(),
    };
    response.encode_to_vec().into()
}

/// 2.8, 8.6: endpoints of 1 MB that have not changed are neither decoded nor copied: the response costs
/// the bytes of its request.
#[test]
fn xds_8_6_unchanged_endpoints_are_not_copied() {
    let now = start();
    let bootstrap = Arc::new(Bootstrap::new(server("a")));
    let decoder = Arc::new(Decoder::default());
    let mut client = AdsClient::new(bootstrap, Node::default(), decoder, 1);
    client.watch(Endpoints, "e");
    let mut stream = None;
    while let Some(output) = client.poll_output(now) {
        if let AdsOutput::StartStream { stream: started } = output {
            stream = Some(started);
        }
    }
    let stream: StreamId = stream.expect("a stream");
    let mut handle = |message: Bytes| {
        let response = DiscoveryResponse::decode(message).expect("a response");
        client.handle_message(stream, response, now);
        let mut deliveries = 0;
        while let Some(output) = client.poll_output(now) {
            if let AdsOutput::Deliver(delivery) = output {
                client.handle_settled(delivery.id);
                deliveries += 1;
            }
        }
        deliveries
    };
    assert_eq!(handle(endpoints_response("1")), 1);

    let again = endpoints_response("2");
    assert!(again.len() > 1_000_000, "{}", again.len());
    let mut deliveries = 0;
    let cost = measure(|| deliveries = handle(again));
    assert_eq!(deliveries, 0);
    assert!(cost.count_total < 60, "{} allocations", cost.count_total);
    assert!(cost.bytes_total < 16 * 1024, "{} bytes", cost.bytes_total);
}
