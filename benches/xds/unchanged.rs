//! 1 MB of endpoints that have not changed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use prost::Message;
use trunkline::xds::core::ads::{AdsClient, AdsOutput, StreamId, read_response};
use trunkline::xds::core::{Bootstrap, Decoder, ResourceType, ServerConfig};
use trunkline_benches::clock::nanoseconds;
use trunkline_benches::policies::now;
use trunkline_sim::control_plane::proto::TypeUrl;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::Node;
use trunkline_sim::control_plane::proto::envoy::service::discovery::v3::DiscoveryResponse;
use trunkline_sim::control_plane::resources;

/// The endpoints of a response of 1 MB.
const ENDPOINTS: u16 = 50_000;

/// Returns the CPU times in which a client handles the message of a stream, from its bytes to the request that
/// acknowledges it, in milliseconds.
pub(crate) fn measure(times: usize) -> Vec<f64> {
    let now = now();
    let server = ServerConfig::insecure("dns:///plane:18000");
    let bootstrap = Arc::new(Bootstrap::new(server));
    let decoder = Arc::new(Decoder::default());
    let mut client = AdsClient::new(bootstrap, Node::default(), decoder, 1);
    client.watch(ResourceType::Endpoints, "e");
    let mut stream = None;
    while let Some(output) = client.poll_output(now) {
        if let AdsOutput::StartStream { stream: started } = output {
            stream = Some(started);
        }
    }
    let stream = stream.expect("a stream");
    let deliveries = handle(&mut client, stream, &message("0"), now);
    assert_eq!(deliveries, 1, "the first response is new");
    let costs = (1..=times).map(|version| {
        let message = message(&version.to_string());
        let mut deliveries = None;
        let cost = nanoseconds(|| deliveries = Some(handle(&mut client, stream, &message, now)));
        assert_eq!(deliveries, Some(0), "nothing has changed");
        cost / 1e6
    });
    costs.collect()
}

/// Handles a message, and returns how many deliveries follow from it.
fn handle(client: &mut AdsClient, stream: StreamId, message: &Bytes, now: Instant) -> usize {
    let response = read_response(message).expect("a response");
    client.handle_message(stream, response, now);
    let mut deliveries = 0;
    while let Some(output) = client.poll_output(now) {
        if let AdsOutput::Deliver(delivery) = output {
            client.handle_settled(delivery.id);
            deliveries += 1;
        }
    }
    deliveries
}

/// Returns a response with many endpoints, as it comes from the stream.
fn message(version: &str) -> Bytes {
    let all = (0..ENDPOINTS).map(|port| SocketAddr::from((Ipv4Addr::new(10, 1, 2, 3), port + 1)));
    let response = DiscoveryResponse {
        version_info: version.to_owned(),
        resources: vec![resources::endpoints("e", all).pack()],
        type_url: ResourceType::Endpoints.url().to_owned(),
        nonce: version.to_owned(),
        resource_errors: Vec::new(),
    };
    let message = response.encode_to_vec();
    assert!(message.len() > 1_000_000, "{} bytes", message.len());
    message.into()
}
