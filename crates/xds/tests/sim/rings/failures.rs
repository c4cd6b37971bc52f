//! Rings whose backends fail.

use trunkline_sim::Backend;
use trunkline_sim::control_plane::resources;

use super::ring_mesh::{HEADER, SECOND, hashed, mesh, of_header, ring, set, single};
use crate::mesh::{backend, call};

/// 4.5: a backend that dies hands its calls to the next entry of the ring, and takes them back.
#[test]
fn xds_4_5_the_next_entry_of_the_ring() {
    let mesh = mesh(753, 0, [], [of_header(HEADER)]);
    let servers: Vec<Backend> = (1..=3).map(|at| mesh.sim.backend(backend(at))).collect();
    set(&mesh, single(1..=3));
    let text = format!("{}_0", backend(1));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(hashed(&channel, &text).await, backend(1));
        servers[0].kill();
        mesh.sleep(SECOND).await;
        let next = hashed(&channel, &text).await;
        assert_ne!(next, backend(1));
        assert_eq!(hashed(&channel, &text).await, next);
        servers[0].restart();
        mesh.sleep(150 * SECOND).await;
        assert_eq!(hashed(&channel, &text).await, backend(1));
        // All are down, and come back one by one.
        for server in &servers {
            server.kill();
        }
        mesh.sleep(SECOND).await;
        let _ = call(&channel, "/a.B/C").await.expect_err("all are down");
        servers[2].restart();
        mesh.sleep(150 * SECOND).await;
        assert_eq!(hashed(&channel, &text).await, backend(3));
    });
}

/// 4.5: rings in priorities and in aggregates: the next one takes over, and the first takes its calls back.
#[test]
fn xds_4_5_rings_one_below_the_other() {
    let mesh = mesh(754, 0, [], [of_header(HEADER)]);
    let first = mesh.sim.backend(backend(1));
    mesh.sim.backend(backend(2));
    mesh.sim.backend(backend(3));
    let localities = [1, 2].map(|number| {
        let locality = resources::locality(&format!("r{number}"), "", "");
        let mut locality = resources::locality_endpoints(locality, single([number]));
        locality.priority = u32::from(number) - 1;
        locality
    });
    mesh.plane
        .set(resources::assignment("endpoints", localities.clone()));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(hashed(&channel, "x").await, backend(1));
        first.kill();
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, "x").await, backend(2));
        first.restart();
        mesh.sleep(150 * SECOND).await;
        assert_eq!(hashed(&channel, "x").await, backend(1));

        // An aggregate: its second cluster while the ring of the first has no endpoint, or none that works.
        mesh.plane.set(resources::endpoints("second", [backend(3)]));
        let mut second = ring("second", 1024);
        second.eds_cluster_config = resources::cluster("second").eds_cluster_config;
        mesh.plane.set_all([second, ring("first", 1024)]);
        set(&mesh, []);
        let both = resources::aggregate_cluster("cluster", ["first", "second"]);
        mesh.plane.set(both);
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, "x").await, backend(3));
        set(&mesh, single([9]));
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, "x").await, backend(3));
        set(&mesh, single([1]));
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, "x").await, backend(1));
    });
}
