//! 4.8, 10.7: what a channel waits for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_channel::{ChannelEvent, Observer};
use trunkline_resolver::{ResolverFactory, ResolverOptions};
use trunkline_runtime::Lock;
use trunkline_sim::ConnectFate;
use trunkline_sim::control_plane::proto::envoy::config::route::v3::RouteConfiguration;
use trunkline_sim::control_plane::resources;
use trunkline_target::Target;
use trunkline_xds::core::{Authority, ServerConfig};

use crate::mesh::{Mesh, PLANE, backend, call, routes};

/// Checks what the resolution of a target waits for.
fn check(target: &str, expected: &str) {
    let mesh = Mesh::new(91);
    let own = Authority::new().with_server(ServerConfig::insecure("ipv4:198.51.100.9:18000"));
    let bootstrap = mesh.bootstrap().with_authority("own", own);
    let bootstrap = bootstrap.with_authority("shared", Authority::new());
    let target = Target::parse(target).expect("a target");
    let options = ResolverOptions::new(Arc::clone(&mesh.runtime));
    let factory = mesh.xds(bootstrap).resolver_factory();
    let mut resolver = factory.build(&target, &options).expect("a resolver");
    mesh.sim.run(async {
        std::future::poll_fn(|cx| {
            assert!(resolver.poll_resolution(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    });
    assert_eq!(resolver.waiting_for().as_deref(), Some(expected));
}

/// The control plane is the first one of the name's authority: its own, or else that of the bootstrap.
#[test]
fn xds_4_8_server_of_the_authority() {
    let listener = "envoy.config.listener.v3.Listener/orders";
    let shared = format!("ipv4:{PLANE}");
    for (target, name, server) in [
        ("xds:///orders", "orders", shared.as_str()),
        (
            "xds://shared/orders",
            &format!("xdstp://shared/{listener}"),
            &shared,
        ),
        (
            "xds://own/orders",
            &format!("xdstp://own/{listener}"),
            "ipv4:198.51.100.9:18000",
        ),
    ] {
        let expected = format!(
            "listener {name:?} of the control plane {server}, which is not connected yet; xDS node \
             \"n1\""
        );
        check(target, &expected);
    }
}

/// After how long a wait was reported, whether there was a list, and what was awaited.
type Report = (Duration, bool, Option<String>);

/// The reports of waits.
#[derive(Clone, Debug, Default)]
struct Waits(Arc<Lock<Vec<Report>>>);

impl Observer for Waits {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::ResolverWaiting {
            waits,
            waited,
            has_list,
            ..
        } = event
        {
            let waits = waits.as_deref().map(str::to_owned);
            self.0.lock().push((*waited, *has_list, waits));
        }
    }
}

/// Returns the text of a wait for a resource.
fn awaited(resource: &str, progress: &str) -> Option<String> {
    Some(format!(
        "{resource} of the control plane ipv4:{PLANE}, which {progress}; xDS node \"n1\""
    ))
}

/// Checks what is reported while the control plane of a mesh is as `set_up` makes it, for a minute.
fn check_reported(set_up: impl FnOnce(&Mesh), expected: Option<String>) {
    let mesh = Mesh::with_backends(92, [1]);
    set_up(&mesh);
    let waits = Waits::default();
    let channel = mesh.builder().observer(waits.clone()).build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        channel.connect().expect("a channel in use");
        mesh.sleep(Duration::from_secs(60)).await;
    });
    let expected = expected.map(|waits| (Duration::from_secs(2), false, Some(waits)));
    assert_eq!(*waits.0.lock(), Vec::from_iter(expected));
}

/// 10.7: what is awaited for 2 s is reported once, with the resource, the server and how far that is.
/// What comes sooner is not reported.
#[test]
fn xds_10_7_what_is_awaited_from_whom() {
    let listener = "listener \"orders\"";
    check_reported(|_| {}, None);
    check_reported(
        |mesh| mesh.plane.set_answering(false),
        awaited(listener, "has not answered yet"),
    );
    check_reported(
        |mesh| {
            let plane: SocketAddr = PLANE.parse().expect("an address");
            mesh.sim.net().set_fate(plane, ConnectFate::Silent);
        },
        awaited(listener, "is not connected yet"),
    );
    check_reported(
        |mesh| mesh.plane.delete::<RouteConfiguration>("routes"),
        awaited(
            "route configuration \"routes\"",
            "answers, and has not sent it",
        ),
    );
    check_reported(
        |mesh| {
            mesh.plane.set(routes([
                resources::route("/a", "missing-1"),
                resources::route("/b", "missing-2"),
                resources::route("", "cluster"),
            ]));
        },
        Some(format!(
            "cluster \"missing-1\" of the control plane ipv4:{PLANE}, which answers, and has not sent it, \
             and 1 more; xDS node \"n1\""
        )),
    );
}

/// 10.7: a change that waits for a resource is reported too, while the configuration of before is in
/// use.
#[test]
fn xds_10_7_changes_that_wait() {
    let mesh = Mesh::with_backends(93, [1]);
    let waits = Waits::default();
    let channel = mesh.builder().observer(waits.clone()).build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        for _ in 0..2 {
            mesh.plane.set(routes([resources::route("", "missing")]));
            mesh.sleep(Duration::from_secs(5)).await;
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
            mesh.plane.set(routes([resources::route("", "cluster")]));
            mesh.sleep(Duration::from_secs(5)).await;
        }
    });
    let missing = awaited("cluster \"missing\"", "answers, and has not sent it");
    let reported = (Duration::from_secs(2), true, missing);
    assert_eq!(*waits.0.lock(), [reported.clone(), reported]);
}

/// 2.9: the 15 s for a resource begin when the request is written to a connection. A control plane that does not
/// accept one is an error of the connection.
#[test]
fn xds_2_9_no_time_runs_before_there_is_a_connection() {
    let mesh = Mesh::with_backends(94, [1]);
    let plane: SocketAddr = PLANE.parse().expect("an address");
    mesh.sim.net().set_fate(plane, ConnectFate::Silent);
    let channel = mesh.channel();
    let status = mesh.sim.run(call(&channel, "/a.B/C"));
    let status = status.expect_err("no control plane");
    let expected = format!(
        "listener \"orders\" cannot be had: ipv4:{PLANE}: failed to connect to all addresses; last error: {PLANE}: gave up after 20s"
    );
    assert!(status.message().starts_with(&expected), "{status}");
    assert_eq!(mesh.sim.elapsed().as_secs(), 20);
}
