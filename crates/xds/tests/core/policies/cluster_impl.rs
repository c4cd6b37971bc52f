//! xds.md 4.6: drops and limits.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::Arc;

use http::HeaderMap;
use http::uri::Authority;
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{AttemptOutcome, ConnectivityState, Pick, PickRequest};
use trunkline_status::{Code, Status};
use trunkline_xds::core::resources::{Cluster, DropCategory, Fraction};
use trunkline_xds::core::{AutoHostRewrite, ClusterEntry, ClusterTotals, Hostname, LeafEndpoints};
use trunkline_xds::policies::{ClusterCounters, ClusterManager};

use super::support::{Tree, call_to, cluster, eds, leaf, with_endpoints};
use crate::values::load_reporting;

/// Returns the cluster `c` with a limit, whose loads are reported.
fn limited(max_requests: u32) -> Cluster {
    Cluster {
        max_requests,
        load_reporting: Some(load_reporting()),
        ..cluster("c")
    }
}

/// Returns the cluster `c` with one backend and these categories of drops, in percent.
fn dropping(drops: &[(&str, u64)]) -> ClusterEntry {
    let mut endpoints = eds("c-eds", "z 10.0.0.1:443");
    endpoints.drops = drops
        .iter()
        .map(|(category, percent)| DropCategory {
            category: (*category).into(),
            share: Fraction::from_millionths(percent * 10_000),
        })
        .collect();
    with_endpoints(limited(1024), LeafEndpoints::Eds(endpoints.into()))
}

/// Ends a call to a backend.
fn end(channel: &FakeChannel<ClusterManager>, address: &str, code: Code) {
    let status = Status::new(code, "");
    channel.end_attempt(address, AttemptOutcome::new(&status).with_sent(true));
}

fn totals(tree: &Tree) -> ClusterTotals {
    let totals = tree.load_store().totals();
    assert_eq!(totals.len(), 1);
    totals.into_iter().next().expect("one cluster")
}

fn dropped(pick: Pick) -> String {
    match pick {
        Pick::Drop(status) => status.to_string(),
        other => panic!("expected a drop, found {other:?}"),
    }
}

/// Each category drops its share, one after the other, and counts its calls.
#[test]
fn xds_4_6_a_drops_by_category() {
    let mut tree = Tree::new();
    tree.update([("c", dropping(&[("never", 0), ("half", 50), ("all", 100)]))]);
    tree.connect_all();
    let mut half = 0;
    for _ in 0..1000 {
        let error = dropped(tree.pick("c"));
        if error.contains("\"half\"") {
            half += 1;
            assert_eq!(
                error,
                "UNAVAILABLE: dropped by overload policy \"half\" of cluster \"c\"; xDS node \"n\""
            );
        } else {
            assert!(error.contains("\"all\""), "{error}");
        }
    }
    assert!((400..600).contains(&half), "{half}");
    let totals = totals(&tree);
    let dropped: Vec<_> = totals
        .dropped
        .iter()
        .map(|(name, count)| (&**name, *count))
        .collect();
    assert_eq!(
        dropped,
        [("all", 1000 - half), ("half", half), ("never", 0)]
    );
    assert_eq!(totals.dropped_by_limit, 0);
    assert!(
        totals
            .localities
            .values()
            .all(|locality| locality.issued == 0)
    );
}

/// Calls that wait for a connection are not drawn.
#[test]
fn xds_4_6_a_only_if_the_child_is_ready() {
    let mut tree = Tree::new();
    tree.update([("c", dropping(&[("all", 100)]))]);
    assert_eq!(tree.pick("c"), Pick::Queue);
    tree.channel.fail("10.0.0.1:443");
    assert!(matches!(tree.pick("c"), Pick::Fail(_)));
    tree.channel.idle("10.0.0.1:443");
    tree.connect_all();
    dropped(tree.pick("c"));
}

/// The limit is exact, an end makes room, and a call over it is counted without a category.
#[test]
fn xds_4_6_b_max_requests() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(limited(2), "z 10.0.0.1:443"))]);
    tree.connect_all();
    let address = "10.0.0.1:443";
    assert_eq!(tree.picked("c"), address);
    assert_eq!(tree.picked("c"), address);
    assert_eq!(
        dropped(tree.pick("c")),
        "UNAVAILABLE: 2 calls in flight to cluster \"c\", the most allowed; xDS node \"n\""
    );
    end(&tree.channel, address, Code::Internal);
    assert_eq!(tree.picked("c"), address);
    dropped(tree.pick("c"));
    assert_eq!(totals(&tree).dropped_by_limit, 2);
}

/// Calls that wait or fail do not count as calls in flight.
#[test]
fn xds_4_6_counted_from_a_successful_pick() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(limited(1), "z 10.0.0.1:443"))]);
    for _ in 0..3 {
        assert_eq!(tree.pick("c"), Pick::Queue);
    }
    tree.channel.fail("10.0.0.1:443");
    for _ in 0..3 {
        assert!(matches!(tree.pick("c"), Pick::Fail(_)));
    }
    tree.channel.idle("10.0.0.1:443");
    tree.connect_all();
    assert_eq!(tree.picked("c"), "10.0.0.1:443");
}

/// A new limit is in force for new calls at once, and calls in flight count on.
#[test]
fn xds_4_6_changed_limit() {
    let mut tree = Tree::new();
    let address = "10.0.0.1:443";
    tree.update([("c", leaf(limited(3), "z 10.0.0.1:443"))]);
    tree.connect_all();
    for _ in 0..3 {
        assert_eq!(tree.picked("c"), address);
    }
    tree.update([("c", leaf(limited(2), "z 10.0.0.1:443"))]);
    end(&tree.channel, address, Code::Ok);
    dropped(tree.pick("c"));
    tree.update([("c", leaf(limited(4), "z 10.0.0.1:443"))]);
    assert_eq!(tree.picked("c"), address);
    assert_eq!(tree.picked("c"), address);
    dropped(tree.pick("c"));
    assert_eq!(tree.channel.removed, []);
}

/// 3.3.4: each subchannel has the cluster's limit of connections, and a new limit when that changes; no
/// subchannel is replaced (gRFC A105).
#[test]
fn xds_3_3_4_connections_per_host() {
    let at_most = |most| Cluster {
        max_connections_per_host: NonZeroU32::new(most),
        ..cluster("c")
    };
    let limits = |tree: &Tree| -> Vec<Option<u32>> {
        let subchannels = tree.channel.subchannels.values();
        let limits = subchannels.map(|subchannel| subchannel.max_connections);
        limits.map(|most| most.map(NonZeroU32::get)).collect()
    };
    let mut tree = Tree::new();
    let one = "z 10.0.0.1:443";
    tree.update([("c", leaf(at_most(0), one))]);
    tree.connect_all();
    assert_eq!(limits(&tree), [None]);
    tree.update([("c", leaf(at_most(3), one))]);
    assert_eq!(limits(&tree), [Some(3)]);
    tree.update([("c", leaf(at_most(3), "z 10.0.0.1:443 10.0.0.2:443"))]);
    assert_eq!(limits(&tree), [Some(3), Some(3)]);
    tree.update([("c", leaf(at_most(0), "z 10.0.0.1:443 10.0.0.2:443"))]);
    assert_eq!(limits(&tree), [None, None]);
    assert_eq!(tree.channel.removed, []);
}

/// The channels of a pool share a limit; those of another pool have their own.
#[test]
fn xds_4_6_limit_of_a_pool() {
    let pool = ClusterCounters::new();
    let mut trees = [
        Tree::in_pool(&pool),
        Tree::in_pool(&pool),
        Tree::in_pool(&ClusterCounters::new()),
    ];
    for tree in &mut trees {
        tree.update([("c", leaf(limited(2), "z 10.0.0.1:443"))]);
        tree.connect_all();
    }
    let [one, two, other] = &trees;
    one.picked("c");
    two.picked("c");
    dropped(one.pick("c"));
    dropped(two.pick("c"));
    other.picked("c");
    end(&two.channel, "10.0.0.1:443", Code::Ok);
    one.picked("c");
}

/// A cluster without endpoints that comes back still counts the calls that began before.
#[test]
fn xds_4_6_calls_outlive_their_policy() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(limited(1), "z 10.0.0.1:443"))]);
    tree.connect_all();
    let before = tree.channel.picker();
    let id = tree.channel.id("10.0.0.1:443");
    tree.picked("c");
    tree.update([("c", Err("cluster \"c\" does not exist".into()))]);
    assert_eq!(tree.channel.state(), ConnectivityState::TransientFailure);
    tree.update([("c", leaf(limited(1), "z 10.0.0.1:443"))]);
    tree.connect_all();
    dropped(tree.pick("c"));
    let status = Status::new(Code::Ok, "");
    let tracker = before.tracker().expect("calls in flight are counted");
    tracker.attempt_ended(id, &AttemptOutcome::new(&status).with_sent(true));
    assert_eq!(tree.picked("c"), "10.0.0.1:443");
}

/// A limit of 0 allows no call.
#[test]
fn xds_4_6_no_call_allowed() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(limited(0), "z 10.0.0.1:443"))]);
    tree.connect_all();
    dropped(tree.pick("c"));
}

/// xds.md 4.7: a call whose route rewrites the authority is addressed to the host name of its endpoint.
#[test]
fn xds_4_7_authority_rewriting() {
    let mut tree = Tree::new();
    let list = |hostname: Option<&str>| {
        let mut endpoints = eds("c-eds", "z 10.0.0.1:443");
        let locality = &mut endpoints.priorities[0][0];
        let named = locality.endpoints.iter().cloned().map(|endpoint| {
            let attributes = endpoint.attributes().clone();
            let attributes = match hostname {
                Some(name) => attributes.with::<Hostname>(name.into()),
                None => attributes,
            };
            endpoint.with_attributes(attributes)
        });
        locality.endpoints = named.collect();
        with_endpoints(cluster("c"), LeafEndpoints::Eds(endpoints.into()))
    };
    let rewritten = |tree: &Tree| {
        let (metadata, slot) = (HeaderMap::new(), Cell::new(None));
        let attributes = call_to("c").with::<AutoHostRewrite>(());
        let request = PickRequest::new("/s/m", &metadata)
            .with_attributes(&attributes)
            .with_authority_slot(&slot);
        assert!(matches!(
            tree.channel.picker().pick(&request),
            Pick::Subchannel(_)
        ));
        slot.take()
            .map(|authority: Authority| authority.to_string())
    };
    tree.update([("c", list(Some("orders.prod:443")))]);
    tree.connect_all();
    assert_eq!(rewritten(&tree).as_deref(), Some("orders.prod:443"));
    // A new name is for new calls, and reconnects nothing. One that is no authority is not used.
    tree.update([("c", list(Some("other.prod")))]);
    assert_eq!(rewritten(&tree).as_deref(), Some("other.prod"));
    for unusable in [Some("no host"), None] {
        tree.update([("c", list(unusable))]);
        assert_eq!(rewritten(&tree), None);
    }
    assert_eq!(tree.channel.removed, []);

    // Without the attribute of the route, nothing is rewritten.
    tree.update([("c", list(Some("orders.prod")))]);
    let (metadata, slot) = (HeaderMap::new(), Cell::new(None));
    let attributes = call_to("c");
    let request = PickRequest::new("/s/m", &metadata)
        .with_attributes(&attributes)
        .with_authority_slot(&slot);
    assert!(matches!(
        tree.channel.picker().pick(&request),
        Pick::Subchannel(_)
    ));
    assert_eq!(slot.take(), None);
}

/// gRFC A89: each pick names the cluster, "regardless of the pick's result", so that failed calls have its
/// label. That of a call which is sent is known from the address of its subchannel.
#[test]
fn a89_picks_without_a_backend_name_the_cluster() {
    let mut tree = Tree::new();
    let named = |tree: &Tree| {
        let (metadata, slot) = (HeaderMap::new(), Cell::new(None));
        let attributes = call_to("c");
        let request = PickRequest::new("/s/m", &metadata)
            .with_attributes(&attributes)
            .with_backend_service_slot(&slot);
        (tree.channel.picker().pick(&request), slot.take())
    };
    let cluster = Some(Arc::from("c"));
    tree.update([("c", leaf(limited(1), "z 10.0.0.1:443"))]);
    assert_eq!(named(&tree), (Pick::Queue, cluster.clone()));
    tree.connect_all();
    let (sent, service) = named(&tree);
    assert!(matches!(sent, Pick::Subchannel(_)), "{sent:?}");
    assert_eq!(service, None);
    let (dropped, service) = named(&tree);
    assert!(matches!(dropped, Pick::Drop(_)), "{dropped:?}");
    assert_eq!(service, cluster);
}
