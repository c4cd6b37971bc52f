//! xds.md 4.5, "cds" and "aggregate", 4.8 and 4.9: the policies of one cluster.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use trunkline_endpoint::{BackendLabels, BackendService, Endpoint};
use trunkline_lb::ConnectivityState::{Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, endpoints};
use trunkline_lb::{
    FailurePercentageEjection, OldList, OutlierDetectionConfig, Pick, Policy, PolicyNode,
};
use trunkline_xds::core::resources::{Cluster, ClusterEndpoints, ClusterKind};
use trunkline_xds::core::{HttpProxy, LeafEndpoints};
use trunkline_xds::policies::{Cds, CdsConfig, SecuredBy};

use super::support::{
    Tree, aggregate, cluster, eds, leaf, options, round_robin, update, with_endpoints, xds_config,
};

/// Returns the names of the policies in a tree, those of the priority that is used only.
fn names(node: &PolicyNode) -> String {
    let mut names = vec![node.policy.to_string()];
    let mut node = node;
    while let Some(child) = node.children.first() {
        node = &child.node;
        names.push(node.policy.to_string());
    }
    names.join(" > ")
}

/// The tree of a leaf, and of an aggregate.
#[test]
fn xds_4_5_tree() {
    const LEAF: &str = "cds_experimental > outlier_detection_experimental > \
        xds_cluster_impl_experimental > priority_experimental > xds_wrr_locality_experimental > \
        weighted_target_experimental > round_robin";
    let mut tree = Tree::new();
    tree.update([
        ("a", leaf(cluster("a"), "z 10.0.0.1:443")),
        ("b", aggregate("b", &["a"])),
    ]);
    let node = tree.channel.policy.inspect(tree.channel.now);
    assert_eq!(node.policy, "xds_cluster_manager_experimental");
    let [a, b] = &node.children[..] else {
        panic!("two clusters, found {node:?}");
    };
    assert_eq!((&*a.name, names(&a.node)), ("a", LEAF.to_owned()));
    let through = format!("cds_experimental > priority_experimental > {LEAF}");
    assert_eq!((&*b.name, names(&b.node)), ("b", through));
}

/// A cluster names its policy. One that shares nothing among localities gets all endpoints of a priority.
#[test]
fn xds_4_5_policy_of_the_cluster() {
    let mut tree = Tree::new();
    let plain = Cluster {
        lb_policy: super::support::choice("round_robin", serde_json::json!({})),
        ..cluster("c")
    };
    tree.update([(
        "c",
        leaf(plain, "a*9 10.0.0.1:443 10.0.0.2:443, b 10.0.0.3:443"),
    )]);
    tree.connect_all();
    let shares = tree.shares("c", 30);
    assert_eq!(shares, "10.0.0.1:443 10, 10.0.0.2:443 10, 10.0.0.3:443 10");
}

/// The second priority is dialled when the first has failed, and left when the first is back.
#[test]
fn xds_4_5_priorities() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.1:443 / b 10.0.0.2:443"))]);
    assert_eq!(tree.channel.dialled(), "10.0.0.1:443");
    tree.channel.fail("10.0.0.1:443");
    assert_eq!(tree.channel.dialled(), "10.0.0.2:443");
    tree.channel.ready("10.0.0.2:443");
    assert_eq!(tree.picked("c"), "10.0.0.2:443");
    tree.channel.idle("10.0.0.1:443");
    tree.connect_all();
    assert_eq!(tree.picked("c"), "10.0.0.1:443");
}

/// A priority that connects for 10 s makes room for the next.
#[test]
fn xds_4_5_failover_timer() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.1:443 / b 10.0.0.2:443"))]);
    tree.channel.advance_millis(9_999);
    assert_eq!(tree.channel.dialled(), "10.0.0.1:443");
    tree.channel.advance_millis(1);
    assert_eq!(tree.channel.dialled(), "10.0.0.2:443");
}

/// xds.md 10.14: localities that move between priorities keep their connections.
#[test]
fn xds_10_14_moved_localities_keep_connections() {
    let mut tree = Tree::new();
    let update = |tree: &mut Tree, list: &str| {
        tree.update([("c", leaf(cluster("c"), list))]);
    };
    update(&mut tree, "a 10.0.0.1:443 / b 10.0.0.2:443");
    tree.channel.fail("10.0.0.1:443");
    tree.channel.ready("10.0.0.2:443");
    tree.channel.idle("10.0.0.1:443");
    tree.channel.ready("10.0.0.1:443");
    assert_eq!(tree.channel.dialled().split(' ').count(), 3);
    let before: Vec<_> = tree.channel.subchannels.keys().copied().collect();

    // They change places.
    update(&mut tree, "b 10.0.0.2:443 / a 10.0.0.1:443");
    assert_eq!(tree.picked("c"), "10.0.0.2:443");
    // One is put before them, and taken away again.
    update(
        &mut tree,
        "d 10.0.0.3:443 / b 10.0.0.2:443 / a 10.0.0.1:443",
    );
    update(&mut tree, "b 10.0.0.2:443 / a 10.0.0.1:443");
    // Both are in one: that of the first keeps its connections.
    update(&mut tree, "a 10.0.0.1:443 / b 10.0.0.2:443");
    assert_eq!(tree.picked("c"), "10.0.0.1:443");
    let after: Vec<_> = tree.channel.subchannels.keys().copied().collect();
    assert_eq!(before, after);
    assert_eq!(tree.channel.dialled(), "10.0.0.3:443");
}

/// Endpoints that come and go connect and disconnect alone.
#[test]
fn xds_4_9_churn_of_endpoints() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.1:443 10.0.0.2:443"))]);
    tree.connect_all();
    tree.channel.dialled();
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.2:443 10.0.0.3:443"))]);
    assert_eq!(tree.channel.dialled(), "10.0.0.3:443");
    assert_eq!(tree.channel.removed.len(), 1);
    assert_eq!(tree.picked("c"), "10.0.0.2:443");
}

/// xds.md 4.9: what did not change does not reach the policies below.
#[test]
fn xds_4_9_unchanged_clusters_get_no_update() {
    let mut tree = Tree::new();
    let entry = leaf(cluster("c"), "a 10.0.0.1:443");
    tree.update([("c", entry.clone())]);
    tree.connect_all();
    let picker = |tree: &Tree| {
        let node = tree.channel.policy.inspect(tree.channel.now);
        node.children[0].node.clone()
    };
    let before = picker(&tree);
    let published = tree.channel.published.len();
    // The same, and an equal one beside another cluster.
    tree.update([("c", entry)]);
    tree.update([
        ("c", leaf(cluster("c"), "a 10.0.0.1:443")),
        ("d", Err("cluster \"d\" does not exist".into())),
    ]);
    assert_eq!(picker(&tree), before);
    assert_eq!(tree.channel.dialled(), "10.0.0.1:443");
    assert!(tree.channel.published.len() <= published + 2);
}

/// A dual-stack endpoint is one endpoint: one share, on whichever family connects.
#[test]
fn xds_3_4_3_additional_addresses() {
    let mut tree = Tree::new();
    let list = "a [2001:db8::1]:443|10.0.0.1:443 [2001:db8::2]:443|10.0.0.2:443";
    tree.update([("c", leaf(cluster("c"), list))]);
    tree.channel.fail("[2001:db8::1]:443");
    tree.channel.ready("10.0.0.1:443");
    tree.channel.ready("[2001:db8::2]:443");
    let shares = tree.shares("c", 20);
    assert_eq!(shares, "10.0.0.1:443 10, [2001:db8::2]:443 10");
}

/// xds.md 4.8: the texts of clusters that cannot be used.
#[test]
fn xds_4_8_texts() {
    let check = |entry, expected: &str| {
        let mut tree = Tree::new();
        tree.update([("c", entry)]);
        assert_eq!(tree.channel.state(), TransientFailure);
        assert_eq!(tree.error("c"), format!("UNAVAILABLE: {expected}"));
    };
    let missing: Arc<str> = "cluster \"c\" does not exist: deleted by the server".into();
    check(Err(Arc::clone(&missing)), &missing);
    check(
        leaf(cluster("c"), ""),
        r#"endpoints "c-eds" of cluster "c": none in any locality; xDS node "n""#,
    );
    let mut unhealthy: ClusterEndpoints = eds("e", "a / b");
    unhealthy.priorities[0][0].all = 2;
    unhealthy.priorities[1][0].all = 1;
    check(
        with_endpoints(cluster("c"), LeafEndpoints::Eds(unhealthy.into())),
        r#"endpoints "e" of cluster "c": none of 3 is healthy; xDS node "n""#,
    );
    let logical = Cluster {
        kind: ClusterKind::LogicalDns {
            host: "db.local".into(),
            port: 443,
        },
        ..cluster("c")
    };
    check(
        with_endpoints(logical, LeafEndpoints::LogicalDns(None)),
        r#"host name "db.local:443" of cluster "c" has no addresses; xDS node "n""#,
    );
}

/// The note of a leaf ends the errors of the policies below it, and no backend is reconnected for it.
#[test]
fn xds_4_1_note_of_a_leaf() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.1:443"))]);
    tree.channel.fail("10.0.0.1:443");
    let error = tree.error("c");
    assert!(error.contains("connection refused"), "{error}");
    assert!(error.ends_with("; xDS node \"n\""), "{error}");
}

/// A cluster that fails drops its connections; one that is back connects again.
#[test]
fn xds_4_5_failed_cluster() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.1:443"))]);
    tree.connect_all();
    tree.update([("c", Err("cluster \"c\" does not exist".into()))]);
    assert_eq!(tree.channel.addresses(), "");
    assert_eq!(tree.error("c"), "UNAVAILABLE: cluster \"c\" does not exist");
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.1:443"))]);
    // The failure lasts until it is ready, but its calls wait.
    assert_eq!(tree.channel.state(), TransientFailure);
    assert_eq!(tree.pick("c"), Pick::Queue);
    tree.connect_all();
    assert_eq!(tree.channel.state(), Ready);
    assert_eq!(tree.picked("c"), "10.0.0.1:443");
}

/// A cluster that a policy asked for may be missing at first: that changes nothing.
#[test]
fn xds_4_5_dynamic_cluster() {
    let mut channel = FakeChannel::new(Cds::new(&options(1)));
    let config = || CdsConfig::new("c").with_dynamic(true);
    let set = |channel: &mut FakeChannel<Cds>, config, xds| {
        let update = update(config, &xds);
        channel.event(|policy, control| policy.handle_update(update, control))
    };
    assert_eq!(set(&mut channel, config(), xds_config([])), Ok(()));
    assert!(channel.published.is_empty());
    let there = xds_config([("c", leaf(cluster("c"), "a 10.0.0.1:443"))]);
    assert_eq!(set(&mut channel, config(), there), Ok(()));
    channel.ready("10.0.0.1:443");
    assert_eq!(set(&mut channel, config(), xds_config([])), Ok(()));
    assert_eq!(channel.picked(), "10.0.0.1:443");
    // One that is not dynamic fails.
    assert_eq!(
        set(&mut channel, CdsConfig::new("c"), xds_config([])),
        Ok(())
    );
    assert_eq!(
        channel.error(),
        "cluster \"c\" is not in the configuration of the channel"
    );
}

/// 6.1, 6.2: an address names its cluster where clusters choose the security, and has the proxy of its
/// endpoint where the cluster asks for proxies. Else it has neither.
#[test]
fn xds_6_what_the_connector_finds_at_an_address() {
    let proxy: SocketAddr = "192.0.2.100:3128".parse().expect("an address");
    let mut behind = eds("c-eds", "z 10.0.0.1:443");
    let locality = &mut behind.priorities[0][0];
    let with_proxy = |endpoint: &Endpoint| {
        let attributes = endpoint.attributes().with::<HttpProxy>(proxy);
        endpoint.clone().with_attributes(attributes)
    };
    locality.endpoints = locality.endpoints.iter().map(with_proxy).collect();
    let facts = |is_secured, http11_proxy| {
        let cluster = Cluster {
            http11_proxy,
            ..cluster("c")
        };
        let endpoints = LeafEndpoints::Eds(Arc::new(behind.clone()));
        let xds = xds_config([("c", with_endpoints(cluster, endpoints))]);
        let policy = Cds::new(&options(1)).with_cluster_security(is_secured);
        let mut channel = FakeChannel::new(policy);
        let update = update(CdsConfig::new("c"), &xds);
        let done = channel.event(|policy, control| policy.handle_update(update, control));
        assert_eq!(done, Ok(()));
        let subchannel = channel.subchannels.values().next();
        let attributes = subchannel.expect("a subchannel").address.attributes();
        let cluster = attributes.get::<SecuredBy>().map(ToString::to_string);
        (cluster, attributes.get::<HttpProxy>().copied())
    };
    assert_eq!(facts(false, false), (None, None));
    assert_eq!(facts(true, false), (Some("c".into()), None));
    assert_eq!(facts(false, true), (None, Some(proxy)));
    assert_eq!(facts(true, true), (Some("c".into()), Some(proxy)));
}

/// An aggregate uses the first of its clusters that works, each with its own policy and limits.
#[test]
fn xds_4_5_aggregate() {
    let mut tree = Tree::new();
    let second = Cluster {
        max_requests: 0,
        ..cluster("b")
    };
    let clusters = [
        ("a", leaf(cluster("a"), "z 10.0.0.1:443")),
        ("b", leaf(second, "z 10.0.0.2:443")),
        ("x", aggregate("x", &["a", "b"])),
    ];
    tree.update_named(&xds_config(clusters), |name| name == "x");
    assert_eq!(tree.channel.dialled(), "10.0.0.1:443");
    tree.channel.fail("10.0.0.1:443");
    tree.channel.ready("10.0.0.2:443");
    let Pick::Drop(status) = tree.pick("x") else {
        panic!("cluster b allows no call");
    };
    assert!(status.message().contains("cluster \"b\""), "{status}");
    tree.channel.idle("10.0.0.1:443");
    tree.connect_all();
    assert_eq!(tree.picked("x"), "10.0.0.1:443");
}

/// The clusters of an aggregate that stay keep their connections when others come before them.
#[test]
fn xds_4_9_leaves_of_an_aggregate() {
    let mut tree = Tree::new();
    let a = leaf(cluster("a"), "z 10.0.0.1:443");
    let b = leaf(cluster("b"), "z 10.0.0.2:443");
    let one = [("a", a.clone()), ("x", aggregate("x", &["a"]))];
    tree.update_named(&xds_config(one), |name| name == "x");
    tree.connect_all();
    tree.channel.dialled();
    let two = [("a", a), ("b", b), ("x", aggregate("x", &["b", "a"]))];
    tree.update_named(&xds_config(two.clone()), |name| name == "x");
    assert_eq!(tree.channel.dialled(), "10.0.0.2:443");
    assert_eq!(tree.channel.removed, []);
    tree.connect_all();
    assert_eq!(tree.picked("x"), "10.0.0.2:443");
    tree.channel.fail("10.0.0.2:443");
    assert_eq!(tree.picked("x"), "10.0.0.1:443");

    // A cluster that becomes an aggregate of another keeps serving until that is connected.
    let three = two.map(|(name, entry)| match name {
        "x" => (name, leaf(cluster("x"), "z 10.0.0.9:443")),
        _ => (name, entry),
    });
    tree.update_named(&xds_config(three), |name| name == "x");
    assert_eq!(tree.picked("x"), "10.0.0.1:443");
    tree.connect_all();
    assert_eq!(tree.picked("x"), "10.0.0.9:443");
    assert_eq!(tree.channel.addresses(), "10.0.0.9:443");
}

/// All addresses of a host name are one endpoint. The loss of its connection asks for another
/// resolution; that of an endpoint of the control plane does not.
#[test]
fn xds_4_5_logical_dns() {
    let mut tree = Tree::new();
    let host = endpoints("10.0.0.1:443|10.0.0.2:443").remove(0);
    let logical = Cluster {
        kind: ClusterKind::LogicalDns {
            host: "db.local".into(),
            port: 443,
        },
        ..cluster("c")
    };
    let entry = with_endpoints(logical, LeafEndpoints::LogicalDns(Some(host.into())));
    tree.update([("c", entry)]);
    tree.channel.fail("10.0.0.1:443");
    tree.channel.fail("10.0.0.2:443");
    assert!(tree.channel.reresolutions() > 0);

    let mut tree = Tree::new();
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.1:443"))]);
    tree.channel.fail("10.0.0.1:443");
    assert_eq!(tree.channel.reresolutions(), 0);
}

/// Outliers of a cluster are ejected, and a change of the method does not touch connections.
#[test]
fn xds_4_5_outlier_detection() {
    let mut tree = Tree::new();
    let list = "a 10.0.0.1:443 10.0.0.2:443";
    tree.update([("c", leaf(cluster("c"), list))]);
    tree.connect_all();
    tree.channel.dialled();
    let ejection = FailurePercentageEjection::default()
        .with_minimum_hosts(1)
        .with_request_volume(1);
    // The child of the configuration is not used.
    let detection = OutlierDetectionConfig::new(round_robin())
        .with_max_ejection_percent(50)
        .with_interval(Duration::from_secs(1))
        .with_failure_percentage(ejection);
    let detected = Cluster {
        outlier_detection: Some(detection),
        ..cluster("c")
    };
    tree.update([("c", leaf(detected, list))]);
    let status = trunkline_status::Status::unavailable("broken");
    for _ in 0..4 {
        // Each pick counts as a call in flight until its end.
        let address = tree.picked("c");
        let mut outcome = trunkline_lb::AttemptOutcome::new(&status).with_sent(true);
        let ok = trunkline_status::Status::new(trunkline_status::Code::Ok, "");
        if address == "10.0.0.2:443" {
            outcome.status = &ok;
        }
        tree.channel.end_attempt(&address, outcome);
    }
    tree.channel.advance_millis(1_000);
    assert_eq!(tree.channel.ejections().len(), 1);
    assert_eq!(tree.shares("c", 4), "10.0.0.2:443 4");
    assert_eq!(tree.channel.dialled(), "");
    assert_eq!(tree.channel.state(), Ready);
}

/// The labels of metrics: the locality, and the cluster as the service (gRFC A78, A89).
#[test]
fn xds_4_5_labels() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.1:443"))]);
    let id = tree.channel.id("10.0.0.1:443");
    let attributes = tree.channel.subchannels[&id].address.attributes();
    let labels = BackendLabels::of(attributes);
    assert_eq!(
        labels.locality.as_deref(),
        Some(r#"{region="r", zone="a", sub_zone=""}"#)
    );
    assert_eq!(
        attributes.get::<BackendService>().map(|name| &**name),
        Some("c")
    );
}

/// An error of the resolver reaches the policies below, and the next configuration does so in any case.
#[test]
fn xds_4_1_resolver_error() {
    let mut tree = Tree::new();
    let entry = leaf(cluster("c"), "a 10.0.0.1:443");
    tree.update([("c", entry.clone())]);
    tree.connect_all();
    tree.channel.resolver_error("gone", OldList::DropList);
    assert_eq!(tree.picked("c"), "10.0.0.1:443");
    tree.channel.idle("10.0.0.1:443");
    tree.channel.dialled();
    tree.update([("c", entry)]);
    tree.channel.exit_idle();
    assert_eq!(tree.channel.dialled(), "10.0.0.1:443");
}

/// xds.md 10.16: one changed endpoint of 3,000 dials one address, and costs no work for each of the others
/// beyond the comparison: what is allocated does not grow with their number.
#[test]
fn xds_10_16_one_changed_endpoint_of_many() {
    let list = |last: usize| {
        let hosts = (0..2_999).chain([last]);
        let hosts = hosts.map(|host| format!(" 10.1.{}.{}:443", host / 250, host % 250));
        leaf(cluster("c"), &format!("a{}", hosts.collect::<String>()))
    };
    let mut tree = Tree::new();
    tree.update([("c", list(3_000))]);
    tree.channel.has_more = true;
    tree.connect_all();
    tree.channel.has_more = false;
    tree.channel.settle();
    tree.channel.dialled();
    let changed = list(3_001);
    let allocated = allocation_counter::measure(|| tree.update([("c", changed)]));
    assert_eq!(tree.channel.dialled(), "10.1.12.1:443");
    assert_eq!(tree.channel.removed.len(), 1);
    assert!(allocated.count_total < 1_000, "{allocated:?}");
}

/// A priority whose endpoints are all gone or unhealthy makes room for the next at once, and is used
/// again as soon as it has one that is ready.
#[test]
fn xds_4_5_priority_without_endpoints() {
    let mut tree = Tree::new();
    let update = |tree: &mut Tree, list: &str| tree.update([("c", leaf(cluster("c"), list))]);
    update(&mut tree, "a 10.0.0.1:443 / b 10.0.0.2:443");
    tree.connect_all();
    assert_eq!(tree.picked("c"), "10.0.0.1:443");
    update(&mut tree, "a / b 10.0.0.2:443");
    tree.connect_all();
    assert_eq!(tree.picked("c"), "10.0.0.2:443");
    update(&mut tree, "a 10.0.0.3:443 / b 10.0.0.2:443");
    tree.connect_all();
    assert_eq!(tree.picked("c"), "10.0.0.3:443");
    // All priorities are gone, and come back.
    update(&mut tree, "");
    assert_eq!(tree.channel.addresses(), "");
    update(&mut tree, "a 10.0.0.1:443");
    tree.connect_all();
    assert_eq!(tree.picked("c"), "10.0.0.1:443");
}

/// A cluster that fails for the same reason again publishes nothing new.
#[test]
fn xds_4_9_unchanged_failure() {
    let mut channel = FakeChannel::new(Cds::new(&options(1)));
    let failing = || xds_config([("c", Err("cluster \"c\" does not exist".into()))]);
    for _ in 0..2 {
        let update = update(CdsConfig::new("c"), &failing());
        let accepted = channel.event(|policy, control| policy.handle_update(update, control));
        assert_eq!(accepted, Ok(()));
    }
    assert_eq!(channel.states(), [TransientFailure]);
    let facts = channel.policy.inspect(channel.now).facts.to_string();
    assert_eq!(facts, "cluster c, error cluster \"c\" does not exist");
}
