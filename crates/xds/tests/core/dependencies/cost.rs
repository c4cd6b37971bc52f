//! What an update costs.

use super::support::{Harness, dropping_endpoints, eds, endpoints, listener, routes};

/// An update of one cluster's endpoints makes one cluster: the others are shared. Of the 500 clusters here,
/// only the list of their names and entries is copied, in blocks of several each.
#[test]
fn xds_4_1_an_update_makes_only_what_has_changed() {
    let names: Vec<String> = (0..500).map(|at| format!("c{at:03}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut harness = Harness::new();
    harness.set(listener("routes"));
    harness.set(routes(&all));
    for name in &all {
        harness.set(eds(name));
        harness.set(endpoints(name));
    }
    assert_eq!(harness.config().clusters.len(), 500);
    let update = dropping_endpoints("c250", "overload");
    let name = update.name().clone();
    let kind = update.resource_type();
    let mut published = None;
    let cost = allocation_counter::measure(|| {
        harness.manager.handle_changed(kind, &name, Ok(update));
        published = harness.manager.poll_output();
        assert!(harness.manager.poll_output().is_none());
    });
    assert!(published.is_some());
    assert!(cost.count_total < 250, "{} allocations", cost.count_total);
}
