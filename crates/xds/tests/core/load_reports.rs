//! Load reports to one server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_sim::Sim;
use trunkline_xds::core::load_reports::{LoadOutput, LoadReporter};
use trunkline_xds::core::resources::LocalityName;
use trunkline_xds::core::{ClusterTotals, LocalityTotals, MetricTotal};
use trunkline_xds_proto::envoy::config::core::v3::{Locality, Node};
use trunkline_xds_proto::envoy::config::endpoint::v3::cluster_stats::DroppedRequests;
use trunkline_xds_proto::envoy::config::endpoint::v3::{
    ClusterStats, EndpointLoadMetricStats, UnnamedEndpointLoadMetricStats, UpstreamLocalityStats,
};
use trunkline_xds_proto::envoy::service::load_stats::v3::{LoadStatsRequest, LoadStatsResponse};

/// A reporter, and the time.
struct Harness {
    reporter: LoadReporter,
    /// When the reporter was created.
    began: Instant,
    now: Instant,
}

impl Harness {
    /// Returns a reporter whose stream has started.
    fn started() -> Self {
        let now = Sim::new(1).runtime().now();
        let node = Node {
            id: "node-1".to_owned(),
            ..Node::default()
        };
        let mut harness = Self {
            reporter: LoadReporter::new(node, 1, now),
            began: now,
            now,
        };
        assert!(matches!(
            harness.pass(Duration::ZERO)[..],
            [LoadOutput::Start, LoadOutput::Send(_)]
        ));
        harness.reporter.handle_written();
        harness
    }

    /// Returns a reporter whose server wants the load of all clusters each 10 s.
    fn reporting() -> Self {
        let mut harness = Self::started();
        harness.answer(all(), Some(10));
        harness
    }

    fn answer(&mut self, message: LoadStatsResponse, seconds: Option<i64>) {
        let interval = seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        let message = LoadStatsResponse {
            load_reporting_interval: interval,
            ..message
        };
        self.reporter.handle_message(message, self.now);
    }

    /// Lets time pass, and returns the actions.
    fn pass(&mut self, time: Duration) -> Vec<LoadOutput> {
        let until = self.now + time;
        while let Some(at) = self.reporter.poll_timeout() {
            if at > until {
                break;
            }
            self.now = self.now.max(at);
            self.reporter.handle_timeout(self.now);
            let outputs = self.outputs();
            if !outputs.is_empty() {
                return outputs;
            }
        }
        self.now = until;
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<LoadOutput> {
        std::iter::from_fn(|| self.reporter.poll_output()).collect()
    }

    /// Returns the totals of the cluster `a`, which is counted from the start.
    fn totals(&self, issued: u64, succeeded: u64, failed: u64) -> ClusterTotals {
        totals_since(self.began, [issued, succeeded, failed])
    }

    /// Waits until a report is due, and returns it.
    fn report(&mut self, totals: ClusterTotals) -> Vec<ClusterStats> {
        assert_eq!(self.pass(Duration::from_secs(3600)), [LoadOutput::Collect]);
        self.hand_in(totals)
    }

    fn hand_in(&mut self, totals: ClusterTotals) -> Vec<ClusterStats> {
        self.reporter.handle_totals(vec![totals], self.now);
        match self.outputs().as_slice() {
            [LoadOutput::Send(report)] => {
                let LoadStatsRequest {
                    node,
                    cluster_stats,
                } = (**report).clone();
                assert_eq!(node, None, "only the first message has the node");
                cluster_stats
            }
            other => panic!("no report: {other:?}"),
        }
    }
}

fn all() -> LoadStatsResponse {
    LoadStatsResponse {
        send_all_clusters: true,
        ..LoadStatsResponse::default()
    }
}

/// Returns the totals of the cluster `a` with one locality: issued, successful and failed calls.
fn totals_since(since: Instant, [issued, succeeded, failed]: [u64; 3]) -> ClusterTotals {
    let mut of_locality = LocalityTotals::default();
    of_locality.issued = issued;
    of_locality.succeeded = succeeded;
    of_locality.failed = failed;
    let zone = LocalityName {
        zone: "z".into(),
        ..LocalityName::default()
    };
    let mut totals = ClusterTotals::new("a".into(), "a-endpoints".into(), since);
    totals.localities = BTreeMap::from([(Arc::new(zone), of_locality)]);
    totals.is_in_use = true;
    totals
}

/// Returns the report of the cluster `a` with one locality, over this time.
fn stats(calls: [u64; 4], seconds: i64) -> ClusterStats {
    let [issued, succeeded, failed, in_progress] = calls;
    ClusterStats {
        cluster_name: "a".to_owned(),
        cluster_service_name: "a-endpoints".to_owned(),
        upstream_locality_stats: vec![UpstreamLocalityStats {
            locality: Some(Locality {
                zone: "z".to_owned(),
                ..Locality::default()
            }),
            total_issued_requests: issued,
            total_successful_requests: succeeded,
            total_error_requests: failed,
            total_requests_in_progress: in_progress,
            ..UpstreamLocalityStats::default()
        }],
        load_report_interval: Some(prost_types::Duration { seconds, nanos: 0 }),
        ..ClusterStats::default()
    }
}

/// "First message: `node` (1.7) and no stats"; its client features have "`envoy.lrs.supports_send_all_clusters`".
#[test]
fn xds_5_2_the_first_message_has_the_node() {
    let now = Sim::new(1).runtime().now();
    let mut reporter = LoadReporter::new(Node::default(), 1, now);
    reporter.handle_timeout(now);
    assert_eq!(reporter.poll_output(), Some(LoadOutput::Start));
    let first = LoadStatsRequest {
        node: Some(Node {
            client_features: vec!["envoy.lrs.supports_send_all_clusters".to_owned()],
            ..Node::default()
        }),
        cluster_stats: Vec::new(),
    };
    assert_eq!(
        reporter.poll_output(),
        Some(LoadOutput::Send(Box::new(first)))
    );
}

/// "Then a report every interval, also an empty one." "The rest is since the last report", and
/// `load_report_interval` is the "real time since its last report".
#[test]
fn xds_5_3_a_report_has_what_happened_since_the_last_one() {
    let mut harness = Harness::reporting();
    assert_eq!(
        harness.report(harness.totals(5, 3, 1)),
        [stats([5, 3, 1, 1], 10)]
    );
    harness.reporter.handle_written();
    assert_eq!(
        harness.report(harness.totals(9, 7, 2)),
        [stats([4, 4, 1, 0], 10)]
    );
    harness.reporter.handle_written();
    assert!(harness.report(harness.totals(9, 7, 2)).is_empty());
    harness.reporter.handle_written();
    // Nothing was reported 10 s ago, and yet that report counts.
    assert_eq!(
        harness.report(harness.totals(10, 7, 2)),
        [stats([1, 0, 0, 1], 10)]
    );
}

/// "`total_requests_in_progress` (not reset)": a call that goes on is in each report.
#[test]
fn xds_5_3_calls_in_progress_are_in_each_report() {
    let mut harness = Harness::reporting();
    for issued in [1, 0] {
        let report = harness.report(harness.totals(1, 0, 0));
        assert_eq!(report, [stats([issued, 0, 0, 1], 10)]);
        harness.reporter.handle_written();
    }
}

/// "`total_dropped_requests` (limit and categories), `dropped_requests[]` by category."
#[test]
fn xds_5_3_drops() {
    let mut harness = Harness::reporting();
    let mut totals = harness.totals(0, 0, 0);
    totals.dropped_by_limit = 2;
    totals.dropped = BTreeMap::from([("overload".into(), 3), ("quiet".into(), 0)]);
    let expected = ClusterStats {
        total_dropped_requests: 5,
        dropped_requests: vec![DroppedRequests {
            category: "overload".to_owned(),
            dropped_count: 3,
        }],
        upstream_locality_stats: Vec::new(),
        ..stats([0; 4], 10)
    };
    assert_eq!(harness.report(totals), [expected]);
}

/// "Each as count and sum": the metrics of backends' load reports.
#[test]
fn xds_5_5_metrics_of_backends() {
    let metric = |count, sum| {
        let mut total = MetricTotal::default();
        total.count = count;
        total.sum = sum;
        total
    };
    let mut harness = Harness::reporting();
    let began = harness.began;
    let with = |cpu, queue| {
        let mut totals = totals_since(began, [4, 4, 0]);
        for locality in totals.localities.values_mut() {
            locality.cpu_utilization = cpu;
            locality.metrics = BTreeMap::from([("named_metrics.queue".into(), queue)]);
        }
        totals
    };
    let report = harness.report(with(metric(2, 1.5), metric(1, 7.0)));
    let locality = &report[0].upstream_locality_stats[0];
    let cpu = UnnamedEndpointLoadMetricStats {
        num_requests_finished_with_metric: 2,
        total_metric_value: 1.5,
    };
    let queue = EndpointLoadMetricStats {
        metric_name: "named_metrics.queue".to_owned(),
        num_requests_finished_with_metric: 1,
        total_metric_value: 7.0,
    };
    assert_eq!(locality.cpu_utilization, Some(cpu));
    assert_eq!(locality.mem_utilization, None);
    assert_eq!(locality.load_metric_stats, [queue]);
}

/// "`load_reporting_interval`, < 1 s or invalid counts as 1 s; later responses replace both, and restart the
/// interval."
#[test]
fn xds_5_2_the_interval() {
    for given in [None, Some(0), Some(-5)] {
        let mut harness = Harness::started();
        harness.answer(all(), given);
        assert!(harness.pass(Duration::from_millis(999)).is_empty());
        assert_eq!(
            harness.pass(Duration::from_millis(1)),
            [LoadOutput::Collect],
            "{given:?}"
        );
    }
    let mut harness = Harness::reporting();
    assert!(harness.pass(Duration::from_secs(9)).is_empty());
    harness.answer(all(), Some(5));
    assert!(harness.pass(Duration::from_millis(4999)).is_empty());
    assert_eq!(
        harness.pass(Duration::from_millis(1)),
        [LoadOutput::Collect]
    );
}

/// "First response: `send_all_clusters` or `clusters[]`."
#[test]
fn xds_5_2_only_the_clusters_that_the_server_wants() {
    let mut harness = Harness::started();
    let others = LoadStatsResponse {
        clusters: vec!["b".to_owned()],
        ..LoadStatsResponse::default()
    };
    harness.answer(others, Some(10));
    assert!(harness.report(harness.totals(1, 1, 0)).is_empty());
    harness.reporter.handle_written();
    harness.answer(all(), Some(10));
    // Its calls of before were never reported.
    assert_eq!(
        harness.report(harness.totals(1, 1, 0)),
        [stats([1, 1, 0, 0], 20)]
    );
}

/// "Counts of a failed send are kept, not lost."
#[test]
fn xds_5_3_a_report_that_is_lost_loses_no_call() {
    let mut harness = Harness::reporting();
    harness.report(harness.totals(5, 5, 0));
    harness.reporter.handle_stream_ended(harness.now);
    assert!(matches!(
        harness.pass(Duration::from_secs(1))[..],
        [LoadOutput::Start, LoadOutput::Send(_)]
    ));
    harness.reporter.handle_written();
    harness.answer(all(), Some(10));
    assert_eq!(
        harness.report(harness.totals(6, 6, 0)),
        [stats([6, 6, 0, 0], 20)]
    );
}

/// A connection that takes nothing is not given more and more reports.
#[test]
fn xds_5_3_one_report_at_a_time() {
    let mut harness = Harness::reporting();
    harness.report(harness.totals(5, 5, 0));
    assert!(harness.pass(Duration::from_secs(60)).is_empty());
    harness.reporter.handle_written();
    assert_eq!(harness.pass(Duration::from_secs(10)), [LoadOutput::Collect]);
}

/// "Back-off as 2.12, reset once the first response came": at once after a response, though "never two starts
/// within 1 s".
#[test]
fn xds_5_1_back_off_of_streams() {
    let mut harness = Harness::started();
    let mut waits = Vec::new();
    for _ in 0..3 {
        harness.reporter.handle_stream_ended(harness.now);
        let before = harness.now;
        assert!(!harness.pass(Duration::from_secs(200)).is_empty());
        waits.push((harness.now - before).as_secs_f64());
    }
    for (wait, base) in waits.into_iter().zip([1.0, 1.6, 2.56]) {
        assert!((0.8 * base..=1.2 * base).contains(&wait), "{wait}");
    }
    harness.answer(all(), Some(10));
    let before = harness.now;
    harness.reporter.handle_stream_ended(harness.now);
    harness.pass(Duration::from_secs(200));
    assert_eq!(harness.now - before, Duration::from_secs(1));
}

/// "Dropping the last user of a link sends a final report, bounded by 1 s."
#[test]
fn xds_5_6_a_final_report() {
    let mut harness = Harness::reporting();
    harness.pass(Duration::from_secs(3));
    harness.reporter.handle_stop(harness.now);
    assert_eq!(harness.outputs(), [LoadOutput::Collect]);
    assert_eq!(
        harness.hand_in(harness.totals(2, 2, 0)),
        [stats([2, 2, 0, 0], 3)]
    );
    harness.reporter.handle_written();
    assert_eq!(harness.outputs(), [LoadOutput::End, LoadOutput::Finished]);
    assert_eq!(harness.reporter.poll_timeout(), None);

    let mut slow = Harness::reporting();
    slow.reporter.handle_stop(slow.now);
    assert_eq!(slow.outputs(), [LoadOutput::Collect]);
    slow.hand_in(slow.totals(2, 2, 0));
    let before = slow.now;
    assert_eq!(
        slow.pass(Duration::from_secs(60)),
        [LoadOutput::End, LoadOutput::Finished]
    );
    assert_eq!(slow.now - before, Duration::from_secs(1));
}

/// "For each server with a cluster that has `lrs_server: self`": reports end with the last such cluster, and
/// begin again with the next one. What was reported is not reported again.
#[test]
fn xds_5_1_reports_that_begin_again() {
    let mut harness = Harness::reporting();
    harness.reporter.handle_stop(harness.now);
    assert_eq!(harness.outputs(), [LoadOutput::Collect]);
    harness.hand_in(harness.totals(2, 2, 0));
    harness.reporter.handle_written();
    assert_eq!(harness.outputs(), [LoadOutput::End, LoadOutput::Finished]);
    assert_eq!(harness.pass(Duration::from_secs(60)), []);

    harness.reporter.handle_resume(harness.now);
    let outputs = harness.pass(Duration::ZERO);
    assert!(
        matches!(&*outputs, [LoadOutput::Start, LoadOutput::Send(first)] if first.node.is_some()),
        "{outputs:?}"
    );
    harness.answer(all(), Some(30));
    let stats = harness.report(harness.totals(5, 5, 0));
    let locality = &stats[0].upstream_locality_stats[0];
    assert_eq!(locality.total_successful_requests, 3);
}

/// A cluster that nothing uses any more is forgotten once its last call is reported.
#[test]
fn xds_5_3_unused_clusters_are_forgotten() {
    let mut harness = Harness::reporting();
    let began = harness.began;
    let unused = |issued, succeeded| {
        let mut totals = totals_since(began, [issued, succeeded, 0]);
        totals.is_in_use = false;
        totals
    };
    harness.report(unused(2, 1));
    harness.reporter.handle_written();
    assert!(harness.reporter.take_finished().is_empty());
    harness.report(unused(2, 2));
    harness.reporter.handle_written();
    assert_eq!(harness.reporter.take_finished(), [unused(2, 2)]);
    harness.reporter.handle_forgotten(&unused(2, 2));
    // Used again, its counts begin at 0.
    let again = harness.now + Duration::from_secs(4);
    let again = totals_since(again, [2, 2, 0]);
    assert_eq!(harness.report(again), [stats([2, 2, 0, 0], 6)]);
}

/// 5.1: "never two starts within 1 s", and the back-off, count where reports end and begin again in between, as
/// where a control plane takes `lrs_server` away and gives it back.
#[test]
fn xds_5_1_the_back_off_outlasts_the_end_of_reports() {
    let second = Duration::from_secs(1);
    let mut harness = Harness::started();
    harness.reporter.handle_stream_ended(harness.now);
    let due = harness.reporter.poll_timeout().expect("a back-off");
    for _ in 0..3 {
        harness.reporter.handle_stop(harness.now);
        assert_eq!(harness.outputs(), [LoadOutput::End, LoadOutput::Finished]);
        harness.reporter.handle_resume(harness.now);
        assert_eq!(harness.reporter.poll_timeout(), Some(due));
    }

    // Without an answer, the end counts as a failure.
    assert!(matches!(
        harness.pass(2 * second)[..],
        [LoadOutput::Start, LoadOutput::Send(_)]
    ));
    let wait = restart(&mut harness).as_secs_f64();
    assert!((0.8 * 1.6..=1.2 * 1.6).contains(&wait), "{wait}");

    // After an answer it is a second.
    assert!(matches!(
        harness.pass(2 * second)[..],
        [LoadOutput::Start, LoadOutput::Send(_)]
    ));
    harness.reporter.handle_written();
    harness.answer(all(), Some(10));
    harness.reporter.handle_stop(harness.now);
    assert_eq!(harness.outputs(), [LoadOutput::Collect]);
    harness.hand_in(harness.totals(2, 2, 0));
    harness.reporter.handle_written();
    assert_eq!(restart(&mut harness), second);
}

/// Ends the reports and resumes them. Returns how long the next stream waits.
fn restart(harness: &mut Harness) -> Duration {
    harness.reporter.handle_stop(harness.now);
    assert_eq!(harness.outputs(), [LoadOutput::End, LoadOutput::Finished]);
    harness.reporter.handle_resume(harness.now);
    let due = harness.reporter.poll_timeout().expect("a start");
    due - harness.now
}

/// `load_report_interval` is the "real time since its last report", and without one since the cluster is counted:
/// for each cluster its own.
#[test]
fn xds_5_3_the_interval_of_a_cluster_that_appears_later() {
    let mut harness = Harness::reporting();
    assert_eq!(harness.pass(Duration::from_secs(10)), [LoadOutput::Collect]);
    harness.hand_in(harness.totals(0, 0, 0));
    harness.reporter.handle_written();
    let later = harness.now + Duration::from_secs(4);
    let later = totals_since(later, [3, 3, 0]);
    assert_eq!(harness.report(later), [stats([3, 3, 0, 0], 6)]);
}

/// Counts that are gone without notice, and begin again, are reported whole.
#[test]
fn xds_5_3_counts_that_begin_again() {
    let mut harness = Harness::reporting();
    harness.report(harness.totals(2, 2, 0));
    harness.reporter.handle_written();
    let again = harness.now + Duration::from_secs(1);
    let again = totals_since(again, [5, 5, 0]);
    assert_eq!(harness.report(again), [stats([5, 5, 0, 0], 9)]);
}
