//! What a route sets for its calls: retries and timeouts.

use std::time::Duration;

use http::Request;
use trunkline_channel::Channel;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::resources;
use trunkline_sim::{Backend, CallReply};
use trunkline_status::Code;

use crate::mesh::{Mesh, backend, call, call_with, routes, seconds};

use envoy::config::core::v3::HttpProtocolOptions;
use envoy::config::route::v3::route::Action;
use envoy::config::route::v3::route_action::MaxStreamDuration;
use envoy::config::route::v3::{RetryPolicy, Route, RouteAction};

/// Returns the only route, with changes.
fn route_with(change: impl FnOnce(&mut RouteAction)) -> Route {
    let mut route = resources::route("", "cluster");
    if let Some(Action::Route(action)) = &mut route.action {
        change(action);
    }
    route
}

fn retry_on(codes: &str, retries: u32) -> RetryPolicy {
    RetryPolicy {
        retry_on: codes.to_owned(),
        num_retries: Some(retries),
        ..RetryPolicy::default()
    }
}

/// Returns a mesh with one backend.
fn mesh_with_backend(seed: u64) -> (Mesh, Backend) {
    let mesh = Mesh::with_backends(seed, []);
    let server = mesh.sim.backend(backend(1));
    let endpoints = resources::endpoints("endpoints", [backend(1)]);
    mesh.plane.set(endpoints);
    (mesh, server)
}

fn fails_with(code: Code) -> CallReply {
    CallReply::Status {
        code: code as u32,
        message: "not now".to_owned(),
    }
}

/// 3.2.9: a call is tried again after a code of the route's policy, as often as that allows, and not
/// after any other code.
#[test]
fn xds_3_2_9_retries_of_a_route() {
    let (mesh, server) = mesh_with_backend(81);
    let policy = retry_on("unavailable, internal", 1);
    mesh.plane.set(routes([route_with(|route| {
        route.retry_policy = Some(policy)
    })]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        server.push_reply(fails_with(Code::Unavailable));
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(server.calls(), 2);

        server.push_reply(fails_with(Code::Unavailable));
        server.push_reply(fails_with(Code::Internal));
        let failed = call(&channel, "/a.B/C").await.expect_err("two failures");
        assert_eq!(failed.code(), Code::Internal);
        assert_eq!(server.calls(), 4);

        server.push_reply(fails_with(Code::Aborted));
        let failed = call(&channel, "/a.B/C").await.expect_err("no retry");
        assert_eq!(failed.code(), Code::Aborted);
        assert_eq!(server.calls(), 5);
    });
}

/// 3.2.9: the policy of a route replaces that of its virtual host, also when it has no usable code.
#[test]
fn xds_3_2_9_a_route_replaces_the_policy_of_its_host() {
    let (mesh, server) = mesh_with_backend(82);
    let mut plain = resources::route("/plain/", "cluster");
    let without = route_with(|route| route.retry_policy = Some(retry_on("5xx", 1)));
    plain.name = "plain".to_owned();
    let mut with_host = routes([plain, without]);
    with_host.virtual_hosts[0].retry_policy = Some(retry_on("unavailable", 1));
    mesh.plane.set(with_host);
    let channel = mesh.channel();
    mesh.sim.run(async {
        server.push_reply(fails_with(Code::Unavailable));
        assert_eq!(call(&channel, "/plain/C").await, Ok(backend(1)));
        server.push_reply(fails_with(Code::Unavailable));
        let failed = call(&channel, "/a.B/C").await.expect_err("no retry");
        assert_eq!(failed.code(), Code::Unavailable);
        assert_eq!(server.calls(), 3);
    });
}

/// Makes a call that is not answered, and returns after which time it ended.
async fn time_of_call(mesh: &Mesh, channel: &Channel, head: http::request::Builder) -> Duration {
    let start = mesh.runtime.now();
    let failed = call_with(channel, head).await.expect_err("no answer");
    assert_eq!(failed.code(), Code::DeadlineExceeded);
    mesh.runtime.now() - start
}

/// 3.1.3, 3.2.8, 4.3: the timeout of a route counts, or else that of its listener; the application's own
/// deadline counts if it is earlier, and no timeout makes it later.
#[test]
fn xds_4_3_timeouts() {
    let (mesh, server) = mesh_with_backend(83);
    server.set_reply(CallReply::Never);
    let mut manager = resources::http_connection_manager("routes");
    manager.common_http_protocol_options = Some(HttpProtocolOptions {
        max_stream_duration: seconds(5),
    });
    mesh.plane.set(resources::listener_of("orders", &manager));
    let limited = |prefix, max_stream_duration, grpc_timeout_header_max| {
        let duration = MaxStreamDuration {
            max_stream_duration,
            grpc_timeout_header_max,
        };
        let mut route = route_with(|route| route.max_stream_duration = Some(duration));
        route.r#match = resources::route(prefix, "cluster").r#match;
        route
    };
    mesh.plane.set(routes([
        limited("/stream/", seconds(2), None),
        limited("/header/", seconds(2), seconds(3)),
        limited("/endless/", seconds(0), None),
        resources::route("", "cluster"),
    ]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        let time = async |path: &str, own: Option<&str>| {
            let mut head = Request::post(path);
            if let Some(own) = own {
                head = head.header("grpc-timeout", own);
            }
            time_of_call(&mesh, &channel, head).await
        };
        let second = Duration::from_secs(1);
        assert_eq!(time("/stream/C", None).await, 2 * second);
        assert_eq!(time("/header/C", None).await, 3 * second);
        assert_eq!(time("/a.B/C", None).await, 5 * second);
        // The application's deadline.
        assert_eq!(time("/stream/C", Some("1S")).await, second);
        assert_eq!(time("/stream/C", Some("4S")).await, 2 * second);
        assert_eq!(time("/a.B/C", Some("7S")).await, 5 * second);
        // The listener's timeout is not for a route that has none by its own setting.
        assert_eq!(time("/endless/C", Some("60S")).await, 60 * second);
    });
}
