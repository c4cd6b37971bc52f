//! A client of one stream.

use std::net::SocketAddr;
use std::time::Duration;

use prost::Message;
use tonic::codec::Streaming;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use trunkline::Channel;
use trunkline_sim::Sim;
use trunkline_sim::control_plane::ControlPlane;
use trunkline_sim::control_plane::proto::envoy::service::discovery::v3::{
    DiscoveryRequest, DiscoveryResponse,
};
use trunkline_sim::control_plane::proto::google::rpc;
use trunkline_sim::control_plane::proto::method::STREAM_AGGREGATED_RESOURCES;

/// The latency of the network in one direction is this.
pub(crate) const MS: Duration = Duration::from_millis(1);

/// Returns the address of a backend.
pub(crate) fn backend() -> SocketAddr {
    "198.51.100.7:50051".parse().unwrap()
}

/// A simulation with a control plane, and a channel to it.
pub(crate) struct Setup {
    pub(crate) sim: Sim,
    pub(crate) plane: ControlPlane,
    pub(crate) channel: Channel,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let sim = Sim::new(42);
        let address: SocketAddr = "198.51.100.1:18000".parse().unwrap();
        let plane = sim.control_plane(address);
        let channel = Channel::builder("ipv4:198.51.100.1:18000")
            .runtime(sim.runtime())
            .plaintext()
            .build()
            .unwrap();
        Self {
            sim,
            plane,
            channel,
        }
    }

    /// Opens a stream of discovery.
    pub(crate) async fn discovery(&self) -> Result<Discovery, Status> {
        open(&self.channel, STREAM_AGGREGATED_RESOURCES).await
    }
}

/// A stream of discovery.
pub(crate) type Discovery = Stream<DiscoveryRequest, DiscoveryResponse>;

/// A bidirectional stream.
pub(crate) struct Stream<Q, R> {
    requests: Option<async_channel::Sender<Q>>,
    responses: Streaming<R>,
}

/// Opens a stream.
pub(crate) async fn open<Q, R>(
    channel: &Channel,
    path: &'static str,
) -> Result<Stream<Q, R>, Status>
where
    Q: Message + 'static,
    R: Message + Default + 'static,
{
    let mut client = tonic::client::Grpc::new(channel.clone());
    client
        .ready()
        .await
        .map_err(|_| Status::unknown("not ready"))?;
    let (sender, requests) = async_channel::unbounded();
    let codec = ProstCodec::<Q, R>::default();
    let path = http::uri::PathAndQuery::from_static(path);
    let response = client
        .streaming(Request::new(requests), path, codec)
        .await?;
    Ok(Stream {
        requests: Some(sender),
        responses: response.into_inner(),
    })
}

impl<Q, R> Stream<Q, R> {
    /// Sends a message.
    pub(crate) fn send(&self, message: Q) {
        self.requests.as_ref().unwrap().try_send(message).unwrap();
    }

    /// Ends the request.
    pub(crate) fn close(&mut self) {
        self.requests = None;
    }

    /// Waits for a message, or the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<R>, Status> {
        self.responses.message().await
    }
}

impl Discovery {
    /// Waits for a response.
    pub(crate) async fn response(&mut self) -> DiscoveryResponse {
        self.next().await.unwrap().unwrap()
    }
}

/// Returns a first request.
pub(crate) fn subscribe(type_url: &str, names: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        type_url: type_url.to_owned(),
        resource_names: names.iter().map(ToString::to_string).collect(),
        ..DiscoveryRequest::default()
    }
}

/// Returns the request that accepts a response.
pub(crate) fn ack(response: &DiscoveryResponse, names: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        version_info: response.version_info.clone(),
        response_nonce: response.nonce.clone(),
        ..subscribe(&response.type_url, names)
    }
}

/// Returns the request that rejects a response. The client has the version `kept`.
pub(crate) fn nack(response: &DiscoveryResponse, kept: &str, names: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        version_info: kept.to_owned(),
        error_detail: Some(rpc::Status {
            code: 3,
            message: "bad".to_owned(),
            details: Vec::new(),
        }),
        ..ack(response, names)
    }
}

/// Checks that no response comes within a minute.
pub(crate) async fn assert_silent(sim: &Sim, stream: &mut Discovery) {
    use futures_util::future::{Either, select};
    let minute = std::pin::pin!(sim.sleep(Duration::from_secs(60)));
    let next = std::pin::pin!(stream.next());
    match select(next, minute).await {
        Either::Left((response, _)) => panic!("a response: {response:?}"),
        Either::Right(_) => {}
    }
}
