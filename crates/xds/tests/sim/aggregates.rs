//! 4.5: clusters of clusters.

use std::time::Duration;

use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, call, routes};

/// 4.5: the first cluster that works is used, and one that works again is used again. No call fails.
#[test]
fn xds_4_5_the_first_cluster_that_works() {
    let mesh = Mesh::new(81);
    let first = mesh.sim.backend(backend(1));
    mesh.sim.backend(backend(2));
    mesh.plane.set(resources::listener("orders", "routes"));
    mesh.plane.set(routes([resources::route("", "both")]));
    mesh.plane
        .set(resources::aggregate_cluster("both", ["first", "second"]));
    mesh.plane
        .set_all(["first", "second"].map(resources::cluster));
    mesh.plane.set_all([
        resources::endpoints("first", [backend(1)]),
        resources::endpoints("second", [backend(2)]),
    ]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        first.kill();
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        first.restart();
        mesh.sleep(Duration::from_secs(150)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        // The order of the clusters is that of the control plane.
        mesh.plane
            .set(resources::aggregate_cluster("both", ["second", "first"]));
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
    assert_eq!(first.accepts(), 2);
}

/// 4.5: a cluster that does not exist is skipped. If none is left, calls fail with the reason of each.
#[test]
fn xds_4_5_clusters_that_do_not_exist() {
    let mesh = Mesh::new(82);
    mesh.sim.backend(backend(2));
    mesh.plane.set(resources::listener("orders", "routes"));
    mesh.plane.set(routes([
        resources::route("/some/", "some"),
        resources::route("/none/", "none"),
    ]));
    mesh.plane.set_all([
        resources::aggregate_cluster("some", ["missing", "second"]),
        resources::aggregate_cluster("none", ["missing"]),
        resources::cluster("second"),
    ]);
    mesh.plane.set(resources::endpoints("second", [backend(2)]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/some/C").await, Ok(backend(2)));
        let status = call(&channel, "/none/C").await.expect_err("no cluster");
        assert_eq!(
            status.message(),
            "aggregate cluster \"none\" has no usable cluster (\"missing\" was not sent within 15 s); \
             xDS node \"n1\""
        );
    });
}
