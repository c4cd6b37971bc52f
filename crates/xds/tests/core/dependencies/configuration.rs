//! What is published, and when.

use std::sync::Arc;
use std::time::Duration;

use trunkline_xds::core::dependencies::Awaited;
use trunkline_xds::core::resources::{Listener, Resource, RouteSource};
use trunkline_xds::core::{LeafEndpoints, ResolvedCluster, ResourceErrorKind, XdsConfig};

use super::support::{
    C, E, Harness, L, R, dropping_endpoints, eds, endpoint, endpoints, host, listener,
    listener_with, logical_dns, route_configuration, routes,
};

/// "Watches listener, then route configuration, then the clusters, then for each EDS cluster its endpoints.
/// Publishes one immutable `XdsConfig` only when every cluster named by the routes has its value or error."
#[test]
fn xds_4_1_publishes_only_a_whole_configuration() {
    let mut harness = Harness::new();
    assert_eq!(
        harness.set(listener("routes")),
        ["watch route configuration routes"]
    );
    assert_eq!(
        harness.set(routes(&["a", "b"])),
        ["watch cluster a", "watch cluster b"]
    );
    assert_eq!(harness.set(eds("a")), ["watch endpoints a"]);
    assert!(harness.set(endpoints("a")).is_empty());
    assert_eq!(harness.set(eds("b")), ["watch endpoints b"]);
    assert_eq!(
        harness.manager.awaited(),
        [Awaited::Resource(E, "b".into())]
    );
    assert_eq!(harness.set(endpoints("b")), ["publish a b"]);
    assert!(harness.manager.awaited().is_empty());
}

/// "Then route configuration (unless inline)."
#[test]
fn xds_4_1_inline_routes_need_no_watch() {
    let mut harness = Harness::new();
    let inline = RouteSource::Inline(Arc::new(route_configuration("orders", &["a"])));
    assert_eq!(harness.set(listener_with(inline)), ["watch cluster a"]);
}

/// "Only the chosen virtual host's clusters are watched. An RDS without a matching virtual host is valid: the
/// error is the channel's" (xds.md 3.2.11).
#[test]
fn xds_3_2_11_other_virtual_hosts_need_nothing() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    let elsewhere = route_configuration("elsewhere", &["z"]);
    let mut both = route_configuration("orders", &["a"]);
    both.virtual_hosts.extend(elsewhere.virtual_hosts.clone());
    let both = Resource::RouteConfiguration(Arc::new(both));
    assert_eq!(harness.set(both), ["watch cluster a"]);
    harness.set(eds("a"));
    assert_eq!(harness.set(endpoints("a")), ["publish a"]);
    let elsewhere = Resource::RouteConfiguration(Arc::new(elsewhere));
    assert_eq!(
        harness.set(elsewhere),
        [
            r#"fail: route configuration "routes" has no virtual host for "orders" (it has "elsewhere"); xDS node "node-1""#,
            "unwatch cluster a",
            "unwatch endpoints a"
        ]
    );
}

/// "Until then the old one stays in force whole." "Unneeded watches stop at the next publication."
#[test]
fn xds_4_1_the_old_configuration_stays_until_the_new_one_is_whole() {
    let mut harness = Harness::with_config();
    assert_eq!(harness.set(routes(&["b"])), ["watch cluster b"]);
    assert_eq!(harness.set(eds("b")), ["watch endpoints b"]);
    // A change of the old configuration belongs to no whole one now.
    assert!(harness.set(endpoints("a")).is_empty());
    assert_eq!(
        harness.set(endpoints("b")),
        ["publish b", "unwatch cluster a", "unwatch endpoints a"]
    );
}

/// No call fails while the old configuration and its backends live (xds.md 8.1): what only the new one
/// needs, and cannot be had because the control plane of both is down, is awaited as what is on its way.
#[test]
fn xds_8_1_an_outage_holds_a_new_configuration_back() {
    let down = || ResourceErrorKind::Unreachable("plane: refused".into());
    let mut harness = Harness::with_config();
    assert_eq!(harness.set(routes(&["b"])), ["watch cluster b"]);
    assert!(harness.fail(C, "b", down()).is_empty());
    assert_eq!(
        harness.manager.awaited(),
        [Awaited::Resource(C, "b".into())]
    );
    assert_eq!(harness.set(eds("b")), ["watch endpoints b"]);
    assert!(harness.fail(E, "b", down()).is_empty());
    // Back again, the control plane has no such endpoints: that is news.
    assert_eq!(
        harness.fail(E, "b", ResourceErrorKind::NotSent(Duration::from_secs(15))),
        ["publish b", "unwatch cluster a", "unwatch endpoints a"]
    );

    let mut harness = Harness::with_config();
    assert_eq!(
        harness.set(listener("other")),
        ["watch route configuration other"]
    );
    assert!(harness.fail(R, "other", down()).is_empty());
    let deleted = harness.fail(R, "other", ResourceErrorKind::Deleted);
    assert!(deleted[0].starts_with("fail: "), "{deleted:?}");
}

/// Nothing is held back where something newer can come all the same: from a control plane that is
/// reached, for a host name, or where nothing is in force.
#[test]
fn xds_4_1_an_outage_of_a_part_holds_nothing_back() {
    let down = || ResourceErrorKind::Unreachable("plane: refused".into());
    let other = "xdstp://other/envoy.config.cluster.v3.Cluster/b";
    let mut harness = Harness::with_config();
    harness.set(routes(&["a", other]));
    let line = format!("publish a {other}");
    assert_eq!(harness.fail(C, other, down()), [line]);

    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["a"]));
    harness.set(logical_dns("a", "db.test"));
    let found = Ok(endpoint("192.0.2.1:443"));
    harness.manager.handle_resolved(&host("db.test"), found);
    assert_eq!(harness.outputs(), ["publish a"]);
    harness.set(routes(&["a", "b"]));
    assert_eq!(harness.fail(C, "b", down()), ["publish a b"]);
    // It is in force with its error now.
    harness.set(routes(&["b"]));
    assert!(harness.error("b").contains("cannot be had"));

    let mut harness = Harness::new();
    let failed = harness.fail(L, "orders", down());
    assert!(failed[0].starts_with("fail for now: "), "{failed:?}");
}

/// "Cluster changed(error): that cluster alone fails."
#[test]
fn xds_4_1_an_error_of_a_cluster_is_that_of_its_calls() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["a", "b"]));
    harness.set(eds("a"));
    harness.set(endpoints("a"));
    assert_eq!(
        harness.fail(C, "b", ResourceErrorKind::Deleted),
        ["publish a b"]
    );
    assert_eq!(
        harness.error("b"),
        r#"cluster "b" does not exist: deleted by the server; xDS node "node-1""#
    );
    assert_eq!(harness.note("a"), r#"xDS node "node-1""#);
}

/// "EDS error without value: no endpoints + note."
#[test]
fn xds_4_1_an_error_of_endpoints_leaves_the_cluster_without_any() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["a"]));
    harness.set(eds("a"));
    let error = ResourceErrorKind::NotSent(Duration::from_secs(15));
    assert_eq!(harness.fail(E, "a", error), ["publish a"]);
    let Ok(resolved) = &harness.config().clusters["a"] else {
        panic!("the cluster itself has no error");
    };
    let ResolvedCluster::Leaf { endpoints, .. } = &**resolved else {
        panic!("not a leaf");
    };
    let missing = LeafEndpoints::Missing(r#"endpoints "a" was not sent within 15 s"#.into());
    assert_eq!(*endpoints, missing);
}

/// "LDS or RDS changed(error), socket listener, no virtual host: the resolver's error (4.8) replaces
/// everything."
#[test]
fn xds_4_1_an_error_of_listener_or_routes_replaces_everything() {
    let node = r#"; xDS node "node-1""#;
    let mut harness = Harness::with_config();
    assert_eq!(
        harness.fail(R, "routes", ResourceErrorKind::Deleted),
        [
            format!(
                r#"fail: route configuration "routes" does not exist: deleted by the server{node}"#
            ),
            "unwatch cluster a".to_owned(),
            "unwatch endpoints a".to_owned(),
        ]
    );
    assert_eq!(
        harness.fail(L, "orders", ResourceErrorKind::Deleted),
        [
            format!(r#"fail: listener "orders" does not exist: deleted by the server{node}"#),
            "unwatch route configuration routes".to_owned(),
        ]
    );
    let for_servers = Resource::Listener(Arc::new(Listener {
        name: "orders".into(),
        api: None,
    }));
    assert_eq!(
        harness.set(for_servers),
        [format!(
            r#"fail: listener "orders" is for servers: it has no api_listener{node}"#
        )]
    );
    let other = RouteSource::Inline(Arc::new(route_configuration("others", &["a"])));
    let failed = harness.set(listener_with(other));
    let start = r#"fail: route configuration "routes" has no virtual host for "orders""#;
    assert!(
        matches!(&failed[..], [line] if line.starts_with(start) && line.ends_with(node)),
        "{failed:?}"
    );
}

/// A failure ends with the resource that mends it.
#[test]
fn xds_4_1_a_failure_ends_with_a_whole_configuration() {
    let mut harness = Harness::with_config();
    harness.fail(L, "orders", ResourceErrorKind::Deleted);
    assert_eq!(
        harness.set(listener("routes")),
        ["watch route configuration routes"]
    );
    assert_eq!(harness.set(routes(&["a"])), ["watch cluster a"]);
    assert_eq!(harness.set(eds("a")), ["watch endpoints a"]);
    assert_eq!(harness.set(endpoints("a")), ["publish a"]);
}

/// "Note of a leaf: ambient errors of LDS, RDS and its own CDS, EDS, joined by `; `; if none
/// `xDS node "{id}"`."
#[test]
fn xds_4_1_ambient_errors_are_in_the_note() {
    let mut harness = Harness::with_config();
    assert_eq!(harness.note("a"), r#"xDS node "node-1""#);
    let down = || Some(ResourceErrorKind::Unreachable("plane: refused".into()));
    assert_eq!(harness.ambient(L, "orders", down()), ["publish a"]);
    assert_eq!(harness.ambient(E, "a", down()), ["publish a"]);
    assert_eq!(
        harness.note("a"),
        r#"listener "orders" cannot be had: plane: refused; endpoints "a" cannot be had: plane: refused; xDS node "node-1""#
    );
    assert_eq!(harness.ambient(L, "orders", None), ["publish a"]);
    assert_eq!(harness.ambient(E, "a", None), ["publish a"]);
    assert_eq!(harness.note("a"), r#"xDS node "node-1""#);
}

/// "A cluster that stays keeps its subchannels (unchanged config and endpoints: no update reaches the leaf
/// policies)."
#[test]
fn xds_4_9_what_did_not_change_is_shared() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["a", "b"]));
    harness.set(eds("a"));
    harness.set(eds("b"));
    harness.set(endpoints("a"));
    harness.set(endpoints("b"));
    let old = Arc::clone(harness.config());
    assert_eq!(
        harness.set(dropping_endpoints("b", "overload")),
        ["publish a b"]
    );
    let entry = |config: &XdsConfig, name| config.clusters[name].clone().expect("a cluster");
    let new = harness.config();
    assert!(Arc::ptr_eq(&entry(&old, "a"), &entry(new, "a")));
    assert!(!Arc::ptr_eq(&entry(&old, "b"), &entry(new, "b")));
    // Equal values change nothing, though they were decoded again.
    let config = Arc::clone(new);
    assert!(harness.set(listener("routes")).is_empty());
    assert!(harness.set(routes(&["a", "b"])).is_empty());
    assert!(harness.set(endpoints("a")).is_empty());
    harness.ambient(E, "a", Some(ResourceErrorKind::Deleted));
    harness.ambient(E, "a", None);
    assert_eq!(*harness.config(), config);
}

/// "For LOGICAL_DNS a resolution of ours." "DNS error: as EDS if there was no list, else the list stays."
#[test]
fn xds_4_1_logical_dns_is_resolved() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["a"]));
    assert_eq!(
        harness.set(logical_dns("a", "db.test")),
        ["resolve db.test:443"]
    );
    let name = host("db.test");
    let failed = || Err(Arc::from("no such name"));
    harness.manager.handle_resolved(&name, failed());
    assert_eq!(harness.outputs(), ["publish a"]);
    let found = endpoint("192.0.2.1:443");
    harness
        .manager
        .handle_resolved(&name, Ok(Arc::clone(&found)));
    assert_eq!(harness.outputs(), ["publish a"]);
    harness.manager.handle_resolved(&name, failed());
    assert_eq!(harness.outputs(), ["publish a"]);
    let resolved = harness.config().clusters["a"].clone().expect("a cluster");
    let ResolvedCluster::Leaf {
        endpoints: found_endpoints,
        note,
        ..
    } = &*resolved
    else {
        panic!("not a leaf");
    };
    assert_eq!(*found_endpoints, LeafEndpoints::LogicalDns(Some(found)));
    assert_eq!(
        &**note,
        r#"host name "db.test:443": no such name; xDS node "node-1""#
    );
    assert_eq!(
        harness.set(eds("a")),
        ["watch endpoints a"],
        "the name is needed until the endpoints are there"
    );
    assert_eq!(
        harness.set(endpoints("a")),
        ["publish a", "stop resolving db.test:443"]
    );
}
