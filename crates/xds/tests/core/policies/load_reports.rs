//! xds.md 5.3 to 5.5: what is counted for load reports.

use std::sync::Arc;

use trunkline_lb::{AttemptOutcome, LoadReport, Pick};
use trunkline_status::{Code, Status};
use trunkline_xds::core::resources::{Cluster, LoadReporting};
use trunkline_xds::core::{ClusterTotals, LocalityTotals, MetricTotal, ServerConfig};
use trunkline_xds::policies::LoadStores;

use super::support::{Tree, cluster, leaf, zone};
use crate::values::load_reporting;

fn reported(metrics: &[&str]) -> Cluster {
    let endpoint_metrics = metrics.iter().map(|name| (*name).into()).collect();
    Cluster {
        load_reporting: Some(LoadReporting {
            endpoint_metrics,
            ..load_reporting()
        }),
        ..cluster("c")
    }
}

/// Makes a call that ends with this status, on the backend that is chosen.
fn call(tree: &Tree, code: Code) {
    let address = tree.picked("c");
    let status = Status::new(code, "");
    let outcome = AttemptOutcome::new(&status).with_sent(true);
    tree.channel.end_attempt(&address, outcome);
}

fn totals(tree: &Tree) -> ClusterTotals {
    let totals = tree.load_store().totals();
    assert_eq!(totals.len(), 1, "{totals:?}");
    totals.into_iter().next().expect("one cluster")
}

/// Returns issued, succeeded, failed and in progress of a locality.
fn calls(totals: &LocalityTotals) -> [u64; 4] {
    let in_progress = totals.in_progress();
    [totals.issued, totals.succeeded, totals.failed, in_progress]
}

/// Calls are issued and in progress at the pick, and finished at their end, by locality.
#[test]
fn xds_5_4_counted_by_locality() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(reported(&[]), "a*3 10.0.0.1:443, b 10.0.0.2:443"))]);
    assert_eq!(tree.pick("c"), Pick::Queue);
    tree.connect_all();
    for at in 0..8 {
        call(&tree, if at < 4 { Code::Ok } else { Code::Internal });
    }
    tree.picked("c");
    let totals = totals(&tree);
    assert_eq!((&*totals.cluster, &*totals.service_name), ("c", "c-eds"));
    assert!(totals.is_in_use);
    let [a, b] = [zone("a"), zone("b")].map(|name| calls(&totals.localities[&name]));
    let sum: Vec<u64> = a.iter().zip(b).map(|(a, b)| a + b).collect();
    assert_eq!(sum, [9, 4, 4, 1]);
    assert_eq!([a[1] + a[2], b[1] + b[2]], [6, 2]);
}

/// Without `lrs_server` in the cluster nothing is counted.
#[test]
fn xds_3_3_7_no_reports() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(cluster("c"), "a 10.0.0.1:443"))]);
    tree.connect_all();
    call(&tree, Code::Ok);
    assert_eq!(tree.load_store().totals(), []);
}

/// An endpoint that changes its locality keeps its connection: new calls count in the new one, and a call
/// ends where it began.
#[test]
fn xds_5_4_changed_locality() {
    let mut tree = Tree::new();
    let plain = || Cluster {
        lb_policy: super::support::choice("round_robin", serde_json::json!({})),
        ..reported(&[])
    };
    tree.update([("c", leaf(plain(), "a 10.0.0.1:443"))]);
    tree.connect_all();
    call(&tree, Code::Ok);
    tree.picked("c");
    let before = tree.channel.picker();
    tree.update([("c", leaf(plain(), "a 10.0.0.2:443, b 10.0.0.1:443"))]);
    assert_eq!(tree.channel.removed, []);
    let id = tree.channel.id("10.0.0.1:443");
    let status = Status::new(Code::Ok, "");
    let tracker = before.tracker().expect("calls are counted");
    tracker.attempt_ended(id, &AttemptOutcome::new(&status).with_sent(true));
    tree.channel.fail("10.0.0.2:443");
    call(&tree, Code::Ok);
    let totals = totals(&tree);
    assert_eq!(calls(&totals.localities[&zone("a")]), [2, 2, 0, 0]);
    assert_eq!(calls(&totals.localities[&zone("b")]), [1, 1, 0, 0]);
}

/// gRFC A85: the metrics that the cluster chooses are added up, others are not.
#[test]
fn xds_5_5_metrics_of_backends() {
    let check = |chosen: &[&str], expected: &[(&str, f64)]| {
        let mut tree = Tree::new();
        tree.update([("c", leaf(reported(chosen), "a 10.0.0.1:443"))]);
        tree.connect_all();
        let report = LoadReport::default()
            .with_cpu_utilization(0.5)
            .with_mem_utilization(0.25)
            .with_named_metric("queue", 8.0)
            .with_named_metric("bad", f64::NAN)
            .with_named_metric("hits", 1.0);
        for _ in 0..2 {
            let address = tree.picked("c");
            tree.channel.report_load(&address, &report);
        }
        let totals = totals(&tree);
        let totals = &totals.localities[&zone("a")];
        let fields = [
            ("cpu", totals.cpu_utilization),
            ("mem", totals.mem_utilization),
            ("app", totals.application_utilization),
        ];
        let named = totals.metrics.iter().map(|(name, total)| (&**name, *total));
        let all = fields.into_iter().chain(named);
        let found: Vec<(&str, f64)> = all
            .filter(|(_, total)| *total != MetricTotal::default())
            .map(|(name, total)| {
                assert_eq!(total.count, 2, "{name}");
                (name, total.sum)
            })
            .collect();
        assert_eq!(found, expected, "{chosen:?}");
    };
    check(&[], &[]);
    check(&["cpu_utilization", "unknown"], &[("cpu", 1.0)]);
    // A number that is not reported is not counted.
    check(
        &["mem_utilization", "application_utilization"],
        &[("mem", 0.5)],
    );
    check(&["named_metrics.queue"], &[("named_metrics.queue", 16.0)]);
    check(
        &["named_metrics.*"],
        &[("named_metrics.hits", 2.0), ("named_metrics.queue", 16.0)],
    );
}

/// The last calls of a cluster that is gone can still be reported, and are forgotten then.
#[test]
fn xds_5_3_a_cluster_that_is_gone() {
    let mut tree = Tree::new();
    tree.update([("c", leaf(reported(&[]), "a 10.0.0.1:443"))]);
    tree.connect_all();
    call(&tree, Code::Ok);
    let last = totals(&tree);
    tree.load_store().forget_unused(&last);
    assert_eq!(tree.load_store().totals().len(), 1);
    tree.update([]);
    tree.channel.published.clear();
    let last = totals(&tree);
    assert!(!last.is_in_use);
    assert_eq!(calls(&last.localities[&zone("a")]), [1, 1, 0, 0]);
    tree.load_store().forget_unused(&last);
    assert_eq!(tree.load_store().totals(), []);
}

/// 5.1: an equal cluster of another server is counted for that one: new calls there, and a call ends where it
/// began.
#[test]
fn xds_5_1_a_cluster_of_another_server() {
    let mut tree = Tree::new();
    let plain = |server: &Arc<ServerConfig>| Cluster {
        lb_policy: super::support::choice("round_robin", serde_json::json!({})),
        load_reporting: Some(LoadReporting::new(Arc::clone(server))),
        ..cluster("c")
    };
    let servers = ["a", "b"].map(|name| Arc::new(ServerConfig::insecure(name)));
    tree.loads = LoadStores::new(servers.clone());
    tree.update([("c", leaf(plain(&servers[0]), "a 10.0.0.1:443"))]);
    tree.connect_all();
    call(&tree, Code::Ok);
    let before = tree.channel.picker();
    tree.picked("c");
    tree.update([("c", leaf(plain(&servers[1]), "a 10.0.0.1:443"))]);
    assert_eq!(tree.channel.removed, []);
    for _ in 0..2 {
        call(&tree, Code::Ok);
    }
    let status = Status::new(Code::Ok, "");
    let tracker = before.tracker().expect("calls are counted");
    let id = tree.channel.id("10.0.0.1:443");
    tracker.attempt_ended(id, &AttemptOutcome::new(&status).with_sent(true));
    let counted = servers.map(|server| {
        let totals = tree.loads.of(&server).expect("a known server").totals();
        calls(&totals[0].localities[&zone("a")])
    });
    assert_eq!(counted, [[2, 2, 0, 0], [2, 2, 0, 0]]);
}

/// A control plane that changes its clusters all the time, and takes no reports, fills no memory.
#[test]
fn xds_5_3_clusters_without_end() {
    let mut tree = Tree::new();
    for at in 0..1200 {
        let name = format!("c{at}");
        let cluster = Cluster {
            name: Arc::from(&*name),
            ..reported(&[])
        };
        tree.update([(&*name, leaf(cluster, "a 10.0.0.1:443"))]);
        tree.channel.published.clear();
    }
    assert!(tree.load_store().totals().len() <= 1002);
}
