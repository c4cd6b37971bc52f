//! 4.8: the texts of calls that fail.

use std::time::Duration;

use http::Request;
use trunkline_channel::WaitForReady;
use trunkline_sim::control_plane::proto::envoy::config::listener::v3::Listener;
use trunkline_sim::control_plane::resources;
use trunkline_status::Status;

use crate::mesh::{Mesh, backend, call, call_with, routes};

/// Checks the failure of a call.
fn check(result: Result<std::net::SocketAddr, Status>, expected: &str) {
    assert_eq!(result, Err(Status::unavailable(expected.to_owned())));
}

/// 4.8, 2.9: a listener that the server does not send.
#[test]
fn xds_4_8_listener_not_sent() {
    let mesh = Mesh::new(11);
    let channel = mesh.channel();
    mesh.sim.run(async {
        check(
            call(&channel, "/a.B/C").await,
            "listener \"orders\" was not sent within 15 s; xDS node \"n1\"",
        );
    });
    assert!(mesh.sim.elapsed() >= Duration::from_secs(15));
}

/// 4.8, 2.11: an error that the server sends in place of the listener fails calls at once.
#[test]
fn xds_4_8_listener_refused() {
    let mesh = Mesh::new(12);
    mesh.plane
        .set_error::<Listener>("orders", 7, "not for this node");
    let channel = mesh.channel();
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no listener");
        let text = status.message();
        assert!(
            text.starts_with("listener \"orders\" was refused by the server: ")
                && text.ends_with("not for this node; xDS node \"n1\""),
            "{text}"
        );
    });
    assert!(mesh.sim.elapsed() < Duration::from_secs(1));
}

/// 4.8: no virtual host for the authority of the channel: the text has the domains that there are.
#[test]
fn xds_4_8_no_virtual_host() {
    let mesh = Mesh::with_backends(13, [1]);
    let mut other = routes([]);
    other.virtual_hosts[0] = resources::virtual_host("v", ["carts", "*.shop"], []);
    mesh.plane.set(other);
    let channel = mesh.channel();
    mesh.sim.run(async {
        check(
            call(&channel, "/a.B/C").await,
            "route configuration \"routes\" has no virtual host for \"orders\" (it has \"carts\", \
             \"*.shop\"); xDS node \"n1\"",
        );
        // A later version heals the channel.
        mesh.plane.set(routes([resources::route("", "cluster")]));
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 4.8: no route, a cluster without a resource, endpoints without any.
#[test]
fn xds_4_8_below_the_virtual_host() {
    let mesh = Mesh::with_backends(14, [1]);
    mesh.plane.set(resources::cluster("empty"));
    mesh.plane.set(resources::endpoints("empty", []));
    mesh.plane.set(routes([
        resources::route("/a.Missing/", "missing"),
        resources::route("/a.Empty/", "empty"),
        resources::route("/a.B/", "cluster"),
    ]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        check(
            call(&channel, "/a.Missing/C").await,
            "cluster \"missing\" was not sent within 15 s; xDS node \"n1\"",
        );
        check(
            call(&channel, "/a.Empty/C").await,
            "endpoints \"empty\" of cluster \"empty\": none in any locality; xDS node \"n1\"",
        );
        check(
            call(&channel, "/x.Y/Z").await,
            "no route of virtual host \"all\" matches /x.Y/Z; xDS node \"n1\"",
        );
    });
}

/// 4.8, 2.11: a control plane that cannot be reached is named, with the reason.
#[test]
fn xds_4_8_unreachable_server() {
    let mesh = Mesh::with_backends(15, [1]);
    mesh.plane.backend().kill();
    let channel = mesh.channel();
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no server");
        let text = status.message();
        assert!(
            text.starts_with("listener \"orders\" cannot be had: ipv4:198.51.100.1:18000: ")
                && text.ends_with("; xDS node \"n1\""),
            "{text}"
        );
        mesh.plane.backend().restart();
        mesh.sleep(Duration::from_secs(180)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 4.1: an error of the way to the control plane is for now: calls that are wait-for-ready wait for the
/// first configuration, as they wait for a connection. An error of the resource itself fails them.
#[test]
fn xds_4_1_wait_for_ready() {
    let mesh = Mesh::with_backends(16, [1]);
    mesh.plane.backend().kill();
    let channel = mesh.channel();
    let patient = || Request::post("/a.B/C").extension(WaitForReady(true));
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no server");
        assert!(status.message().contains("cannot be had"), "{status}");
        let waiting = call_with(&channel, patient());
        let healing = async {
            mesh.sleep(Duration::from_secs(60)).await;
            mesh.plane.backend().restart();
        };
        let (answer, ()) = futures_util::future::join(waiting, healing).await;
        assert_eq!(answer, Ok(backend(1)));
    });

    let mesh = Mesh::new(17);
    let channel = mesh.channel();
    mesh.sim.run(async {
        check(
            call_with(&channel, patient()).await,
            "listener \"orders\" was not sent within 15 s; xDS node \"n1\"",
        );
    });
}
