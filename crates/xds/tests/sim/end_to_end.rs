//! Calls through listeners, routes, clusters and endpoints.

use std::time::Duration;

use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, call, routes, shares};

/// 4.1, 4.5: a call goes through LDS, RDS, CDS and EDS, and calls are shared among the backends.
#[test]
fn xds_4_1_from_the_listener_to_the_endpoints() {
    let mesh = Mesh::with_backends(1, [1, 2]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        // The first call goes to the backend that is connected first.
        assert!(call(&channel, "/shop.Orders/Get").await.is_ok());
        mesh.sleep(Duration::from_secs(1)).await;
        let shares = shares(&channel, "/shop.Orders/Get", 10).await;
        assert_eq!(shares, [(backend(1), 5), (backend(2), 5)].into());
    });
}

/// 4.1: the policies of the routes are no service config that a program turns off.
#[test]
fn xds_4_1_without_service_configs() {
    let mesh = Mesh::with_backends(6, [1]);
    let channel = mesh.builder().disable_service_config().build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 4.2: a route chooses the cluster by the path of the call.
#[test]
fn xds_4_2_routes_by_path() {
    let mesh = Mesh::with_backends(2, [1]);
    mesh.sim.backend(backend(2));
    mesh.plane.set(resources::cluster("carts"));
    mesh.plane.set(resources::endpoints("carts", [backend(2)]));
    mesh.plane.set(routes([
        resources::route("/shop.Carts/", "carts"),
        resources::route("", "cluster"),
    ]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/shop.Carts/Get").await, Ok(backend(2)));
        assert_eq!(call(&channel, "/shop.Orders/Get").await, Ok(backend(1)));
    });
}

/// 4.9: a change of the endpoints moves the calls, and none fails.
#[test]
fn xds_4_9_new_endpoints() {
    let mesh = Mesh::with_backends(3, [1]);
    mesh.sim.backend(backend(2));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.plane
            .set(resources::endpoints("endpoints", [backend(2)]));
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
}

/// 4.2, 4.9: calls move to another cluster when the route does, and the old cluster is not watched any
/// more once nothing uses it.
#[test]
fn xds_4_9_a_route_moves_to_another_cluster() {
    let mesh = Mesh::with_backends(4, [1]);
    mesh.sim.backend(backend(2));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.plane.set(resources::cluster("other"));
        mesh.plane.set(resources::endpoints("other", [backend(2)]));
        mesh.plane.set(routes([resources::route("", "other")]));
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        let dump = mesh.pool.dump();
        let resources = &dump[0].ads.authorities[0].resources;
        let names: Vec<_> = resources.iter().map(|one| &*one.name).collect();
        assert_eq!(names, ["orders", "routes", "other", "other"]);
    });
}

/// 2.3, 2.12: the control plane is killed and restarted. No call fails, no backend is dialed again, and
/// the new stream asks for all resources with the versions of the old one.
#[test]
fn xds_2_12_restart_of_the_control_plane() {
    let mesh = Mesh::with_backends(5, [1]);
    let backend_1 = mesh.sim.backend(backend(2));
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(2)]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        mesh.plane.backend().kill();
        for _ in 0..30 {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
            mesh.sleep(Duration::from_millis(500)).await;
        }
        mesh.plane.backend().restart();
        mesh.sim.backend(backend(3));
        mesh.plane
            .set(resources::endpoints("endpoints", [backend(3)]));
        mesh.sleep(Duration::from_secs(60)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(3)));
    });
    assert_eq!(backend_1.accepts(), 1);
    let requests = mesh.plane.requests();
    let last_stream = requests.last().expect("requests").stream;
    let first = requests.iter().filter(|one| one.stream == last_stream);
    let first: Vec<_> = first
        .take(4)
        .map(|one| {
            let request = &one.message;
            let kind = request.type_url.rsplit('.').next().unwrap_or_default();
            let is_new = request.response_nonce.is_empty();
            (kind.to_owned(), request.version_info.clone(), is_new)
        })
        .collect();
    let expected = [
        ("Listener", "1"),
        ("RouteConfiguration", "1"),
        ("Cluster", "1"),
        ("ClusterLoadAssignment", "2"),
    ];
    let expected = expected.map(|(kind, version)| (kind.to_owned(), version.to_owned(), true));
    assert_eq!(first, expected);
}

/// 2.1: channels of one target share a client and its stream, which end with the last of them.
#[test]
fn xds_2_1_channels_share_a_client() {
    let mesh = Mesh::with_backends(6, [1]);
    let (one, other) = (mesh.channel(), mesh.channel());
    mesh.sim.run(async {
        assert_eq!(call(&one, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(call(&other, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(mesh.plane.streams(), 1);
        drop(one);
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&other, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(mesh.plane.open_streams().len(), 1);
        drop(other);
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(mesh.plane.open_streams().len(), 0);
        assert!(mesh.pool.dump().is_empty());
    });
}
