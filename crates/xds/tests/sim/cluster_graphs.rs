//! 4.5: how clusters can name each other.

use std::time::Duration;

use trunkline_channel::Channel;
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::ResourceType;

use crate::mesh::{Mesh, backend, call, check_failure, routes};

const SECOND: Duration = Duration::from_secs(1);

/// Returns a mesh whose calls go to the cluster `top`. The leaves `first` and `second` have a backend each.
fn mesh(seed: u64) -> (Mesh, Channel) {
    let mesh = Mesh::with_backends(seed, [1, 2]);
    mesh.plane.set(routes([resources::route("", "top")]));
    mesh.plane
        .set_all(["first", "second"].map(resources::cluster));
    mesh.plane.set_all([
        resources::endpoints("first", [backend(1)]),
        resources::endpoints("second", [backend(2)]),
    ]);
    let channel = mesh.channel();
    (mesh, channel)
}

/// Sets aggregates of clusters.
fn set(mesh: &Mesh, aggregates: &[(&str, &[&str])]) {
    let aggregates = aggregates.iter();
    let aggregates =
        aggregates.map(|(name, below)| resources::aggregate_cluster(name, below.iter().copied()));
    mesh.plane.set_all(aggregates);
}

/// Returns the clusters that the client watches.
fn watched(mesh: &Mesh) -> Vec<String> {
    let resources = mesh.resources().into_iter();
    let clusters = resources.filter(|one| one.kind == ResourceType::Cluster);
    clusters.map(|one| one.name.to_string()).collect()
}

/// Circles without a leaf fail calls with the reason. A leaf heals them.
#[test]
fn xds_4_5_circles_without_a_leaf() {
    let circles: [&[(&str, &[&str])]; 2] =
        [&[("top", &["top"])], &[("top", &["b"]), ("b", &["top"])]];
    for (seed, circle) in (590..).zip(circles) {
        let (mesh, channel) = mesh(seed);
        set(&mesh, circle);
        mesh.sim.run(async {
            check_failure(
                call(&channel, "/a.B/C").await,
                "UNAVAILABLE: aggregate cluster \"top\" has no usable cluster; xDS node \"n1\"",
            );
            set(&mesh, &[("top", &["first"])]);
            mesh.sleep(SECOND).await;
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        });
    }
}

/// A circle adds nothing to the leaves beside it.
#[test]
fn xds_4_5_a_circle_with_a_leaf() {
    let (mesh, channel) = mesh(592);
    set(&mesh, &[("top", &["b"]), ("b", &["top", "second"])]);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
}

/// A cluster that is below two others counts where it is named first.
#[test]
fn xds_4_5_a_cluster_below_two_others() {
    let (mesh, channel) = mesh(593);
    set(
        &mesh,
        &[
            ("top", &["b", "c"]),
            ("b", &["first"]),
            ("c", &["second", "first"]),
        ],
    );
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.sim.net().kill(backend(1).ip());
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        mesh.sim.backend(backend(1));
        mesh.sleep(10 * SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        set(&mesh, &[("b", &["second", "first"])]);
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
}

/// "Depth > 16: error of the whole." One cluster less, and calls are answered.
#[test]
fn xds_4_5_sixteen_clusters_below_each_other() {
    let (mesh, channel) = mesh(594);
    let name = |at: usize| match at {
        0 => "top".to_owned(),
        at => format!("top-{at}"),
    };
    let chain = |aggregates: usize| {
        let aggregates = (0..aggregates).map(|at| {
            let below = if at + 1 == aggregates {
                "first".to_owned()
            } else {
                name(at + 1)
            };
            resources::aggregate_cluster(&name(at), [&*below])
        });
        mesh.plane.set_all(aggregates);
    };
    chain(16);
    mesh.sim.run(async {
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: aggregate cluster \"top\" is nested deeper than 16; xDS node \"n1\"",
        );
        chain(15);
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// A cluster changes between a leaf and an aggregate. No call fails, and what it does not name any more is
/// not watched.
#[test]
fn xds_4_5_between_leaf_and_aggregate() {
    let (mesh, channel) = mesh(595);
    let leaf = resources::cluster_with_endpoints("top", "first");
    mesh.plane.set(leaf.clone());
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(watched(&mesh), ["top"]);
        set(&mesh, &[("top", &["second", "first"])]);
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        assert_eq!(watched(&mesh), ["first", "second", "top"]);
        set(&mesh, &[("top", &["first"])]);
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(watched(&mesh), ["first", "top"]);
        mesh.plane.set(leaf);
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(watched(&mesh), ["top"]);
    });
}

/// **Ours** as in gRFC A74: a child that is refused is skipped. grpc-go fails the whole for it.
#[test]
fn xds_4_5_a_refused_cluster_is_skipped() {
    let (mesh, channel) = mesh(596);
    let mut refused = resources::cluster("first");
    refused.eds_cluster_config = None;
    mesh.plane.set(refused);
    set(&mesh, &[("top", &["first", "second"])]);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
}

/// Each cluster below an aggregate has a limit of its own.
#[test]
fn xds_4_5_the_limit_of_each_leaf() {
    let (mesh, channel) = mesh(597);
    let mut first = resources::cluster("first");
    first.circuit_breakers = Some(crate::settings::most_calls(0));
    mesh.plane.set(first);
    set(&mesh, &[("top", &["first", "second"])]);
    mesh.sim.run(async {
        // A limit is no failure of the cluster: its calls do not move.
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: 0 calls in flight to cluster \"first\", the most allowed; xDS node \"n1\"",
        );
        mesh.plane.set(resources::cluster("first"));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}
