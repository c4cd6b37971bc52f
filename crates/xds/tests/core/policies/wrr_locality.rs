//! xds.md 4.5, "wrr_locality / weighted_target": calls are shared among localities by weight.

use super::support::{Tree, cluster, leaf};

/// Localities share the calls by their weights, and the endpoints of each by its own policy.
#[test]
fn xds_4_5_weights_of_localities() {
    let mut tree = Tree::new();
    let list = "a*3 10.0.0.1:443 10.0.0.2:443, b 10.0.0.3:443";
    tree.update([("c", leaf(cluster("c"), list))]);
    tree.connect_all();
    let shares = tree.shares("c", 80);
    assert_eq!(shares, "10.0.0.1:443 30, 10.0.0.2:443 30, 10.0.0.3:443 20");
}

/// Only localities that are ready are drawn.
#[test]
fn xds_4_5_only_ready_localities() {
    let mut tree = Tree::new();
    let list = "a*3 10.0.0.1:443, b 10.0.0.2:443";
    tree.update([("c", leaf(cluster("c"), list))]);
    tree.channel.ready("10.0.0.2:443");
    assert_eq!(tree.shares("c", 8), "10.0.0.2:443 8");
    tree.channel.fail("10.0.0.1:443");
    assert_eq!(tree.shares("c", 8), "10.0.0.2:443 8");
}

/// xds.md 4.9: another weight of a locality, or a locality more, reconnects nothing.
///
/// xds.md 4.5: "a removed child is kept 15 min": a locality that comes back has its connections.
#[test]
fn xds_4_9_weights_never_reconnect() {
    let mut tree = Tree::new();
    let mut update = |list: &str| tree_update(&mut tree, list);
    assert_eq!(
        update("a 10.0.0.1:443, b 10.0.0.2:443"),
        ("10.0.0.1:443 10.0.0.2:443".into(), 0)
    );
    assert_eq!(
        update("a*3 10.0.0.1:443, b 10.0.0.2:443"),
        (String::new(), 0)
    );
    assert_eq!(
        update("a*3 10.0.0.1:443, b 10.0.0.2:443, d*4 10.0.0.3:443"),
        ("10.0.0.3:443".into(), 0)
    );
    assert_eq!(
        update("a*3 10.0.0.1:443, d*4 10.0.0.3:443"),
        (String::new(), 0)
    );
    assert_eq!(
        update("a*3 10.0.0.1:443, b*5 10.0.0.2:443, d*4 10.0.0.3:443"),
        (String::new(), 0)
    );
    assert_eq!(
        update("a*3 10.0.0.1:443, d*4 10.0.0.3:443"),
        (String::new(), 0)
    );
    assert_eq!(tree.shares("c", 70), "10.0.0.1:443 30, 10.0.0.3:443 40");
}

/// Hands over a list. Returns what was dialled, and how many subchannels were removed.
fn tree_update(tree: &mut Tree, list: &str) -> (String, usize) {
    let removed = tree.channel.removed.len();
    tree.update([("c", leaf(cluster("c"), list))]);
    let dialled = tree.channel.dialled();
    tree.connect_all();
    (dialled, tree.channel.removed.len() - removed)
}
