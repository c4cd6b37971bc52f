//! The configurations of the policies as JSON.

use serde_json::{Value, json};
use std::num::NonZeroU32;
use trunkline_service_config::{PolicyChoice, PolicyConfig};
use trunkline_xds::core::resources::{DropCategory, Fraction};
use trunkline_xds::policies::{
    CdsConfig, ClusterImplConfig, ClusterManagerConfig, WrrLocalityConfig,
};

use super::support::{choice, options};

#[track_caller]
fn check(name: &str, config: Value, expected: &dyn PolicyConfig) {
    let parsed = choice(name, config).config;
    assert!(parsed.equals(expected), "{parsed:?} is not {expected:?}");
}

#[track_caller]
fn check_error(name: &str, config: Value, expected: &str) {
    let policies = options(1).policies;
    let error = PolicyChoice::parse(&json!([{ name: config }]), &policies);
    assert_eq!(error.expect_err("an error").to_string(), expected);
}

#[test]
fn cds() {
    let name = "cds_experimental";
    check(name, json!({ "cluster": "c" }), &CdsConfig::new("c"));
    let dynamic = CdsConfig::new("c").with_dynamic(true);
    check(name, json!({ "cluster": "c", "isDynamic": true }), &dynamic);
    check_error(name, json!({}), "[0].cds_experimental.cluster: is missing");
}

#[test]
fn cluster_manager() {
    let name = "xds_cluster_manager_experimental";
    let cds = |cluster: &str| json!([{ "cds_experimental": { "cluster": cluster } }]);
    let config = json!({ "children": {
        "cluster:a": { "childPolicy": cds("a") },
        "cluster:b": { "childPolicy": cds("b") },
    } });
    let expected = ClusterManagerConfig::of_clusters(["a".into(), "b".into()]);
    check(name, config, &expected);
    let other = json!({ "children": { "plugin": { "childPolicy": cds("a") } } });
    let child = choice("cds_experimental", json!({ "cluster": "a" }));
    check(
        name,
        other,
        &ClusterManagerConfig::default().with_child("plugin", child),
    );
}

#[test]
fn wrr_locality() {
    let child = json!([{ "round_robin": {} }]);
    let expected = WrrLocalityConfig::new(choice("round_robin", json!({})));
    check(
        "xds_wrr_locality_experimental",
        json!({ "childPolicy": child }),
        &expected,
    );
}

#[test]
fn cluster_impl() {
    let name = "xds_cluster_impl_experimental";
    let child = json!([{ "round_robin": {} }]);
    let round_robin = || choice("round_robin", json!({}));
    let least = json!({ "cluster": "c", "childPolicy": child });
    let expected = ClusterImplConfig::new("c", round_robin());
    assert_eq!(expected.max_requests, 1024);
    check(name, least, &expected);
    let most = json!({
        "cluster": "c",
        "edsServiceName": "e",
        "maxConcurrentRequests": 3,
        "maxConnectionsPerHost": 4,
        "dropCategories": [{ "category": "throttle", "requestsPerMillion": 500_000 }],
        "childPolicy": child,
    });
    let drop = DropCategory {
        category: "throttle".into(),
        share: Fraction::from_millionths(500_000),
    };
    let expected = ClusterImplConfig::new("c", round_robin())
        .with_service_name("e")
        .with_max_requests(3)
        .with_max_connections_per_host(NonZeroU32::new(4))
        .with_drops(vec![drop]);
    check(name, most, &expected);
}
