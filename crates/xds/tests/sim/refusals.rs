//! 2.6 to 2.8, 3.0.4: resources that the client refuses, in its requests, in calls, and in what it shows.

use std::time::Duration;

use prost::Message as _;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::proto::envoy::service::discovery::v3::DiscoveryRequest;
use trunkline_sim::control_plane::proto::google::protobuf::Any;
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::ads::ResourceState;
use trunkline_xds::core::{ResourceType, ServerFeatures};

use crate::mesh::{Mesh, backend, call, check_failure, routes};

use envoy::config::cluster::v3::Cluster;
use envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType, LbPolicy};
use envoy::config::listener::v3::Listener;
use envoy::config::route::v3::RouteConfiguration;

const SECOND: Duration = Duration::from_secs(1);

/// Returns a listener that the client refuses: nothing is its source of routes.
fn refused_listener(name: &str) -> Listener {
    let mut manager = resources::http_connection_manager("routes");
    manager.route_specifier = None;
    resources::listener_of(name, &manager)
}

/// Returns the requests for a type that refuse something: each version, and the text.
fn refusals(mesh: &Mesh, kind: &str) -> Vec<(String, String)> {
    let requests = mesh.plane.requests().into_iter().map(|one| one.message);
    let of_kind = requests.filter(|request| request.type_url.ends_with(kind));
    of_kind
        .filter_map(|request: DiscoveryRequest| {
            let detail = request.error_detail?;
            assert_eq!(detail.code, 3, "INVALID_ARGUMENT");
            Some((request.version_info, detail.message))
        })
        .collect()
}

/// Returns the state of the resource of this type and name.
fn state(mesh: &Mesh, kind: ResourceType, name: &str) -> ResourceState {
    let resources = mesh.resources();
    let mut resources = resources.iter();
    let found = resources.find(|one| one.kind == kind && &*one.name == name);
    found.expect("a watched resource").state
}

/// 2.3, 4.8: a first listener that is refused: the NACK has no version, calls fail at once with the fault,
/// its place and the node, and a good one heals the channel.
#[test]
fn xds_2_3_a_refused_first_listener() {
    let mesh = Mesh::with_backends(650, [1]);
    mesh.plane.set(refused_listener("orders"));
    let channel = mesh.channel();
    mesh.sim.run(async {
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: listener \"orders\" is invalid: api_listener.api_listener: needs rds or \
             route_config; xDS node \"n1\"",
        );
        assert!(mesh.sim.elapsed() < SECOND, "no timer runs out");
        mesh.sleep(SECOND).await;
        let text = "1 of 1 resources are invalid\n\"orders\": api_listener.api_listener: needs rds \
                    or route_config";
        assert_eq!(
            refusals(&mesh, "Listener"),
            [(String::new(), text.to_owned())]
        );
        mesh.plane.set(resources::listener("orders", "routes"));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 2.3, 2.11: refused resources of each type after good ones: the good ones stay in use, and the NACK has
/// the last version that was accepted.
#[test]
fn xds_2_11_refused_resources_after_good_ones() {
    let mesh = Mesh::with_backends(651, [1]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.plane.set(refused_listener("orders"));
        let mut bad_routes = routes([resources::route("", "cluster")]);
        bad_routes.virtual_hosts[0].routes[0].r#match = None;
        mesh.plane.set(bad_routes);
        let mut bad_cluster = resources::cluster_with_endpoints("cluster", "endpoints");
        bad_cluster.lb_policy = LbPolicy::Maglev.into();
        mesh.plane.set(bad_cluster);
        let mut bad_endpoints = resources::endpoints("endpoints", [backend(1)]);
        bad_endpoints.endpoints[0].priority = 1;
        mesh.plane.set(bad_endpoints);
        for _ in 0..5 {
            mesh.sleep(SECOND).await;
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        }
    });
    for (kind, text) in [
        (
            "Listener",
            "\"orders\": api_listener.api_listener: needs rds or route_config",
        ),
        (
            "RouteConfiguration",
            "\"routes\": virtual_hosts[0].routes[0].match: is required",
        ),
        (
            "Cluster",
            "\"cluster\": lb_policy: unsupported lb_policy MAGLEV",
        ),
        (
            "ClusterLoadAssignment",
            "\"endpoints\": endpoints: priority 0 is missing",
        ),
    ] {
        let refusals = refusals(&mesh, kind);
        let expected = format!("1 of 1 resources are invalid\n{text}");
        assert_eq!(refusals, [("1".to_owned(), expected)]);
    }
}

/// 2.11: with `fail_on_data_errors` a refused resource takes the good one away.
#[test]
fn xds_2_11_refused_resources_that_fail_calls() {
    let mesh = Mesh::with_backends(652, [1]);
    let bootstrap = mesh.bootstrap_with_features(r#""fail_on_data_errors""#);
    let features = ServerFeatures::default().with_fail_on_data_errors(true);
    assert_eq!(bootstrap.servers[0].features, features);
    let channel = mesh.builder_of("xds:///orders", bootstrap).build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        let mut refused = resources::endpoints("endpoints", [backend(1)]);
        refused.endpoints[0].locality = None;
        mesh.plane.set(refused);
        mesh.sleep(SECOND).await;
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: endpoints \"endpoints\" is invalid: endpoints[0].locality: no locality; \
             xDS node \"n1\"",
        );
        mesh.plane
            .set(resources::endpoints("endpoints", [backend(1)]));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 2.6, 2.7: a response with a good and a bad cluster: the good one is used with the new version, calls to
/// the bad one fail, and the NACK names that one alone.
#[test]
fn xds_2_7_a_response_that_is_partly_valid() {
    let mesh = Mesh::with_backends(653, [1]);
    mesh.plane.set(routes([
        resources::route("/bad/", "bad"),
        resources::route("", "cluster"),
    ]));
    let mut bad = resources::cluster("bad");
    let number = DiscoveryType::StrictDns.into();
    bad.cluster_discovery_type = Some(ClusterDiscoveryType::Type(number));
    mesh.plane.set(bad);
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        check_failure(
            call(&channel, "/bad/M").await,
            "UNAVAILABLE: cluster \"bad\" is invalid: type: unsupported cluster type STRICT_DNS; \
             xDS node \"n1\"",
        );
        let kind = ResourceType::Cluster;
        assert_eq!(state(&mesh, kind, "bad"), ResourceState::Nacked);
        assert_eq!(state(&mesh, kind, "cluster"), ResourceState::Acked);
    });
    let text = "1 of 2 resources are invalid\n\"bad\": type: unsupported cluster type STRICT_DNS";
    let refusals = refusals(&mesh, ".Cluster");
    assert_eq!(refusals, [(String::new(), text.to_owned())]);
}

/// 2.7: bytes that are no resource at all are refused by their index.
#[test]
fn xds_2_7_bytes_that_are_no_resource() {
    let mesh = Mesh::with_backends(654, [1]);
    mesh.plane.set_any::<RouteConfiguration>(
        "routes",
        Any {
            type_url: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration".to_owned(),
            value: vec![0x0a, 0x7f, 1, 2].into(),
        },
    );
    let channel = mesh.channel();
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no routes");
        let text = "route configuration \"routes\" was not sent within 15 s";
        assert!(status.message().starts_with(text), "{status}");
    });
    let (version, text) = &refusals(&mesh, "RouteConfiguration")[0];
    assert_eq!(version, "");
    let start = "1 of 1 resources are invalid\nresources[0]: ";
    assert!(text.starts_with(start), "{text}");
}

/// 2.6: a resource in `Resource` counts as the one inside, for every type.
#[test]
fn xds_2_6_wrapped_resources_of_every_type() {
    use envoy::config::endpoint::v3::ClusterLoadAssignment;
    use envoy::service::discovery::v3::Resource as Wrapper;
    use trunkline_sim::control_plane::Resource;

    fn wrap<R: Resource>(mesh: &Mesh, resource: &R) {
        let wrapper = Wrapper {
            name: "another name".to_owned(),
            resource: Some(resource.pack()),
            ..Wrapper::default()
        };
        let any = Any {
            type_url: "type.googleapis.com/envoy.service.discovery.v3.Resource".to_owned(),
            value: wrapper.encode_to_vec().into(),
        };
        mesh.plane.set_any::<R>(resource.name(), any);
    }

    let mesh = Mesh::with_backends(655, [1]);
    wrap::<Listener>(&mesh, &resources::listener("orders", "routes"));
    wrap::<RouteConfiguration>(&mesh, &routes([resources::route("", "cluster")]));
    wrap::<Cluster>(
        &mesh,
        &resources::cluster_with_endpoints("cluster", "endpoints"),
    );
    wrap::<ClusterLoadAssignment>(&mesh, &resources::endpoints("endpoints", [backend(1)]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
    let requests = mesh.plane.requests();
    assert!(
        requests
            .iter()
            .all(|one| one.message.error_detail.is_none())
    );
}
