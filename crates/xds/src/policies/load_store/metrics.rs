//! Which metrics of backends are reported.

use std::collections::BTreeSet;
use std::sync::Arc;

/// What the name of a metric in `named_metrics` begins with, in a cluster and in a report.
const NAMED: &str = "named_metrics.";

/// The metrics in the load reports of backends that a cluster asks for (gRFC A85).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::policies) struct ReportedMetrics {
    pub(super) cpu_utilization: bool,
    pub(super) mem_utilization: bool,
    pub(super) application_utilization: bool,
    /// Whether all named metrics are reported.
    all_named: bool,
    /// Those that are, by their name in the load report.
    named: BTreeSet<Box<str>>,
}

impl ReportedMetrics {
    /// Reads `lrs_report_endpoint_metrics`. Names that are not known are ignored.
    pub(in crate::policies) fn new(names: &[Box<str>]) -> Self {
        let mut metrics = Self::default();
        for name in names {
            match &**name {
                "cpu_utilization" => metrics.cpu_utilization = true,
                "mem_utilization" => metrics.mem_utilization = true,
                "application_utilization" => metrics.application_utilization = true,
                name => match name.strip_prefix(NAMED) {
                    Some("*") => metrics.all_named = true,
                    Some(key) => drop(metrics.named.insert(key.into())),
                    None => {}
                },
            }
        }
        metrics
    }

    /// Returns whether no metric is reported, so that no load report has to be decoded.
    pub(in crate::policies) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether the named metric `name` is reported.
    pub(super) fn has_named(&self, name: &str) -> bool {
        self.all_named || self.named.contains(name)
    }

    /// Returns the name of a named metric in a report to the control plane.
    pub(super) fn full_name(name: &str) -> Arc<str> {
        format!("{NAMED}{name}").into()
    }
}
