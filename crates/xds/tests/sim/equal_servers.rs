//! 2.13, 3.2.12, 5.1: control planes that send the same bytes. What follows from a resource can depend on the
//! server that sent it.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_channel::Channel;
use trunkline_sim::Backend;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::{ControlPlane, resources};
use trunkline_xds::core::{Bootstrap, Node, ServerConfig, ServerFeatures};

use envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy::config::route::v3::route::Action;
use envoy::config::route::v3::route_action::HostRewriteSpecifier;

use crate::load_contents::loads_each_10_s;
use crate::mesh::{Mesh, PLANE, backend, call, routes};
use crate::server_order::FOUND;
use crate::settings::reported;

const SECOND: Duration = Duration::from_secs(1);

/// Two control planes with the same resources, and a channel that asks the first one, or else the second.
struct Twins {
    mesh: Mesh,
    planes: [ControlPlane; 2],
    backend: Backend,
    channel: Channel,
}

impl Twins {
    /// Returns two control planes, of which some are trusted. The first one is not reachable.
    fn new(seed: u64, is_trusted: [bool; 2]) -> Self {
        let mesh = Mesh::new(seed);
        let second = SocketAddr::from(([198, 51, 100, 2], 18000));
        let server = |uri: String, is_trusted| {
            let features = ServerFeatures::default().with_trusted_xds_server(is_trusted);
            ServerConfig::insecure(uri).with_features(features)
        };
        let [first_trust, second_trust] = is_trusted;
        let bootstrap = Bootstrap::new(server(format!("ipv4:{PLANE}"), first_trust))
            .with_fallback(server(format!("ipv4:{second}"), second_trust))
            .with_node(Node::new("n1"));
        let twins = Self {
            backend: mesh.sim.backend(backend(1)),
            planes: [mesh.plane.clone(), mesh.sim.control_plane(second)],
            channel: mesh.channel_with("xds:///orders", mesh.xds(bootstrap)),
            mesh,
        };
        for plane in &twins.planes {
            set_resources(plane);
            plane.set_load_response(loads_each_10_s());
        }
        twins.planes[0].backend().kill();
        twins
    }

    /// Makes the first control plane reachable, and waits until it is used.
    async fn restart_first(&self) {
        self.planes[0].backend().restart();
        self.mesh.sleep(FOUND).await;
    }

    async fn call(&self) {
        assert_eq!(call(&self.channel, "/a.B/C").await, Ok(backend(1)));
    }

    /// Returns how many calls were reported to each control plane.
    fn reported(&self) -> [u64; 2] {
        [0, 1].map(|at: usize| {
            let reports = self.planes[at].load_reports();
            let clusters = reports.iter().flat_map(|one| &one.message.cluster_stats);
            let localities = clusters.flat_map(|cluster| &cluster.upstream_locality_stats);
            localities.map(|one| one.total_issued_requests).sum()
        })
    }

    fn open_streams(&self) -> [usize; 2] {
        [0, 1].map(|at: usize| self.planes[at].open_streams().len())
    }
}

/// Sets resources whose meaning depends on the server: the cluster has its calls reported, and the route
/// rewrites the authority.
fn set_resources(plane: &ControlPlane) {
    plane.set(resources::listener("orders", "routes"));
    let mut route = resources::route("", "cluster");
    if let Some(Action::Route(action)) = &mut route.action {
        action.host_rewrite_specifier = Some(HostRewriteSpecifier::AutoHostRewrite(true));
    }
    plane.set(routes([route]));
    plane.set(reported(resources::cluster("cluster")));
    let mut named = resources::endpoint(backend(1));
    if let Some(HostIdentifier::Endpoint(endpoint)) = &mut named.host_identifier {
        endpoint.hostname = "shop.prod:443".to_owned();
    }
    let locality = resources::locality("r", "z", "");
    let locality = resources::locality_endpoints(locality, [named]);
    plane.set(resources::assignment("cluster", [locality]));
}

/// 5.1: load is reported to the server whose cluster is in use, also if another server sent the same one
/// before.
#[test]
fn xds_5_1_reports_follow_an_equal_cluster() {
    check_reports(&Twins::new(710, [false; 2]));
}

/// 5.1: the same where only the listener differs: it is in use before the cluster arrives.
#[test]
fn xds_5_1_reports_follow_an_equal_cluster_of_another_listener() {
    let twins = Twins::new(711, [false; 2]);
    twins.planes[0].set(resources::inline_listener(
        "orders",
        routes([resources::route("", "cluster")]),
    ));
    check_reports(&twins);
}

fn check_reports(twins: &Twins) {
    twins.mesh.sim.run(async {
        twins.call().await;
        twins.mesh.sleep(SECOND).await;
        assert_eq!(twins.open_streams(), [0, 2]);
        twins.restart_first().await;
        twins.mesh.sleep(15 * SECOND).await;
        assert_eq!(twins.open_streams(), [2, 0]);
        for _ in 0..3 {
            twins.call().await;
        }
        twins.mesh.sleep(15 * SECOND).await;
        assert_eq!(twins.reported(), [3, 1]);
    });
}

/// 5.3: calls go on while the first server takes over: each is reported once, to one of the two.
#[test]
fn xds_5_3_no_call_is_lost_between_servers() {
    const CALLS: u64 = 1600;
    let twins = Twins::new(714, [false; 2]);
    twins.mesh.sim.run(async {
        twins.call().await;
        twins.planes[0].backend().restart();
        for _ in 1..CALLS {
            twins.call().await;
            twins.mesh.sleep(FOUND / 1500).await;
        }
        assert_eq!(twins.open_streams(), [2, 0]);
        twins.mesh.sleep(15 * SECOND).await;
    });
    let reported = twins.reported();
    assert!(reported.iter().all(|calls| *calls > 0), "{reported:?}");
    assert_eq!(reported.iter().sum::<u64>(), CALLS);
}

/// 3.2.12: the authority is rewritten where the server in use is trusted, also if another server sent the
/// same route before.
#[test]
fn xds_3_2_12_trust_follows_the_server() {
    for (seed, is_first_trusted) in [(712, true), (713, false)] {
        let twins = Twins::new(seed, [is_first_trusted, !is_first_trusted]);
        twins.mesh.sim.run(async {
            twins.call().await;
            twins.restart_first().await;
            twins.call().await;
        });
        let received = twins.backend.received();
        let sent: Vec<_> = received.iter().map(|call| &*call.authority).collect();
        let mut expected = ["orders", "shop.prod:443"];
        if !is_first_trusted {
            expected.reverse();
        }
        assert_eq!(sent, expected);
    }
}
