//! What the policies show of themselves.

use trunkline_lb::{FactValue, Policy, PolicyNode};

use super::support::{Tree, cluster, leaf};

fn node<'a>(root: &'a PolicyNode, policy: &str) -> &'a PolicyNode {
    let mut nodes = root.iter();
    nodes.find(|node| node.policy == policy).expect("a node")
}

/// Each policy shows its cluster, its localities and its limits.
#[test]
fn facts() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.1:443, b 10.0.0.2:443"))]);
    tree.connect_all();
    tree.picked("c");
    let root = tree.channel.policy.inspect(tree.channel.now);
    let facts = |policy: &str| node(&root, policy).facts.to_string();
    assert_eq!(root.children[0].name, "c");
    assert_eq!(facts("cds_experimental"), "cluster c");
    assert_eq!(facts("xds_wrr_locality_experimental"), "localities 2");
    assert_eq!(
        facts("xds_cluster_impl_experimental"),
        "calls_in_flight 1, cluster c, dropped_by_limit 0, endpoints c-eds, max_requests 1024, \
         reports_load false"
    );
    let priority = node(&root, "priority_experimental");
    let chosen = FactValue::from("priority-0-0");
    assert_eq!(priority.facts.get("chosen"), Some(&chosen));
}
