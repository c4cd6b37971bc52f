//! 2.1, 2.11, 2.15: channels that share what a client has.

use std::time::Duration;

use trunkline_channel::Channel;
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::Node;

use crate::mesh::{Mesh, backend, call, check_failure, routes};

const SECOND: Duration = Duration::from_secs(1);

/// Returns the number of requests so far.
fn requests(mesh: &Mesh) -> usize {
    mesh.plane.requests().len()
}

/// 2.15: a second channel starts with what is cached: nothing is requested again, also while the control
/// plane is down or silent.
#[test]
fn xds_2_15_a_late_channel_starts_with_the_cache() {
    let mesh = Mesh::with_backends(710, [1]);
    let first = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&first, "/a.B/C").await, Ok(backend(1)));
        mesh.sleep(SECOND).await;
        let before = requests(&mesh);
        mesh.plane.set_answering(false);
        let second = mesh.channel();
        assert_eq!(call(&second, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(requests(&mesh), before);

        mesh.plane.backend().kill();
        mesh.sleep(30 * SECOND).await;
        let third = mesh.channel();
        assert_eq!(call(&third, "/a.B/C").await, Ok(backend(1)));

        // What one of them needs stays for as long as any does.
        drop((first, second));
        mesh.sleep(30 * SECOND).await;
        assert_eq!(call(&third, "/a.B/C").await, Ok(backend(1)));
    });
}

/// Checks that a call of a channel that comes now fails with this error, without a wait. Returns the channel.
async fn check_late_channel(mesh: &Mesh, expected: &str) -> Channel {
    let start = mesh.runtime.now();
    let late = mesh.channel();
    check_failure(call(&late, "/a.B/C").await, expected);
    assert!(mesh.runtime.now() - start < SECOND);
    late
}

/// 2.11, 2.15: a late channel gets the error of a resource that is refused or absent, too, and does not wait
/// for it.
#[test]
fn xds_2_15_a_late_channel_starts_with_errors() {
    let mesh = Mesh::with_backends(711, [1]);
    let mut refused = routes([resources::route("", "cluster")]);
    refused.virtual_hosts[0].domains.clear();
    mesh.plane.set(refused);
    let first = mesh.channel();
    let expected = "UNAVAILABLE: route configuration \"routes\" is invalid: \
                    virtual_hosts[0].domains: is empty; xDS node \"n1\"";
    mesh.sim.run(async {
        check_failure(call(&first, "/a.B/C").await, expected);
        check_late_channel(&mesh, expected).await;
    });

    let mesh = Mesh::with_backends(712, [1]);
    mesh.plane.delete::<ClusterLoadAssignment>("endpoints");
    let first = mesh.channel();
    let expected = "UNAVAILABLE: endpoints \"endpoints\" was not sent within 15 s; xDS node \"n1\"";
    mesh.sim.run(async {
        check_failure(call(&first, "/a.B/C").await, expected);
        let second = check_late_channel(&mesh, expected).await;
        // Both are healed by the late endpoints.
        mesh.plane
            .set(resources::endpoints("endpoints", [backend(1)]));
        mesh.sleep(SECOND).await;
        for channel in [&first, &second] {
            assert_eq!(call(channel, "/a.B/C").await, Ok(backend(1)));
        }
    });
}

/// 2.1: clients are by target and bootstrap: channels of two targets have streams of their own, and so have
/// those of one target whose nodes differ.
#[test]
fn xds_2_1_clients_are_by_target_and_bootstrap() {
    let mesh = Mesh::with_backends(713, [1]);
    mesh.plane.set(resources::listener("carts", "routes"));
    let orders = mesh.channel();
    let carts = mesh.channel_with("xds:///carts", mesh.xds(mesh.bootstrap()));
    let other = mesh.bootstrap().with_node(Node::new("n2"));
    let other = mesh.channel_with("xds:///orders", mesh.xds(other));
    mesh.sim.run(async {
        for channel in [&orders, &carts, &other] {
            assert_eq!(call(channel, "/a.B/C").await, Ok(backend(1)));
        }
        assert_eq!(mesh.plane.open_streams().len(), 3);
        let dump = mesh.pool.dump();
        let clients = dump.iter().map(|one| (&*one.target, &*one.node.id));
        let mut clients: Vec<_> = clients.collect();
        clients.sort_unstable();
        assert_eq!(
            clients,
            [
                ("xds:///carts", "n1"),
                ("xds:///orders", "n1"),
                ("xds:///orders", "n2")
            ]
        );
    });
}

/// 2.9, 2.11: a resource that is sent after its time heals the channels. With
/// `resource_timer_is_transient_error` the time is 30 s.
#[test]
fn xds_2_9_time_of_a_resource() {
    for (seed, features, seconds) in [
        (714, "", 15),
        (715, r#""resource_timer_is_transient_error""#, 30),
        (716, r#""resource_timer_is_transient_failure""#, 30),
    ] {
        let mesh = Mesh::with_backends(seed, [1]);
        mesh.plane.set_answering(false);
        let bootstrap = mesh.bootstrap_with_features(features);
        let channel = mesh.channel_with("xds:///orders", mesh.xds(bootstrap));
        mesh.sim.run(async {
            check_failure(
                call(&channel, "/a.B/C").await,
                &format!(
                    "UNAVAILABLE: listener \"orders\" was not sent within {seconds} s; xDS node \
                     \"n1\""
                ),
            );
            assert_eq!(mesh.sim.elapsed().as_secs(), seconds);
            mesh.plane.set_answering(true);
            mesh.sleep(SECOND).await;
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        });
    }
}
