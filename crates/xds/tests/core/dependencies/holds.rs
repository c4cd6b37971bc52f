//! Clusters that calls, selectors or policies hold.

use std::sync::Arc;

use trunkline_xds::core::resources::ClusterKind;

use super::support::{Harness, aggregate, cluster, dropping_endpoints, eds, endpoints, routes};

/// "A hold on the cluster": calls and selectors of before keep a cluster that no route names any more.
#[test]
fn xds_4_2_a_held_cluster_stays_until_it_is_released() {
    let mut harness = Harness::with_config();
    let held = Arc::from("a");
    harness.manager.handle_hold(&held);
    harness.manager.handle_hold(&held);
    harness.set(routes(&["b"]));
    harness.set(eds("b"));
    assert_eq!(harness.set(endpoints("b")), ["publish a b"]);
    harness.manager.handle_release("a");
    assert!(harness.outputs().is_empty());
    harness.manager.handle_release("a");
    assert_eq!(
        harness.outputs(),
        ["publish b", "unwatch cluster a", "unwatch endpoints a"]
    );
}

/// A cluster that only calls hold is not waited for: they go on with its last endpoints.
#[test]
fn xds_4_2_a_held_cluster_is_not_waited_for() {
    let mut harness = Harness::with_config();
    harness.manager.handle_hold(&Arc::from("a"));
    harness.set(routes(&["b"]));
    harness.set(eds("b"));
    harness.set(endpoints("b"));
    let old = harness.config().clusters["a"].clone();
    let moved = ClusterKind::Eds {
        service_name: "elsewhere".into(),
    };
    assert_eq!(
        harness.set(cluster("a", moved)),
        ["watch endpoints elsewhere", "unwatch endpoints a"]
    );
    assert_eq!(harness.config().clusters["a"], old);
    assert_eq!(harness.set(endpoints("elsewhere")), ["publish a b"]);
}

/// "A dynamic cluster that is not yet there does not hold it back."
#[test]
fn xds_4_1_a_cluster_that_a_policy_asks_for_is_added_when_it_is_there() {
    let mut harness = Harness::with_config();
    harness.manager.handle_hold(&Arc::from("dynamic"));
    assert_eq!(harness.outputs(), ["watch cluster dynamic"]);
    assert!(harness.manager.awaited().is_empty());
    assert_eq!(
        harness.set(dropping_endpoints("a", "overload")),
        ["publish a"]
    );
    assert_eq!(harness.set(eds("dynamic")), ["watch endpoints dynamic"]);
    assert_eq!(harness.set(endpoints("dynamic")), ["publish a dynamic"]);
    // Calls that hold a cluster of the configuration change nothing.
    harness.manager.handle_hold(&Arc::from("a"));
    assert!(harness.outputs().is_empty());
    harness.manager.handle_release("dynamic");
    assert_eq!(
        harness.outputs(),
        [
            "publish a",
            "unwatch cluster dynamic",
            "unwatch endpoints dynamic"
        ]
    );
}

/// A leaf of an aggregate that a call names by itself is in the configuration from then on.
#[test]
fn xds_4_2_an_aggregate_that_calls_hold_stays_whole() {
    let mut harness = Harness::with_config();
    harness.set(routes(&["a", "top"]));
    harness.set(aggregate("top", &["b"]));
    harness.set(eds("b"));
    assert_eq!(harness.set(endpoints("b")), ["publish a b top"]);
    harness.manager.handle_hold(&Arc::from("top"));
    // No route names it any more, so its new leaf is not waited for.
    assert!(
        harness
            .set(routes(&["a"]))
            .iter()
            .any(|line| line == "publish a b top")
    );
    harness.set(aggregate("top", &["c"]));
    harness.set(eds("c"));
    assert_eq!(harness.leaves("top"), ["b"]);
    assert!(harness.config().clusters.contains_key("b"));
    assert_eq!(harness.set(endpoints("c")), ["publish a c top"]);
    assert_eq!(harness.leaves("top"), ["c"]);
}

/// The last endpoints of a cluster stay with the calls that hold it, whatever the control plane removes.
#[test]
fn xds_4_2_a_held_cluster_whose_kind_changes_keeps_its_endpoints() {
    let mut harness = Harness::with_config();
    harness.manager.handle_hold(&Arc::from("a"));
    harness.set(routes(&["b"]));
    harness.set(eds("b"));
    harness.set(endpoints("b"));
    let old = harness.config().clusters["a"].clone();
    harness.set(aggregate("a", &["c"]));
    assert_eq!(harness.config().clusters["a"], old);
    harness.set(eds("c"));
    assert_eq!(harness.set(endpoints("c")), ["publish a b c"]);
    assert_eq!(harness.leaves("a"), ["c"]);
}
