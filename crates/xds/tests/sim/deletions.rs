//! 2.10, 2.11: resources that a control plane deletes, and what channels do about it.
//!
//! grpc-go deletes by default, and keeps a resource with `ignore_resource_deletion`. Here the rules of
//! gRFC A88 are in force: a resource is kept, unless the server has the feature `fail_on_data_errors`.

use std::time::Duration;

use trunkline_channel::Channel;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::Cluster;
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use trunkline_sim::control_plane::proto::envoy::config::listener::v3::Listener;
use trunkline_sim::control_plane::proto::envoy::config::route::v3::RouteConfiguration;
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::ResourceType;
use trunkline_xds::core::ads::ResourceState;

use crate::mesh::{Mesh, backend, call, check_failure};

const SECOND: Duration = Duration::from_secs(1);

/// Returns a mesh with one backend, and a channel whose server has these features.
fn mesh(seed: u64, features: &str) -> (Mesh, Channel) {
    let mesh = Mesh::with_backends(seed, [1]);
    let channel = channel(&mesh, features);
    (mesh, channel)
}

fn channel(mesh: &Mesh, features: &str) -> Channel {
    let xds = mesh.xds(mesh.bootstrap_with_features(features));
    mesh.channel_with("xds:///orders", xds)
}

/// Returns the state of the resource of this type in the client.
fn state(mesh: &Mesh, kind: ResourceType) -> Option<ResourceState> {
    let resources = mesh.resources();
    let found = resources.iter().find(|one| one.kind == kind);
    found.map(|one| one.state)
}

/// 2.11: a deleted listener or cluster stays in use, with and without `ignore_resource_deletion`, and its
/// state is DOES_NOT_EXIST. It is in use again as usual when it is sent again.
#[test]
fn xds_2_11_deleted_resources_are_kept() {
    for (seed, features) in [(570, ""), (571, r#""ignore_resource_deletion""#)] {
        let (mesh, channel) = mesh(seed, features);
        mesh.sim.run(async {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
            mesh.plane.delete::<Listener>("orders");
            mesh.plane.delete::<Cluster>("cluster");
            for _ in 0..30 {
                mesh.sleep(SECOND).await;
                assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
            }
            let gone = Some(ResourceState::DoesNotExist);
            assert_eq!(state(&mesh, ResourceType::Listener), gone);
            assert_eq!(state(&mesh, ResourceType::Cluster), gone);

            mesh.plane.set(resources::listener("orders", "routes"));
            mesh.plane
                .set(resources::cluster_with_endpoints("cluster", "endpoints"));
            mesh.sleep(SECOND).await;
            let there = Some(ResourceState::Acked);
            assert_eq!(state(&mesh, ResourceType::Listener), there);
            assert_eq!(state(&mesh, ResourceType::Cluster), there);
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        });
    }
}

/// 2.11, 4.8: with `fail_on_data_errors` a deleted listener fails calls, and what it led to is not watched
/// any more. The text has the name, the reason and the node. The listener heals the channel.
#[test]
fn xds_2_11_deleted_listener() {
    let (mesh, channel) = mesh(572, r#""fail_on_data_errors""#);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.plane.delete::<Listener>("orders");
        mesh.sleep(SECOND).await;
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: listener \"orders\" does not exist: deleted by the server; xDS node \"n1\"",
        );
        for kind in [
            ResourceType::RouteConfiguration,
            ResourceType::Cluster,
            ResourceType::Endpoints,
        ] {
            assert_eq!(state(&mesh, kind), None);
        }
        mesh.plane.set(resources::listener("orders", "routes"));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 2.11, 4.8: with `fail_on_data_errors` a deleted cluster fails its calls, and its endpoints are not
/// watched any more. They are asked for again with the cluster.
#[test]
fn xds_2_11_deleted_cluster() {
    let (mesh, channel) = mesh(573, r#""fail_on_data_errors", "xds_v3""#);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.plane.delete::<Cluster>("cluster");
        mesh.sleep(SECOND).await;
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: cluster \"cluster\" does not exist: deleted by the server; xDS node \"n1\"",
        );
        assert_eq!(state(&mesh, ResourceType::Endpoints), None);
        mesh.plane
            .set(resources::cluster_with_endpoints("cluster", "endpoints"));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(
            state(&mesh, ResourceType::Endpoints),
            Some(ResourceState::Acked)
        );
    });
}

/// 2.10: routes and endpoints that an answer does not have stay, whatever the features of the server are.
#[test]
fn xds_2_10_routes_and_endpoints_are_not_deleted() {
    let (mesh, channel) = mesh(574, r#""fail_on_data_errors""#);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.plane.delete::<RouteConfiguration>("routes");
        mesh.plane.delete::<ClusterLoadAssignment>("endpoints");
        for _ in 0..30 {
            mesh.sleep(SECOND).await;
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        }
        for kind in [ResourceType::RouteConfiguration, ResourceType::Endpoints] {
            assert_eq!(state(&mesh, kind), Some(ResourceState::Acked));
        }
    });
}

/// 2.11: a channel that is made after a deletion starts with what the client has: the kept listener, or
/// else the error, for which no call waits.
#[test]
fn xds_2_11_channel_after_a_deletion() {
    for (seed, features, is_kept) in [(575, "", true), (576, r#""fail_on_data_errors""#, false)] {
        let (mesh, first) = mesh(seed, features);
        mesh.sim.run(async {
            assert_eq!(call(&first, "/a.B/C").await, Ok(backend(1)));
            mesh.plane.delete::<Listener>("orders");
            mesh.sleep(SECOND).await;
            let second = channel(&mesh, features);
            let start = mesh.runtime.now();
            let result = call(&second, "/a.B/C").await;
            assert_eq!(result.is_ok(), is_kept, "{result:?}");
            assert!(mesh.runtime.now() - start < SECOND);
        });
    }
}
