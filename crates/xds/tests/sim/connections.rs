//! 3.3.4: how many connections a cluster permits to an address.
//!
//! Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max-concurrent-streams-connection-scaling.md).

use std::time::Duration;

use futures_util::future::join_all;
use trunkline_channel::Channel;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::CircuitBreakers;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use trunkline_sim::control_plane::resources;
use trunkline_sim::{Backend, BackendOptions, CallReply};

use crate::mesh::{Mesh, backend, call};

/// Returns a mesh with one backend, which answers a call after a second and permits one at a time on a
/// connection.
fn mesh(seed: u64) -> (Mesh, Backend) {
    let mesh = Mesh::with_backends(seed, []);
    let server = mesh.sim.backend(backend(1));
    server.set_options(BackendOptions::default().with_max_concurrent_streams(1));
    server.set_reply(CallReply::Echo.after(Duration::from_secs(1)));
    let endpoints = resources::endpoints("endpoints", [backend(1)]);
    mesh.plane.set(endpoints);
    (mesh, server)
}

/// Sets the most connections to an address.
fn limit(mesh: &Mesh, most: Option<u32>) {
    let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    cluster.circuit_breakers = most.map(|most| CircuitBreakers {
        per_host_thresholds: vec![Thresholds {
            max_connections: Some(most),
            ..Thresholds::default()
        }],
        ..CircuitBreakers::default()
    });
    mesh.plane.set(cluster);
}

/// Makes this many calls at the same time, which all succeed.
async fn calls(channel: &Channel, count: usize) {
    let calls = (0..count).map(|_| call(channel, "/a.B/C"));
    for answer in join_all(calls).await {
        assert_eq!(answer, Ok(backend(1)));
    }
}

/// The limit of the cluster is that of its subchannels: more connections are made while calls wait, and
/// no more than it allows. Without it there is one.
#[test]
fn xds_3_3_4_connections_to_an_address() {
    for (seed, most, expected) in [(560, None, 1), (561, Some(1), 1), (562, Some(3), 3)] {
        let (mesh, server) = mesh(seed);
        limit(&mesh, most);
        let channel = mesh.channel();
        mesh.sim.run(calls(&channel, 6));
        assert_eq!(server.accepts(), expected, "{most:?}");
    }
}

/// More than the channel permits counts as that: 10 by default.
#[test]
fn xds_3_3_4_the_limit_of_the_channel() {
    let (mesh, server) = mesh(563);
    limit(&mesh, Some(100));
    let channel = mesh.builder().max_connections_per_subchannel_limit(2);
    let channel = channel.build().expect("a channel");
    mesh.sim.run(calls(&channel, 6));
    assert_eq!(server.accepts(), 2);
}

/// A changed limit is in force at once, for calls that wait too. It closes no connection.
#[test]
fn xds_3_3_4_a_limit_that_changes() {
    let (mesh, server) = mesh(564);
    limit(&mesh, Some(1));
    let channel = mesh.channel();
    mesh.sim.run(async {
        let raised = async {
            mesh.sleep(Duration::from_millis(1500)).await;
            assert_eq!(server.accepts(), 1);
            limit(&mesh, Some(3));
        };
        futures_util::future::join(calls(&channel, 9), raised).await;
        assert_eq!(server.accepts(), 3);
        limit(&mesh, None);
        mesh.sleep(Duration::from_secs(1)).await;
        calls(&channel, 6).await;
        assert_eq!((server.accepts(), server.closes()), (3, 0));
    });
}
