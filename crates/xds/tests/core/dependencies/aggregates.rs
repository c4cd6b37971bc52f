//! Clusters of other clusters.

use trunkline_xds::core::ResourceErrorKind;

use super::support::{C, Harness, aggregate, eds, endpoints, listener, routes};

/// "Aggregate: depth-first leaves, duplicates: first; a cycle adds nothing."
#[test]
fn xds_4_5_leaves_of_an_aggregate_are_depth_first() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["top"]));
    assert_eq!(
        harness.set(aggregate("top", &["inner", "a"])),
        ["watch cluster a", "watch cluster inner"]
    );
    harness.set(aggregate("inner", &["b", "top", "a"]));
    harness.set(eds("a"));
    harness.set(eds("b"));
    harness.set(endpoints("a"));
    assert_eq!(harness.set(endpoints("b")), ["publish a b top"]);
    assert_eq!(harness.leaves("top"), ["b", "a"]);
}

/// "A child that does not exist or has an error is skipped." "No leaf at all: error of the whole."
#[test]
fn xds_4_5_clusters_with_errors_are_skipped() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["top"]));
    harness.set(aggregate("top", &["a", "b"]));
    harness.set(eds("b"));
    harness.set(endpoints("b"));
    assert_eq!(
        harness.fail(C, "a", ResourceErrorKind::Deleted),
        ["publish b top"]
    );
    assert_eq!(harness.leaves("top"), ["b"]);
    harness.fail(C, "b", ResourceErrorKind::Deleted);
    assert_eq!(
        harness.error("top"),
        r#"aggregate cluster "top" has no usable cluster ("a" does not exist: deleted by the server, "b" does not exist: deleted by the server); xDS node "node-1""#
    );
}

/// "Depth > 16: error of the whole." The clusters of a way are counted, the one of the route and the leaf
/// included, as grpc-go and C-core do.
#[test]
fn xds_4_5_aggregates_are_nested_16_deep_at_most() {
    let chain = |length: usize| {
        let mut harness = Harness::new();
        harness.set(listener("routes"));
        harness.set(routes(&["c0"]));
        for depth in 0..length {
            let below = format!("c{}", depth + 1);
            harness.set(aggregate(&format!("c{depth}"), &[&below]));
        }
        let leaf = format!("c{length}");
        harness.set(eds(&leaf));
        harness.set(endpoints(&leaf));
        harness
    };
    assert_eq!(chain(15).leaves("c0"), ["c15"]);
    assert_eq!(
        chain(16).error("c0"),
        r#"aggregate cluster "c0" is nested deeper than 16; xDS node "node-1""#
    );
}

/// Clusters that name each other in all ways cost no more than their number.
#[test]
fn xds_4_5_work_is_bounded_whatever_clusters_name() {
    let names: Vec<String> = (0..200).map(|at| format!("c{at:03}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&all[..1]));
    for name in &all {
        harness.set(aggregate(name, &all));
    }
    // Depth first, each of them is below the one before it.
    assert!(harness.error("c000").contains("is nested deeper than 16"));
}

/// The nesting of one cluster does not take the leaves of another: `c15`, which is as deep as can be below
/// `c0`, is an aggregate of its own too.
#[test]
fn xds_4_5_the_depth_counts_from_each_cluster_of_a_route() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["c0", "c15"]));
    for depth in 0..15 {
        let below = format!("c{}", depth + 1);
        harness.set(aggregate(&format!("c{depth}"), &[&below]));
    }
    assert_eq!(
        harness.set(aggregate("c15", &["leaf"])),
        ["watch cluster leaf"]
    );
    assert_eq!(harness.set(eds("leaf")), ["watch endpoints leaf"]);
    assert_eq!(harness.set(endpoints("leaf")), ["publish c0 c15 leaf"]);
    assert_eq!(harness.leaves("c15"), ["leaf"]);
    assert_eq!(
        harness.error("c0"),
        r#"aggregate cluster "c0" is nested deeper than 16; xDS node "node-1""#
    );
}

/// The leaves of such a cluster are watched also when calls hold it, and no route names it.
#[test]
fn xds_4_5_the_depth_counts_from_each_cluster_that_calls_hold() {
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&["c0"]));
    for depth in 0..15 {
        let below = format!("c{}", depth + 1);
        harness.set(aggregate(&format!("c{depth}"), &[&below]));
    }
    harness.set(aggregate("c15", &["leaf"]));
    harness.manager.handle_hold(&"c15".into());
    assert_eq!(harness.outputs(), ["watch cluster leaf"]);
}
