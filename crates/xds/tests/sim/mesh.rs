//! A simulated mesh: a control plane, backends, and a channel of one of its clients.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Body as _;
use tower_service::Service;
use trunkline_channel::{Body, Channel, ChannelBuilder};
use trunkline_runtime::{PeerAddr, Runtime};
use trunkline_sim::Sim;
use trunkline_sim::control_plane::{ControlPlane, resources};
use trunkline_status::{Code, Status};
use trunkline_xds::core::ads::ResourceDump;
use trunkline_xds::core::{Bootstrap, Node, ServerConfig};
use trunkline_xds::{Xds, XdsPool};

/// Where the control plane listens.
pub(crate) const PLANE: &str = "198.51.100.1:18000";

/// A mesh whose target `xds:///orders` has the listener `orders`.
pub(crate) struct Mesh {
    pub(crate) sim: Sim,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) plane: ControlPlane,
    pub(crate) pool: XdsPool,
}

/// Returns the address of a backend.
pub(crate) fn backend(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 50051))
}

impl Mesh {
    /// Returns a mesh without resources.
    pub(crate) fn new(seed: u64) -> Self {
        let sim = Sim::new(seed);
        Self {
            runtime: sim.runtime(),
            plane: sim.control_plane(PLANE.parse::<SocketAddr>().expect("an address")),
            pool: XdsPool::new(),
            sim,
        }
    }

    /// Returns a mesh that sends all calls to these backends, over the resources `orders`, `routes`,
    /// `cluster` and `endpoints`. The backends exist.
    pub(crate) fn with_backends(seed: u64, numbers: impl IntoIterator<Item = u8>) -> Self {
        let mesh = Self::new(seed);
        let backends: Vec<_> = numbers.into_iter().map(backend).collect();
        for backend in &backends {
            mesh.sim.backend(*backend);
        }
        let plane = &mesh.plane;
        plane.set(resources::listener("orders", "routes"));
        plane.set(routes([resources::route("", "cluster")]));
        plane.set(resources::cluster_with_endpoints("cluster", "endpoints"));
        plane.set(resources::endpoints("endpoints", backends));
        mesh
    }

    /// Returns the bootstrap of the mesh's clients.
    pub(crate) fn bootstrap(&self) -> Bootstrap {
        Bootstrap::new(ServerConfig::insecure(format!("ipv4:{PLANE}"))).with_node(Node::new("n1"))
    }

    /// Returns the bootstrap of the mesh's clients, parsed from JSON. `features` are those of the server,
    /// such as `"xds_v3", "trusted_xds_server"`.
    pub(crate) fn bootstrap_with_features(&self, features: &str) -> Bootstrap {
        let json = format!(
            r#"{{
                "xds_servers": [{{
                    "server_uri": "ipv4:{PLANE}",
                    "channel_creds": [{{ "type": "insecure" }}],
                    "server_features": [{features}]
                }}],
                "node": {{ "id": "n1" }}
            }}"#
        );
        Bootstrap::parse(&json).expect("a bootstrap")
    }

    /// Returns the builder of a channel to `xds:///orders`.
    pub(crate) fn builder(&self) -> ChannelBuilder {
        self.builder_of("xds:///orders", self.bootstrap())
    }

    /// Returns the builder of a channel with this bootstrap.
    pub(crate) fn builder_of(&self, target: &str, bootstrap: Bootstrap) -> ChannelBuilder {
        self.builder_with(target, self.xds(bootstrap))
    }

    /// Returns xDS with this bootstrap.
    pub(crate) fn xds(&self, bootstrap: Bootstrap) -> Xds {
        Xds::new()
            .with_bootstrap(bootstrap)
            .with_pool(self.pool.clone())
    }

    /// Returns the builder of a channel with these options.
    pub(crate) fn builder_with(&self, target: &str, xds: Xds) -> ChannelBuilder {
        Channel::builder(target)
            .with(xds)
            .plaintext()
            .runtime(Arc::clone(&self.runtime))
    }

    /// Returns a channel with these options.
    pub(crate) fn channel_with(&self, target: &str, xds: Xds) -> Channel {
        self.builder_with(target, xds).build().expect("a channel")
    }

    /// Returns a channel to `xds:///orders`.
    pub(crate) fn channel(&self) -> Channel {
        self.builder().build().expect("a channel")
    }

    /// Returns the resources that the first client watches, by type and name.
    pub(crate) fn resources(&self) -> Vec<ResourceDump> {
        let client = self.pool.dump().remove(0);
        let authorities = client.ads.authorities.into_iter();
        authorities.flat_map(|one| one.resources).collect()
    }

    /// Waits.
    pub(crate) async fn sleep(&self, time: Duration) {
        let runtime = &*self.runtime;
        runtime.sleep_until(runtime.now() + time).await;
    }
}

/// Returns the route configuration `routes`.
pub(crate) fn routes(
    routes: impl IntoIterator<
        Item = trunkline_sim::control_plane::proto::envoy::config::route::v3::Route,
    >,
) -> trunkline_sim::control_plane::proto::envoy::config::route::v3::RouteConfiguration {
    resources::route_configuration("routes", routes)
}

/// Returns a duration of a resource.
pub(crate) fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// Checks the code and the text of a call that fails.
#[track_caller]
pub(crate) fn check_failure(result: Result<SocketAddr, Status>, expected: &str) {
    let text = result.map_err(|status| status.to_string());
    assert_eq!(text, Err(expected.to_owned()));
}

/// Makes a call of the method at `path`, and returns the backend that answered, or its failure.
pub(crate) async fn call(channel: &Channel, path: &str) -> Result<SocketAddr, Status> {
    call_with(channel, Request::post(path)).await
}

/// Makes a call with this head, and returns the backend that answered, or its failure.
pub(crate) async fn call_with(
    channel: &Channel,
    head: http::request::Builder,
) -> Result<SocketAddr, Status> {
    let body = http_body_util::Full::new(Bytes::from_static(b"\0\0\0\0\0"));
    let request = head.body(body).expect("a request");
    let mut channel = channel;
    let Ok(response) = channel.call(request).await;
    let peer = response.extensions().get::<PeerAddr>().cloned();
    let status = status_of(response).await;
    if status.code() != Code::Ok {
        return Err(status);
    }
    match peer {
        Some(PeerAddr::Ip(address)) => Ok(address),
        other => panic!("an answer from {other:?}"),
    }
}

async fn status_of(response: http::Response<Body>) -> Status {
    if let Some(status) = Status::from_trailers(response.headers()) {
        return status;
    }
    let mut body = response.into_body();
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
        let Some(Ok(frame)) = frame else {
            panic!("a response without trailers");
        };
        if let Some(trailers) = frame.trailers_ref() {
            return Status::from_trailers(trailers).expect("a status");
        }
    }
}

/// Makes some calls, and returns how many each backend answered.
pub(crate) async fn shares(
    channel: &Channel,
    path: &str,
    calls: usize,
) -> BTreeMap<SocketAddr, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..calls {
        let backend = call(channel, path).await.expect("an answer");
        *shares.entry(backend).or_default() += 1;
    }
    shares
}
