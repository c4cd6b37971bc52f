//! 1.6, 1.8, 2.17: targets and resources of several authorities.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_channel::Channel;
use trunkline_sim::control_plane::proto::envoy::service::load_stats::v3::LoadStatsResponse;
use trunkline_sim::control_plane::{ControlPlane, resources};
use trunkline_xds::core::Bootstrap;

use crate::mesh::{Mesh, PLANE, backend, call, check_failure, routes, seconds};
use crate::settings::reported;

const SECOND: &str = "198.51.100.2:18000";

/// A mesh with two control planes.
struct Federation {
    mesh: Mesh,
    second: ControlPlane,
}

impl Federation {
    fn new(seed: u64) -> Self {
        let mesh = Mesh::new(seed);
        mesh.sim.backend(backend(1));
        let address: SocketAddr = SECOND.parse().expect("an address");
        let second = mesh.sim.control_plane(address);
        Self { mesh, second }
    }

    /// Returns a channel whose bootstrap has `more` fields.
    fn channel(&self, target: &str, more: &str) -> Channel {
        let json = format!(
            r#"{{
                "xds_servers": [{{
                    "server_uri": "ipv4:{PLANE}", "channel_creds": [{{ "type": "insecure" }}]
                }}],
                "node": {{ "id": "n1" }},
                {more}
            }}"#
        );
        let bootstrap = Bootstrap::parse(&json).expect("a bootstrap");
        let channel = self.mesh.builder_of(target, bootstrap).build();
        channel.expect("a channel")
    }
}

/// Returns `authorities` with one that has the second control plane.
fn own_server(authority: &str) -> String {
    format!(
        r#""authorities": {{ "{authority}": {{ "xds_servers": [{{
            "server_uri": "ipv4:{SECOND}", "channel_creds": [{{ "type": "insecure" }}]
        }}] }} }}"#
    )
}

fn name(authority: &str, kind: &str, id: &str) -> String {
    format!("xdstp://{authority}/envoy.config.{kind}/{id}")
}

/// Names of the old form lead to the servers of the top level, those of an authority to its own, in the
/// same configuration: LDS and CDS here, RDS and EDS there.
#[test]
fn xds_2_17_old_and_new_names_together() {
    let federation = Federation::new(660);
    let Federation { mesh, second } = &federation;
    let route_config = name("another", "route.v3.RouteConfiguration", "routes");
    let endpoints = name("another", "endpoint.v3.ClusterLoadAssignment", "endpoints");
    mesh.plane.set(resources::listener("orders", &route_config));
    mesh.plane
        .set(resources::cluster_with_endpoints("cluster", &endpoints));
    second.set(resources::route_configuration(
        &route_config,
        [resources::route("", "cluster")],
    ));
    second.set(resources::endpoints(&endpoints, [backend(1)]));
    let channel = federation.channel("xds:///orders", &own_server("another"));
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
    assert_eq!((mesh.plane.streams(), second.streams()), (1, 1));
}

/// 1.8: in a template of the new form the target's path is escaped, except for slashes; the virtual host
/// is looked up by the wholly escaped path. Calls have `localhost` as their authority, because the crate
/// `http` refuses escapes there.
#[test]
fn xds_1_8_escaped_paths() {
    let federation = Federation::new(661);
    let Federation { mesh, second } = &federation;
    let authority = "traffic-manager.xds.example";
    let listener = name(authority, "listener.v3.Listener", "orders/2nd%20component");
    second.set(resources::listener(&listener, "route-orders/2nd component"));
    let mut config = resources::route_configuration("route-orders/2nd component", []);
    config.virtual_hosts = vec![resources::virtual_host(
        "v",
        ["orders%2F2nd%20component"],
        [resources::route("", "cluster")],
    )];
    mesh.plane.set(config);
    mesh.plane.set(resources::cluster("cluster"));
    let server = mesh.sim.backend(backend(2));
    mesh.plane
        .set(resources::endpoints("cluster", [backend(2)]));
    let more = format!(
        r#""client_default_listener_resource_name_template":
            "xdstp://{authority}/envoy.config.listener.v3.Listener/%s", {}"#,
        own_server(authority)
    );
    for target in [
        "xds:///orders/2nd component",
        "xds:///orders/2nd%20component",
    ] {
        let channel = federation.channel(target, &more);
        mesh.sim.run(async {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)), "{target}");
        });
    }
    let authorities = server.received().into_iter().map(|call| call.authority);
    assert_eq!(authorities.collect::<Vec<_>>(), ["localhost"; 2]);
}

/// 1.8: an application that chooses the authority `localhost` gets the virtual host of that name, also where the
/// channel would send `localhost` in place of the target's own authority, which has escapes.
#[test]
fn xds_1_8_a_chosen_localhost() {
    let mesh = Mesh::with_backends(675, [1, 2]);
    mesh.plane.set(resources::listener("shop/orders", "routes"));
    let mut config = resources::route_configuration("routes", []);
    config.virtual_hosts = [
        ("own", "shop%2Forders", "first"),
        ("local", "localhost", "second"),
    ]
    .map(|(name, domain, cluster)| {
        resources::virtual_host(name, [domain], [resources::route("", cluster)])
    })
    .to_vec();
    mesh.plane.set(config);
    mesh.plane
        .set_all(["first", "second"].map(resources::cluster));
    mesh.plane.set_all([
        resources::endpoints("first", [backend(1)]),
        resources::endpoints("second", [backend(2)]),
    ]);
    let builder = || mesh.builder_of("xds:///shop/orders", mesh.bootstrap());
    for (builder, expected) in [(builder(), 1), (builder().authority("localhost"), 2)] {
        let channel = builder.build().expect("a channel");
        mesh.sim.run(async {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(expected)));
        });
    }
}

/// 1.8: the names of the listeners of targets, as the control plane receives them.
#[test]
fn xds_1_8_names_of_listeners() {
    let authorities = r#""authorities": { "auth": {}, "own": {
        "client_listener_resource_name_template": "xdstp://own/envoy.config.listener.v3.Listener/v1/%s"
    } }"#;
    let template = |template: &str| {
        format!(r#""client_default_listener_resource_name_template": "{template}", {authorities}"#)
    };
    let listener = "envoy.config.listener.v3.Listener";
    for (seed, target, template, expected) in [
        (662, "xds:///target", template("%s"), "target".to_owned()),
        (663, "xds:target", template("%s"), "target".to_owned()),
        (
            664,
            "xds:///target",
            template("/path/to/%s"),
            "/path/to/target".to_owned(),
        ),
        (
            665,
            "xds:///[::1]:8080",
            template("/path/%s"),
            "/path/[::1]:8080".to_owned(),
        ),
        (
            666,
            "xds:///0.0.0.0:8080",
            template(&format!("xdstp://auth/{listener}/%s")),
            format!("xdstp://auth/{listener}/0.0.0.0:8080"),
        ),
        (
            667,
            "xds:///[::1]:8080",
            template(&format!("xdstp://auth/{listener}/%s?b=2&a=%s")),
            format!("xdstp://auth/{listener}/%5B::1%5D:8080?a=%5B::1%5D:8080&b=2"),
        ),
        (
            668,
            "xds://auth/target",
            template("%s"),
            format!("xdstp://auth/{listener}/target"),
        ),
        (
            669,
            "xds://own/target",
            template("%s"),
            format!("xdstp://own/{listener}/v1/target"),
        ),
    ] {
        let federation = Federation::new(seed);
        let Federation { mesh, .. } = &federation;
        let channel = federation.channel(target, &template);
        mesh.sim.run(async {
            let waiting = call(&channel, "/a.B/C");
            let request = mesh.plane.next_request();
            let requested = futures_util::future::select(Box::pin(waiting), Box::pin(request));
            let futures_util::future::Either::Right((received, _)) = requested.await else {
                panic!("a call without a listener");
            };
            assert_eq!(received.message.resource_names, [expected], "{target}");
        });
    }
}

/// 2.17, 4.8: a resource whose name has an unknown authority fails calls at once, with the reason.
#[test]
fn xds_2_17_an_unknown_authority_in_a_resource() {
    let federation = Federation::new(671);
    let Federation { mesh, .. } = &federation;
    let route_config = name("unknown", "route.v3.RouteConfiguration", "routes");
    mesh.plane.set(resources::listener("orders", &route_config));
    let channel = federation.channel("xds:///orders", &own_server("another"));
    mesh.sim.run(async {
        check_failure(
            call(&channel, "/a.B/C").await,
            &format!(
                "UNAVAILABLE: route configuration \"{route_config}\" name \"{route_config}\": \
                 authority \"unknown\" is not in the bootstrap; xDS node \"n1\""
            ),
        );
        assert!(mesh.sim.elapsed() < Duration::from_secs(1));
        // A good name heals the channel.
        mesh.plane.set(routes([resources::route("", "cluster")]));
        mesh.plane.set(resources::cluster("cluster"));
        mesh.plane
            .set(resources::endpoints("cluster", [backend(1)]));
        mesh.plane.set(resources::listener("orders", "routes"));
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 2.17: the parameters of a name have no order: what the server sends in another one is the resource that
/// was asked for, for each type.
#[test]
fn xds_2_17_parameters_in_any_order() {
    let federation = Federation::new(672);
    let Federation { mesh, .. } = &federation;
    let with = |kind: &str, order: &str| name("auth", kind, &format!("x?{order}"));
    let (asked, sent) = ("b=2&a=1", "a=1&b=2");
    let route_config = "route.v3.RouteConfiguration";
    let cluster = "cluster.v3.Cluster";
    let endpoints = "endpoint.v3.ClusterLoadAssignment";
    let plane = &mesh.plane;
    plane.set(resources::listener(
        &with("listener.v3.Listener", sent),
        &with(route_config, asked),
    ));
    plane.set(resources::route_configuration(
        &with(route_config, sent),
        [resources::route("", &with(cluster, asked))],
    ));
    plane.set(resources::cluster_with_endpoints(
        &with(cluster, sent),
        &with(endpoints, asked),
    ));
    plane.set(resources::endpoints(&with(endpoints, sent), [backend(1)]));
    let more = r#""authorities": { "auth": {
        "client_listener_resource_name_template":
            "xdstp://auth/envoy.config.listener.v3.Listener/%s?b=2&a=1"
    } }"#;
    let channel = federation.channel("xds://auth/x", more);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 2.1: authorities with the same servers share a connection and a stream, which end with the last of them.
#[test]
fn xds_2_1_authorities_with_the_same_server() {
    let federation = Federation::new(673);
    let Federation { mesh, .. } = &federation;
    let endpoints = name("other", "endpoint.v3.ClusterLoadAssignment", "endpoints");
    let cluster = name("auth", "cluster.v3.Cluster", "cluster");
    mesh.plane.set(resources::inline_listener(
        "orders",
        routes([resources::route("", &cluster)]),
    ));
    mesh.plane
        .set(resources::cluster_with_endpoints(&cluster, &endpoints));
    mesh.plane
        .set(resources::endpoints(&endpoints, [backend(1)]));
    let more = r#""authorities": { "auth": {}, "other": { "xds_servers": [] } }"#;
    let channel = federation.channel("xds:///orders", more);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(mesh.plane.streams(), 1);
        assert_eq!(mesh.plane.backend().accepts(), 1);
        drop(channel);
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(mesh.plane.open_streams().len(), 0);
        assert_eq!(mesh.plane.backend().closes(), 1);
    });
}

/// 5.1: the load of a cluster is reported to the server that sent it: here to that of its authority.
#[test]
fn xds_5_1_reports_to_the_server_of_an_authority() {
    let federation = Federation::new(674);
    let Federation { mesh, second } = &federation;
    let cluster = name("another", "cluster.v3.Cluster", "cluster");
    mesh.plane.set(resources::inline_listener(
        "orders",
        routes([resources::route("", &cluster)]),
    ));
    let of_second = resources::cluster_with_endpoints(&cluster, "endpoints");
    second.set(reported(of_second));
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    second.set_load_response(LoadStatsResponse {
        send_all_clusters: true,
        load_reporting_interval: seconds(10),
        ..LoadStatsResponse::default()
    });
    let channel = federation.channel("xds:///orders", &own_server("another"));
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.sleep(Duration::from_secs(15)).await;
    });
    assert_eq!(mesh.plane.load_reports().len(), 0);
    let reports = second.load_reports();
    let stats = reports.iter().flat_map(|one| &one.message.cluster_stats);
    let names: Vec<_> = stats.map(|stats| &*stats.cluster_name).collect();
    assert_eq!(names, [cluster]);
}
