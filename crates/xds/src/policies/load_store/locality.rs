//! Counts the calls of one locality of a cluster.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_lb::{LoadReport, PerThread};

use super::metrics::ReportedMetrics;
use crate::core::{LocalityTotals, MetricTotal};

/// How many metrics of one locality are kept. Backends choose their names, and are not trusted with the
/// memory of their client; further ones are left out.
const MOST_METRICS: usize = 1000;

/// Counts the calls of one locality of a cluster, in memory that threads do not share.
#[derive(Debug)]
pub(in crate::policies) struct LocalityLoad {
    counts: PerThread<Counts>,
}

/// What one thread has counted.
#[derive(Debug, Default)]
struct Counts {
    issued: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    /// Locked by the threads of one slot, of which there is one mostly, and for a report.
    metrics: Mutex<Metrics>,
}

/// The metrics of reports, added up.
#[derive(Debug, Default)]
struct Metrics {
    cpu_utilization: MetricTotal,
    mem_utilization: MetricTotal,
    application_utilization: MetricTotal,
    /// By the name in the report.
    named: BTreeMap<Box<str>, MetricTotal>,
}

impl Default for LocalityLoad {
    fn default() -> Self {
        Self {
            counts: PerThread::new(|_| Counts::default()),
        }
    }
}

impl LocalityLoad {
    /// Counts a call that is given to a backend.
    pub(in crate::policies) fn start(&self) {
        self.counts.get().issued.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the end of a call.
    pub(in crate::policies) fn end(&self, is_success: bool) {
        let counts = self.counts.get();
        let count = if is_success {
            &counts.succeeded
        } else {
            &counts.failed
        };
        count.fetch_add(1, Ordering::Release);
    }

    /// Adds the metrics of a report that are chosen. Allocates only for a name that is new.
    pub(in crate::policies) fn add_report(&self, report: &LoadReport, chosen: &ReportedMetrics) {
        let mut metrics = self.counts.get().metrics();
        let utilizations = [
            (chosen.cpu_utilization, report.cpu_utilization),
            (chosen.mem_utilization, report.mem_utilization),
            (
                chosen.application_utilization,
                report.application_utilization,
            ),
        ];
        let Metrics {
            cpu_utilization,
            mem_utilization,
            application_utilization,
            named,
        } = &mut *metrics;
        let totals = [cpu_utilization, mem_utilization, application_utilization];
        for ((is_chosen, value), total) in utilizations.into_iter().zip(totals) {
            // A number that the backend does not report is 0.
            if is_chosen && value > 0.0 && value.is_finite() {
                total.add(value);
            }
        }
        for (name, value) in &report.named_metrics {
            if !chosen.has_named(name) || !value.is_finite() {
                continue;
            }
            if let Some(total) = named.get_mut(&**name) {
                total.add(*value);
            } else if named.len() < MOST_METRICS {
                named.entry(name.as_str().into()).or_default().add(*value);
            }
        }
    }

    /// Returns what all threads have counted so far.
    pub(super) fn totals(&self) -> LocalityTotals {
        let mut totals = LocalityTotals::default();
        // The ends before the starts: a call that starts and ends meanwhile counts as one in progress.
        for counts in self.counts.iter() {
            totals.succeeded += counts.succeeded.load(Ordering::Acquire);
            totals.failed += counts.failed.load(Ordering::Acquire);
            let metrics = counts.metrics();
            totals.cpu_utilization.merge(metrics.cpu_utilization);
            totals.mem_utilization.merge(metrics.mem_utilization);
            totals
                .application_utilization
                .merge(metrics.application_utilization);
            for (name, total) in &metrics.named {
                let name: Arc<str> = ReportedMetrics::full_name(name);
                totals.metrics.entry(name).or_default().merge(*total);
            }
        }
        for counts in self.counts.iter() {
            totals.issued += counts.issued.load(Ordering::Relaxed);
        }
        totals
    }
}

impl Counts {
    fn metrics(&self) -> MutexGuard<'_, Metrics> {
        // A panic cannot leave a number half changed.
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
