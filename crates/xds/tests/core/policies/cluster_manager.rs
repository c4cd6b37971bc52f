//! xds.md 4.5, "cluster_manager": a child for each cluster that a call can have.

use trunkline_lb::ConnectivityState::{Connecting, Ready, TransientFailure};
use trunkline_lb::testing::refused;
use trunkline_lb::{OldList, Pick};
use trunkline_status::Code;

use super::support::{Tree, cluster, leaf, xds_config};
use crate::values::load_reporting;

fn two_clusters(tree: &mut Tree) {
    tree.update([
        ("a", leaf(cluster("a"), "z 10.0.0.1:443")),
        ("b", leaf(cluster("b"), "z 10.0.0.2:443")),
    ]);
}

/// A call is left to the policy of its cluster, whatever the state of that and of the others is.
#[test]
fn xds_4_5_picks_by_cluster() {
    let mut tree = Tree::new();
    two_clusters(&mut tree);
    assert_eq!(tree.channel.state(), Connecting);
    tree.channel.ready("10.0.0.1:443");
    assert_eq!(tree.channel.state(), Ready);
    assert_eq!(tree.picked("a"), "10.0.0.1:443");
    assert_eq!(tree.pick("b"), Pick::Queue);

    tree.channel.fail("10.0.0.2:443");
    assert_eq!(tree.channel.state(), Ready);
    assert_eq!(tree.picked("a"), "10.0.0.1:443");
    assert!(tree.error("b").contains("connection refused"));
}

/// The state is that of all clusters together, and a failure lasts until the cluster is ready.
#[test]
fn xds_4_5_state_is_aggregated() {
    let mut tree = Tree::new();
    two_clusters(&mut tree);
    tree.channel.states();
    tree.channel.set("10.0.0.1:443", refused());
    assert_eq!(tree.channel.state(), Connecting);
    tree.channel.set("10.0.0.2:443", refused());
    assert_eq!(tree.channel.state(), TransientFailure);
    tree.channel.idle("10.0.0.1:443");
    assert_eq!(tree.channel.state(), TransientFailure);
    tree.channel.ready("10.0.0.1:443");
    assert_eq!(tree.channel.state(), Ready);
}

/// A cluster that was never there is a fault of this side: `INTERNAL`, and no wait.
#[test]
fn xds_4_5_unknown_cluster() {
    let mut tree = Tree::new();
    two_clusters(&mut tree);
    let Pick::Drop(status) = tree.pick("c") else {
        panic!("the call is dropped");
    };
    assert_eq!(status.code(), Code::Internal);
    let Pick::Drop(status) = tree.channel.pick() else {
        panic!("a call without a cluster is dropped");
    };
    assert_eq!(status.code(), Code::Internal);
}

/// A cluster stays while the configuration names it. Afterwards its connections are closed, and its calls
/// do not wait: `UNAVAILABLE`.
#[test]
fn xds_4_5_removed_cluster() {
    let mut tree = Tree::new();
    two_clusters(&mut tree);
    tree.connect_all();
    tree.update([("a", leaf(cluster("a"), "z 10.0.0.1:443"))]);
    assert_eq!(tree.channel.addresses(), "10.0.0.1:443");
    let Pick::Drop(status) = tree.pick("b") else {
        panic!("the call is dropped");
    };
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("\"b\""), "{status}");
    assert_eq!(tree.picked("a"), "10.0.0.1:443");

    // It comes back as a new one.
    two_clusters(&mut tree);
    assert_eq!(tree.pick("b"), Pick::Queue);
    tree.connect_all();
    assert_eq!(tree.picked("b"), "10.0.0.2:443");
}

/// Without clusters, the selector fails all calls. The failure of the resolver itself fails them too.
#[test]
fn xds_4_1_without_clusters() {
    let mut tree = Tree::new();
    tree.channel.resolver_error("no bootstrap", OldList::Keep);
    assert_eq!(tree.channel.error(), "no bootstrap");
    tree.update([]);
    assert_eq!(tree.channel.state(), TransientFailure);
    two_clusters(&mut tree);
    assert_eq!(tree.channel.state(), Connecting);
    tree.connect_all();
    tree.channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(tree.picked("a"), "10.0.0.1:443");
}

/// A cluster that the configuration has, and no route names, has no policy.
#[test]
fn xds_4_5_only_named_clusters() {
    let mut tree = Tree::new();
    let config = xds_config([
        ("a", leaf(cluster("a"), "z 10.0.0.1:443")),
        ("b", leaf(cluster("b"), "z 10.0.0.2:443")),
    ]);
    tree.update_named(&config, |name| name == "a");
    assert_eq!(tree.channel.addresses(), "10.0.0.1:443");
}

/// A pick by cluster takes no lock and allocates nothing, neither does the end of its attempt.
#[test]
fn xds_9_a_pick_allocates_nothing() {
    use http::HeaderMap;
    use trunkline_lb::{AttemptOutcome, PickRequest};
    use trunkline_status::Status;
    use trunkline_xds::core::resources::{DropCategory, Fraction};

    let mut tree = Tree::new();
    let mut reported = cluster("a");
    reported.load_reporting = Some(load_reporting());
    let mut endpoints = super::support::eds("a-eds", "z 10.0.0.1:443 10.0.0.2:443");
    endpoints.drops.push(DropCategory {
        category: "half".into(),
        share: Fraction::from_millionths(500_000),
    });
    let endpoints = trunkline_xds::core::LeafEndpoints::Eds(endpoints.into());
    tree.update([
        ("a", super::support::with_endpoints(reported, endpoints)),
        ("b", leaf(cluster("b"), "z 10.0.0.3:443")),
    ]);
    tree.connect_all();
    let picker = tree.channel.picker();
    let metadata = HeaderMap::new();
    let attributes = super::support::call_to("a");
    let status = Status::new(Code::Ok, "");
    let call = || {
        let request = PickRequest::new("/s/m", &metadata).with_attributes(&attributes);
        match picker.pick(&request) {
            Pick::Subchannel(id) => {
                let tracker = picker.tracker().expect("calls in flight are counted");
                tracker.attempt_ended(id, &AttemptOutcome::new(&status).with_sent(true));
                true
            }
            Pick::Drop(_) => false,
            other => panic!("expected a subchannel or a drop, found {other:?}"),
        }
    };
    call();
    let mut sent = 0;
    let info = allocation_counter::measure(|| sent = (0..100).filter(|_| call()).count());
    assert!((20..80).contains(&sent), "{sent}");
    assert_eq!(info.count_total, 0);
}
