//! The calls between two reports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_xds_proto::envoy::config::core::v3::Locality;
use trunkline_xds_proto::envoy::config::endpoint::v3::cluster_stats::DroppedRequests;
use trunkline_xds_proto::envoy::config::endpoint::v3::{
    ClusterStats, EndpointLoadMetricStats, UnnamedEndpointLoadMetricStats, UpstreamLocalityStats,
};

use crate::core::load_totals::{ClusterTotals, LocalityTotals, MetricTotal};
use crate::core::resources::LocalityName;

/// What a server knows of a cluster: the totals of the last report that was sent, and when.
#[derive(Clone, Debug)]
pub(super) struct Reported {
    pub(super) totals: ClusterTotals,
    pub(super) at: Instant,
}

/// Returns the calls of a cluster since a report, or without one since counting began. `None` if there is
/// nothing to report.
pub(super) fn since(
    totals: &ClusterTotals,
    reported: Option<&Reported>,
    now: Instant,
) -> Option<ClusterStats> {
    let reported = reported.filter(|reported| reported.totals.since == totals.since);
    let at = reported.map_or(totals.since, |reported| reported.at);
    let old = reported.map(|reported| &reported.totals);
    let old_dropped_by_limit = old.map_or(0, |old| old.dropped_by_limit);
    let dropped_by_limit = grown(totals.dropped_by_limit, old_dropped_by_limit);
    let dropped_requests = dropped(&totals.dropped, old.map(|old| &old.dropped));
    let of_categories = dropped_requests
        .iter()
        .map(|category| category.dropped_count);
    let total_dropped_requests = dropped_by_limit + of_categories.sum::<u64>();
    let upstream_locality_stats: Vec<_> = totals
        .localities
        .iter()
        .filter_map(|(name, totals)| {
            locality(name, totals, old.and_then(|old| old.localities.get(name)))
        })
        .collect();
    if total_dropped_requests == 0 && upstream_locality_stats.is_empty() {
        return None;
    }
    Some(ClusterStats {
        cluster_name: totals.cluster.as_ref().to_owned(),
        cluster_service_name: totals.service_name.as_ref().to_owned(),
        upstream_locality_stats,
        total_dropped_requests,
        dropped_requests,
        load_report_interval: Some(proto_duration(now.saturating_duration_since(at))),
    })
}

/// Returns the drops of each category that has new ones.
fn dropped(
    new: &BTreeMap<Arc<str>, u64>,
    old: Option<&BTreeMap<Arc<str>, u64>>,
) -> Vec<DroppedRequests> {
    let grown = new.iter().map(|(category, &count)| {
        let old = old.and_then(|old| old.get(category));
        DroppedRequests {
            category: category.as_ref().to_owned(),
            dropped_count: grown(count, old.copied().unwrap_or_default()),
        }
    });
    grown
        .filter(|category| category.dropped_count > 0)
        .collect()
}

/// Returns the calls of a locality; `None` if none was issued or ended, and none is in progress.
fn locality(
    name: &LocalityName,
    new: &LocalityTotals,
    old: Option<&LocalityTotals>,
) -> Option<UpstreamLocalityStats> {
    let nothing = LocalityTotals::default();
    let old = old.unwrap_or(&nothing);
    let issued = grown(new.issued, old.issued);
    let succeeded = grown(new.succeeded, old.succeeded);
    let failed = grown(new.failed, old.failed);
    let in_progress = new.in_progress();
    if issued == 0 && succeeded == 0 && failed == 0 && in_progress == 0 {
        return None;
    }
    let metrics = new.metrics.iter().filter_map(|(name, &total)| {
        let old = old.metrics.get(name).copied().unwrap_or_default();
        let (count, sum) = metric(total, old)?;
        Some(EndpointLoadMetricStats {
            metric_name: name.as_ref().to_owned(),
            num_requests_finished_with_metric: count,
            total_metric_value: sum,
        })
    });
    Some(UpstreamLocalityStats {
        locality: Some(Locality {
            region: name.region.as_ref().to_owned(),
            zone: name.zone.as_ref().to_owned(),
            sub_zone: name.sub_zone.as_ref().to_owned(),
        }),
        total_issued_requests: issued,
        total_successful_requests: succeeded,
        total_error_requests: failed,
        total_requests_in_progress: in_progress,
        load_metric_stats: metrics.collect(),
        cpu_utilization: unnamed(new.cpu_utilization, old.cpu_utilization),
        mem_utilization: unnamed(new.mem_utilization, old.mem_utilization),
        application_utilization: unnamed(new.application_utilization, old.application_utilization),
        ..UpstreamLocalityStats::default()
    })
}

fn unnamed(new: MetricTotal, old: MetricTotal) -> Option<UnnamedEndpointLoadMetricStats> {
    let (count, sum) = metric(new, old)?;
    Some(UnnamedEndpointLoadMetricStats {
        num_requests_finished_with_metric: count,
        total_metric_value: sum,
    })
}

/// Returns the values of a metric since `old`; `None` without any.
fn metric(new: MetricTotal, old: MetricTotal) -> Option<(u64, f64)> {
    let count = grown(new.count, old.count);
    (count > 0).then_some((count, new.sum - old.sum))
}

/// Returns how much a total has grown. One that is smaller began again.
fn grown(new: u64, old: u64) -> u64 {
    new.checked_sub(old).unwrap_or(new)
}

fn proto_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        // Less than 10^9 fits.
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}
