//! 10: what went wrong in other clients, each by its number.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use trunkline_channel::Channel;
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{ManualResolver, Resolution, ResolverRegistry};
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::proto::google::protobuf::Any;
use trunkline_sim::control_plane::resources;
use trunkline_xds::Xds;
use trunkline_xds::core::ServerConfig;
use trunkline_xds::core::ads::{NoFallback, ResourceState};

use crate::mesh::{Mesh, PLANE, backend, call, check_failure, routes};

use envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy::config::listener::v3::Listener;
use envoy::extensions::filters::http::router::v3::Router;

const SECOND: Duration = Duration::from_secs(1);

/// 10.5: "environment read at program start; no bootstrap in code." A bootstrap of the program needs no
/// environment, and one of the environment can be set after the channel is built.
#[test]
fn xds_10_5_bootstrap_in_code_or_late() {
    let mesh = Mesh::with_backends(680, [1]);
    let missing = "/nonexistent/xds.json";
    mesh.sim.set_variable("GRPC_XDS_BOOTSTRAP", missing);
    let of_program = mesh.channel();
    let of_environment = Channel::builder("xds:///orders")
        .with(Xds::new().with_pool(mesh.pool.clone()))
        .plaintext()
        .runtime(Arc::clone(&mesh.runtime))
        .build()
        .expect("a channel");
    mesh.sim.run(async {
        assert_eq!(call(&of_program, "/a.B/C").await, Ok(backend(1)));
        let status = call(&of_environment, "/a.B/C").await.expect_err("no file");
        let text = "xds bootstrap: cannot read /nonexistent/xds.json: ";
        assert!(status.message().contains(text), "{status}");
        mesh.sim.set_variable("GRPC_XDS_BOOTSTRAP", "");
        let json = format!(
            r#"{{ "xds_servers": [{{
                "server_uri": "ipv4:{PLANE}", "channel_creds": [{{ "type": "insecure" }}]
            }}] }}"#
        );
        mesh.sim.set_variable("GRPC_XDS_BOOTSTRAP_CONFIG", json);
        mesh.sleep(3 * SECOND).await;
        assert_eq!(call(&of_environment, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 10.6: "'produced zero addresses', 'no usable address'." Calls without backends fail with the resource,
/// the reason and the node.
#[test]
fn xds_10_6_no_addresses() {
    let mesh = Mesh::with_backends(681, [1]);
    let names = ["empty", "refused", "missing"];
    mesh.plane.set_all(names.map(resources::cluster));
    mesh.plane
        .set(resources::dns_cluster("host", "db.test", 5432));
    let mut refused = resources::endpoints("refused", [backend(1)]);
    refused.endpoints[0].locality = None;
    mesh.plane
        .set_all([resources::endpoints("empty", []), refused]);
    let all = ["empty", "refused", "missing", "host"];
    mesh.plane.set(routes(
        all.map(|name| resources::route(&format!("/{name}/"), name)),
    ));
    let dns = ManualResolver::with_initial("dns", Resolution::new(Vec::<Endpoint>::new()));
    let resolvers = ResolverRegistry::standard().with(dns);
    let xds = mesh.xds(mesh.bootstrap()).with_resolvers(resolvers);
    let channel = mesh.channel_with("xds:///orders", xds);
    mesh.sim.run(async {
        for (path, expected) in [
            (
                "/empty/M",
                "endpoints \"empty\" of cluster \"empty\": none in any locality",
            ),
            (
                "/refused/M",
                "endpoints \"refused\" is invalid: endpoints[0].locality: no locality",
            ),
            (
                "/missing/M",
                "endpoints \"missing\" was not sent within 15 s",
            ),
            ("/host/M", "host name \"db.test:5432\""),
        ] {
            let status = call(&channel, path).await.expect_err("no backend");
            let text = status.message();
            assert!(
                text.starts_with(expected) && text.ends_with("; xDS node \"n1\""),
                "{text}"
            );
        }
    });
}

/// 10.8: "a NACKed first resource reported as non-existent." Its reason stays that it is invalid, however
/// long the channel waits.
#[test]
fn xds_10_8_a_refused_first_resource_is_not_absent() {
    let mesh = Mesh::with_backends(682, [1]);
    let mut refused = routes([resources::route("", "cluster")]);
    refused.virtual_hosts[0].domains = vec!["a*b".to_owned()];
    mesh.plane.set(refused);
    let channel = mesh.channel();
    mesh.sim.run(async {
        for _ in 0..4 {
            check_failure(
                call(&channel, "/a.B/C").await,
                "UNAVAILABLE: route configuration \"routes\" is invalid: \
                 virtual_hosts[0].domains[0]: bad pattern \"a*b\"; xDS node \"n1\"",
            );
            mesh.sleep(20 * SECOND).await;
        }
        let of_routes = mesh.resources().remove(1);
        assert_eq!(of_routes.state, ResourceState::Nacked);
    });
}

/// 10.9: "after a server's restart timers fire for known resources, partial lists delete others." The
/// server comes back and is silent for two minutes: no call fails, and its first requests have all names.
#[test]
fn xds_10_9_a_silent_server_after_a_restart() {
    let mesh = Mesh::with_backends(683, [1]);
    let names: Vec<String> = (0..20).map(|at| format!("c{at:02}")).collect();
    let clusters = names.iter().map(|name| resources::cluster(name));
    mesh.plane.set_all(clusters);
    let endpoints = names.iter();
    let endpoints = endpoints.map(|name| resources::endpoints(name, [backend(1)]));
    mesh.plane.set_all(endpoints);
    let all = names.iter();
    let all = all.map(|name| resources::route(&format!("/{name}/"), name));
    mesh.plane.set(routes(all));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/c00/M").await, Ok(backend(1)));
        mesh.sleep(10 * SECOND).await;
        let before = mesh.plane.requests().len();
        mesh.plane.set_answering(false);
        mesh.plane.end_streams(14, "a restart");
        for _ in 0..12 {
            for name in &names {
                let path = format!("/{name}/M");
                assert_eq!(call(&channel, &path).await, Ok(backend(1)));
            }
            mesh.sleep(10 * SECOND).await;
        }
        let requests = mesh.plane.requests().split_off(before);
        let counts = requests.iter().map(|one| one.message.resource_names.len());
        assert_eq!(counts.collect::<Vec<_>>(), [1, 1, 20, 20]);
        let resources = mesh.resources();
        assert!(
            resources
                .iter()
                .all(|one| one.state == ResourceState::Acked)
        );
    });
}

/// 10.10: "no answer when re-subscribing after idleness." An idle channel ends its watches, its stream and
/// its connection; when it is used again, it asks without versions and nonces.
#[test]
fn xds_10_10_a_channel_that_was_idle() {
    let mesh = Mesh::with_backends(684, [1]);
    let channel = mesh.builder().idle_timeout(60 * SECOND);
    let channel = channel.build().expect("a channel");
    mesh.sim.run(async {
        for round in 1..=3 {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
            assert_eq!(mesh.plane.streams(), round);
            mesh.sleep(120 * SECOND).await;
            assert_eq!(mesh.plane.open_streams().len(), 0);
            assert_eq!(mesh.plane.backend().closes(), round as usize);
        }
    });
    let requests = mesh.plane.requests().into_iter().map(|one| one.message);
    let first = requests.filter(|request| request.node.is_some());
    let first: Vec<_> = first
        .map(|request| (request.version_info, request.response_nonce))
        .collect();
    assert_eq!(first, vec![(String::new(), String::new()); 3]);
}

/// 10.11: "others' listeners in an answer get it NACKed." Resources that were not asked for are dropped
/// before they are looked at.
#[test]
fn xds_10_11_resources_that_were_not_asked_for() {
    let mesh = Mesh::with_backends(685, [1]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        let bad = resources::listener_of("other", &Default::default());
        let good = resources::listener("orders", "routes");
        let response = resources::response("9", "n9", [bad, good]);
        mesh.plane.send(&response);
        let mut foreign = resources::endpoints("foreign", [backend(1)]);
        foreign.endpoints[0].locality = None;
        let own = resources::endpoints("endpoints", [backend(1)]);
        mesh.plane
            .send(&resources::response("9", "n10", [foreign, own]));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        let requests = mesh.plane.requests();
        for nonce in ["n9", "n10"] {
            let mut requests = requests.iter().map(|one| &one.message);
            let answer = requests.find(|request| request.response_nonce == nonce);
            let request = answer.expect("an answer");
            assert_eq!(request.version_info, "9");
            assert_eq!(request.error_detail, None);
        }
    });
}

/// 10.11, 3.1.1: Istio's listener has an address beside its `api_listener`, which is ignored.
#[test]
fn xds_10_11_a_listener_with_both_addresses() {
    let mesh = Mesh::with_backends(686, [1]);
    let mut bytes = resources::listener("orders", "routes").encode_to_vec();
    let address = resources::address("0.0.0.0", 7070).encode_to_vec();
    // `Listener.address` has the number 2.
    bytes.extend([0x12, u8::try_from(address.len()).expect("a short message")]);
    bytes.extend(address);
    mesh.plane.set_any::<Listener>(
        "orders",
        Any {
            type_url: "type.googleapis.com/envoy.config.listener.v3.Listener".to_owned(),
            value: bytes.into(),
        },
    );
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 10.12: "no filter implementation found for \"\"." The text names the filter to add.
#[test]
fn xds_10_12_a_listener_without_filters() {
    let mesh = Mesh::with_backends(687, [1]);
    let mut manager = resources::http_connection_manager("routes");
    manager.http_filters.clear();
    mesh.plane.set(resources::listener_of("orders", &manager));
    let channel = mesh.channel();
    mesh.sim.run(async {
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: listener \"orders\" is invalid: api_listener.api_listener.http_filters: \
             is empty: the last must be envoy.filters.http.router; xDS node \"n1\"",
        );
        let mut filter = resources::http_filter("", &Router {});
        filter.config_type = None;
        manager.http_filters = vec![filter];
        mesh.plane.set(resources::listener_of("orders", &manager));
        mesh.sleep(SECOND).await;
        let status = call(&channel, "/a.B/C").await.expect_err("no filter");
        let text = status.message();
        assert!(text.contains("http_filters[0]"), "{text}");
    });
}

/// 10.13: "virtual host not found after an upgrade." The text has the authority that was looked up, and the
/// domains that there are.
#[test]
fn xds_10_13_the_domains_that_there_are() {
    let mesh = Mesh::with_backends(688, [1]);
    let mut other = routes([]);
    let domains: Vec<String> = (0..20).map(|at| format!("{at}.test")).collect();
    let domains = domains.iter().map(String::as_str);
    other.virtual_hosts[0] = resources::virtual_host("v", domains, []);
    mesh.plane.set(other);
    let channel = mesh.channel();
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no virtual host");
        let text = status.message();
        assert!(
            text.starts_with(
                "route configuration \"routes\" has no virtual host for \"orders\" (it has \
                 \"0.test\", \"1.test\""
            ) && text.ends_with(" more); xDS node \"n1\""),
            "{text}"
        );
        // None at all.
        let mut none = routes([]);
        none.virtual_hosts.clear();
        mesh.plane.set(none);
        mesh.sleep(SECOND).await;
        let status = call(&channel, "/a.B/C").await.expect_err("no virtual host");
        let text = status.message();
        let start = "route configuration \"routes\" has no virtual host for \"orders\"";
        assert!(text.starts_with(start), "{text}");
    });
}

/// 10.15: "why does it not fall back?" The state of the client has the condition that does not hold.
#[test]
fn xds_10_15_why_there_is_no_fallback() {
    let mesh = Mesh::with_backends(689, [1]);
    let second = ServerConfig::insecure("ipv4:198.51.100.2:18000");
    let bootstrap = mesh.bootstrap().with_fallback(second);
    let channel = mesh.builder_of("xds:///orders", bootstrap).build();
    let channel = channel.expect("a channel");
    let reason = || mesh.pool.dump()[0].ads.authorities[0].no_fallback;
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(reason(), Some(NoFallback::ServerWorks));
        mesh.plane.backend().kill();
        mesh.sleep(60 * SECOND).await;
        assert_eq!(reason(), Some(NoFallback::NothingAwaited));
        let text = reason().map(|reason| reason.to_string());
        let expected = "the server in use failed, but it had answered for every watched resource";
        assert_eq!(text.as_deref(), Some(expected));
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));

        // A resource that no server has answered for is the reason to fall back.
        mesh.plane.backend().restart();
        mesh.sleep(180 * SECOND).await;
        mesh.plane.delete::<ClusterLoadAssignment>("later");
        mesh.plane.set(resources::cluster("later"));
        mesh.plane.set(routes([resources::route("", "later")]));
        mesh.sleep(5 * SECOND).await;
        mesh.plane.backend().kill();
        mesh.sleep(60 * SECOND).await;
        assert_eq!(reason(), Some(NoFallback::NoFurtherServer));
        // The old configuration is in force meanwhile.
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}
