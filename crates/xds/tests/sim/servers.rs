//! 2.13, 2.17: several control planes.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_sim::control_plane::{ControlPlane, resources};
use trunkline_xds::core::{Authority, AuthorityName, ServerConfig};

use crate::load_contents::loads_each_10_s;
use crate::mesh::{Mesh, backend, call, routes};
use crate::settings::{most_calls, reported};

/// Where the second control plane listens.
const SECOND: &str = "198.51.100.2:18000";

/// Adds a second control plane.
fn second(mesh: &Mesh) -> ControlPlane {
    let address: SocketAddr = SECOND.parse().expect("an address");
    mesh.sim.control_plane(address)
}

fn second_server() -> ServerConfig {
    ServerConfig::insecure(format!("ipv4:{SECOND}"))
}

/// Sets the resources of a mesh whose calls go to one backend.
fn set_resources(plane: &ControlPlane, number: u8) {
    plane.set(resources::listener("orders", "routes"));
    plane.set(routes([resources::route("", "cluster")]));
    plane.set(resources::cluster_with_endpoints("cluster", "endpoints"));
    plane.set(resources::endpoints("endpoints", [backend(number)]));
}

/// 2.13: the second server is asked while the first cannot be reached, and no longer once that answers.
#[test]
fn xds_2_13_fallback() {
    let mesh = Mesh::with_backends(41, [1]);
    mesh.sim.backend(backend(2));
    let plane_2 = second(&mesh);
    set_resources(&plane_2, 2);
    mesh.plane.backend().kill();
    let bootstrap = mesh.bootstrap().with_fallback(second_server());
    let channel = mesh.builder_of("xds:///orders", bootstrap).build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        mesh.plane.backend().restart();
        mesh.sleep(Duration::from_secs(180)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(plane_2.open_streams().len(), 0);
        // With all resources cached, the loss of the first server changes nothing.
        mesh.plane.backend().kill();
        mesh.sleep(Duration::from_secs(180)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(plane_2.open_streams().len(), 0);
    });
}

/// 2.13, 5.1, 5.3: a cluster that two servers send under one name: the calls are reported to the server that sent
/// it at their time, and to no other.
#[test]
fn xds_5_3_no_load_is_reported_to_two_servers() {
    let mesh = Mesh::with_backends(44, [1]);
    let plane_2 = second(&mesh);
    set_resources(&plane_2, 1);
    let cluster = reported(resources::cluster_with_endpoints("cluster", "endpoints"));
    for (plane, most) in [(&mesh.plane, 100), (&plane_2, 200)] {
        let mut cluster = cluster.clone();
        cluster.circuit_breakers = Some(most_calls(most));
        plane.set(cluster);
        plane.set_load_response(loads_each_10_s());
    }
    mesh.plane.backend().kill();
    let bootstrap = mesh.bootstrap().with_fallback(second_server());
    let channel = mesh.builder_of("xds:///orders", bootstrap).build();
    let channel = channel.expect("a channel");
    let calls = async |count: u64| {
        for _ in 0..count {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        }
    };
    mesh.sim.run(async {
        calls(7).await;
        mesh.sleep(Duration::from_secs(15)).await;
        // These are in no report when the first server takes over.
        calls(2).await;
        mesh.plane.backend().restart();
        mesh.sleep(Duration::from_secs(180)).await;
        assert_eq!(plane_2.open_streams().len(), 0);
        calls(3).await;
        mesh.sleep(Duration::from_secs(15)).await;
    });
    let issued = |plane: &ControlPlane| {
        let reports = plane.load_reports();
        let clusters = reports.iter().flat_map(|one| &one.message.cluster_stats);
        let localities = clusters.flat_map(|cluster| &cluster.upstream_locality_stats);
        localities.map(|one| one.total_issued_requests).sum::<u64>()
    };
    assert_eq!((issued(&plane_2), issued(&mesh.plane)), (9, 3));
}

/// 2.13, 4.8: errors name each server once the last one has failed as well.
#[test]
fn xds_2_13_all_servers_fail() {
    let mesh = Mesh::with_backends(42, [1]);
    let plane_2 = second(&mesh);
    plane_2.backend().kill();
    mesh.plane.backend().kill();
    let bootstrap = mesh.bootstrap().with_fallback(second_server());
    let channel = mesh.builder_of("xds:///orders", bootstrap).build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no server");
        for uri in ["ipv4:198.51.100.1:18000: ", "ipv4:198.51.100.2:18000: "] {
            assert!(status.message().contains(uri), "{status}");
        }
    });
}

/// 1.8, 2.17: the target's authority has a server of its own, and xdstp names lead to it.
#[test]
fn xds_2_17_federation() {
    let mesh = Mesh::with_backends(43, [1]);
    mesh.sim.backend(backend(2));
    let plane_2 = second(&mesh);
    let name = |kind: &str, id: &str| format!("xdstp://mesh/envoy.config.{kind}/{id}");
    let listener = name("listener.v3.Listener", "orders");
    let cluster = name("cluster.v3.Cluster", "cluster?a=1&b=2");
    // The route names the cluster in another form, and the server sends the canonical one.
    let other_form = name("cluster.v3.Cluster", "cluster?b=2&a=1");
    let endpoints = name("endpoint.v3.ClusterLoadAssignment", "endpoints");
    plane_2.set(resources::inline_listener(
        &listener,
        routes([resources::route("", &other_form)]),
    ));
    plane_2.set(resources::cluster_with_endpoints(&cluster, &endpoints));
    plane_2.set(resources::endpoints(&endpoints, [backend(2)]));
    let bootstrap = mesh
        .bootstrap()
        .with_authority("mesh", Authority::new().with_server(second_server()));
    let channel = mesh.builder_of("xds://mesh/orders", bootstrap).build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        let dump = mesh.pool.dump();
        let authorities: Vec<_> = dump[0]
            .ads
            .authorities
            .iter()
            .map(|one| &one.name)
            .collect();
        assert_eq!(authorities, [&AuthorityName::Named("mesh".into())]);
        assert_eq!(mesh.plane.streams(), 0);
    });
}
