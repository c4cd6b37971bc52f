//! 4.2, 4.4: calls that a route shares by hash and by weight.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tower_service::Service;
use trunkline_channel::Channel;
use trunkline_runtime::PeerAddr;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::cluster::LbPolicy;
use trunkline_sim::control_plane::proto::envoy::config::route::v3::route::Action;
use trunkline_sim::control_plane::proto::envoy::config::route::v3::route_action::HashPolicy;
use trunkline_sim::control_plane::proto::envoy::config::route::v3::route_action::hash_policy::{
    Header, PolicySpecifier,
};
use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, routes, shares};

const USERS: usize = 60;

/// Makes a call for each user, and returns the backends that answered.
async fn backends_of_users(channel: &Channel) -> BTreeMap<usize, SocketAddr> {
    let mut backends = BTreeMap::new();
    for user in 0..USERS {
        let body = http_body_util::Full::new(Bytes::from_static(b"\0\0\0\0\0"));
        let request = Request::post("/a.B/C").header("x-user", format!("user-{user}"));
        let mut channel = channel;
        let Ok(response) = channel.call(request.body(body).expect("a request")).await;
        match response.extensions().get::<PeerAddr>() {
            Some(PeerAddr::Ip(address)) => backends.insert(user, *address),
            other => panic!("an answer from {other:?}"),
        };
    }
    backends
}

/// 4.4: calls with one header value go to one backend. A new backend takes calls over, and most
/// calls stay where they were.
#[test]
fn xds_4_4_hash_of_a_header() {
    let mesh = Mesh::with_backends(61, 1..=4);
    mesh.sim.backend(backend(5));
    let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    cluster.lb_policy = LbPolicy::RingHash.into();
    mesh.plane.set(cluster);
    let mut route = resources::route("", "cluster");
    if let Some(Action::Route(action)) = &mut route.action {
        action.hash_policy = vec![HashPolicy {
            policy_specifier: Some(PolicySpecifier::Header(Header {
                header_name: "x-user".to_owned(),
                regex_rewrite: None,
            })),
            ..HashPolicy::default()
        }];
    }
    mesh.plane.set(routes([route]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        let first = backends_of_users(&channel).await;
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(backends_of_users(&channel).await, first);
        let used: BTreeSet<_> = first.values().collect();
        assert_eq!(used.len(), 4);
        mesh.plane
            .set(resources::endpoints("endpoints", (1..=5).map(backend)));
        mesh.sleep(Duration::from_secs(1)).await;
        let last = backends_of_users(&channel).await;
        let moved: Vec<_> = (0..USERS).filter(|at| first[at] != last[at]).collect();
        assert!(last.values().any(|at| *at == backend(5)), "{last:?}");
        // The number of entries of the old backends changes as well, so some calls move between them.
        // A hash modulo the number of backends would move four fifths.
        assert!(moved.len() < USERS / 2, "{moved:?}");
    });
}

/// 4.2: a route shares calls among clusters by weight.
#[test]
fn xds_4_2_weighted_clusters() {
    let mesh = Mesh::with_backends(62, [1]);
    mesh.sim.backend(backend(2));
    mesh.plane.set(resources::cluster("other"));
    mesh.plane.set(resources::endpoints("other", [backend(2)]));
    mesh.plane.set(routes([resources::weighted_route(
        "",
        [("cluster", 3), ("other", 1)],
    )]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        let shares = shares(&channel, "/a.B/C", 1000).await;
        assert_eq!(shares.values().sum::<usize>(), 1000);
        let other = shares[&backend(2)];
        assert!((200..300).contains(&other), "{shares:?}");
    });
}
