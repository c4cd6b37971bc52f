//! 6.1: where clusters choose the security, and where the channel does.

use std::time::Duration;

use trunkline_sim::control_plane::resources;

use super::secure_mesh::{SecureMesh, secure, tls, validation};
use crate::mesh::{backend, call};

/// 6.1: after an error of TLS, the fallback is not used: without roots there is no connection.
#[test]
fn xds_6_1_no_fallback_after_an_error() {
    let secure_mesh = SecureMesh::new(73);
    secure_mesh.folder.write("ca.pem", "nothing");
    let mesh = &secure_mesh.mesh;
    // A server without TLS, which the fallback could use.
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    let status = secure_mesh.call().expect_err("no roots");
    let expected = "ca.pem has no certificate in PEM";
    assert!(status.message().contains(expected), "{status}");
    assert_eq!(mesh.sim.net().attempts(backend(1)), 0);
}

/// 6.1: a cluster without `transport_socket` has the fallback, and so has each one of a channel without
/// these credentials.
#[test]
fn xds_6_1_fallback() {
    let secure_mesh = SecureMesh::new(74);
    let mesh = &secure_mesh.mesh;
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    let without = mesh.channel_with("xds:///orders", mesh.xds(secure_mesh.bootstrap()));
    mesh.sim.run(async {
        assert_eq!(call(&without, "/a.B/C").await, Ok(backend(1)));
    });
    let plain = resources::cluster_with_endpoints("cluster", "endpoints");
    mesh.plane.set(plain);
    mesh.sim.run(mesh.sleep(Duration::from_secs(1)));
    assert_eq!(secure_mesh.call(), Ok(backend(1)));
}

/// 4.9: the security that a cluster asks for concerns no connection of a channel without these
/// credentials: its changes cause none.
#[test]
fn xds_4_9_no_connection_without_the_credentials() {
    let secure_mesh = SecureMesh::new(75);
    let mesh = &secure_mesh.mesh;
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    let channel = mesh.channel_with("xds:///orders", mesh.xds(secure_mesh.bootstrap()));
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        let attempts = mesh.sim.net().attempts(backend(1));
        let mut other = tls(validation([]));
        other.sni = "other.test".into();
        secure_mesh.set_cluster(other);
        mesh.sleep(Duration::from_secs(1)).await;
        let plain = resources::cluster_with_endpoints("cluster", "endpoints");
        mesh.plane.set(plain);
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(mesh.sim.net().attempts(backend(1)), attempts);
    });
    assert_eq!(mesh.sim.net().attempts(secure()), 0);
}
