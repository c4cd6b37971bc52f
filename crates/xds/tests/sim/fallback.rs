//! 2.2, 4.3, 10.1: control planes that are connected and do not answer.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tower_service::Service;
use trunkline_sim::control_plane::resources;
use trunkline_status::{Code, Status};

use crate::mesh::{Mesh, PLANE, backend, call};

/// The default interval of pings and their timeout, and time to connect again.
const FOUND_WITHIN: Duration = Duration::from_secs(5 * 60 + 20 + 130);

/// 2.2, 10.1: the network to the control plane drops everything without an error. The client finds
/// that, connects again, and gets the changes that it missed. No call fails.
#[test]
fn xds_10_1_half_open_control_plane() {
    let mesh = Mesh::with_backends(51, [1]);
    mesh.sim.backend(backend(2));
    let plane: std::net::SocketAddr = PLANE.parse().expect("an address");
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.sim.net().cut(plane.ip());
        mesh.plane
            .set(resources::endpoints("endpoints", [backend(2)]));
        for _ in 0..FOUND_WITHIN.as_secs() {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
            mesh.sleep(Duration::from_secs(1)).await;
        }
        mesh.sim.net().heal(plane.ip());
        mesh.sleep(Duration::from_secs(150)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
    assert_eq!(mesh.plane.streams(), 2);
}

/// 4.8: a call over a control plane that never answers ends at its deadline, which is before the
/// resource is given up, and its text names what is awaited.
#[test]
fn xds_4_8_deadline_while_the_listener_is_awaited() {
    let mesh = Mesh::with_backends(52, [1]);
    mesh.plane.set_answering(false);
    let channel = mesh.channel();
    mesh.sim.run(async {
        let body = http_body_util::Full::new(Bytes::from_static(b"\0\0\0\0\0"));
        let request = Request::post("/a.B/C").header("grpc-timeout", "3S");
        let request = request.body(body).expect("a request");
        let Ok(response) = (&mut &channel).call(request).await;
        let status = Status::from_trailers(response.headers()).expect("a status");
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(
            status.message().contains("listener \"orders\""),
            "{}",
            status.message()
        );
        assert_eq!(mesh.sim.elapsed().as_secs(), 3);
        // The late answer serves the next call.
        mesh.plane.set_answering(true);
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}
