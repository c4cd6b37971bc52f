//! A load report.

use std::collections::BTreeMap;

/// What a backend reports of its load.
///
/// It comes with a call, in the trailers
/// ([`AttemptOutcome::load_report`](crate::AttemptOutcome::load_report)), or out of band
/// ([`OutOfBandReports`](crate::OutOfBandReports)). A number that the backend does not report is 0.
/// The numbers are the backend's own, unchecked: each may be negative, infinite or not a number.
///
/// ```
/// use trunkline_lb::LoadReport;
///
/// let report = LoadReport::default()
///     .with_application_utilization(0.7)
///     .with_qps(250.0)
///     .with_named_metric("queue", 12.0);
/// assert_eq!(LoadReport::decode(&report.encode()), Some(report));
/// ```
///
/// Source:
/// [`xds.data.orca.v3.OrcaLoadReport`](https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto),
/// [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LoadReport {
    /// The CPU utilization: 0 for idle, 1 for all that the backend may use; it may be higher.
    pub cpu_utilization: f64,
    /// The memory utilization, from 0 to 1.
    pub mem_utilization: f64,
    /// The utilization as the application defines it; it may be above 1.
    pub application_utilization: f64,
    /// The queries that the backend serves per second (`rps_fractional`).
    pub qps: f64,
    /// The queries per second that fail.
    pub eps: f64,
    /// What the call has cost, by the name of the resource. At most
    /// [`MOST_METRICS`](Self::MOST_METRICS); empty in an out-of-band report.
    pub request_cost: BTreeMap<String, f64>,
    /// The utilization of resources, from 0 to 1, by name. At most
    /// [`MOST_METRICS`](Self::MOST_METRICS).
    pub utilization: BTreeMap<String, f64>,
    /// Metrics that the application defines, by name. At most
    /// [`MOST_METRICS`](Self::MOST_METRICS).
    pub named_metrics: BTreeMap<String, f64>,
}

impl LoadReport {
    /// The most entries of each map. Further ones in a message are left out, because a backend is
    /// not trusted with the memory of its client.
    pub const MOST_METRICS: usize = 256;

    /// Sets the CPU utilization; 1 for all that the backend may use. Default: 0.
    #[must_use]
    pub fn with_cpu_utilization(mut self, utilization: f64) -> Self {
        self.cpu_utilization = utilization;
        self
    }

    /// Sets the memory utilization, from 0 to 1. Default: 0.
    #[must_use]
    pub fn with_mem_utilization(mut self, utilization: f64) -> Self {
        self.mem_utilization = utilization;
        self
    }

    /// Sets the utilization as the application defines it. Default: 0.
    #[must_use]
    pub fn with_application_utilization(mut self, utilization: f64) -> Self {
        self.application_utilization = utilization;
        self
    }

    /// Sets the queries per second. Default: 0.
    #[must_use]
    pub fn with_qps(mut self, qps: f64) -> Self {
        self.qps = qps;
        self
    }

    /// Sets the queries per second that fail. Default: 0.
    #[must_use]
    pub fn with_eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Adds what the call has cost of one resource. Default: none.
    #[must_use]
    pub fn with_request_cost(mut self, name: impl Into<String>, cost: f64) -> Self {
        self.request_cost.insert(name.into(), cost);
        self
    }

    /// Adds the utilization of one resource, from 0 to 1. Default: none.
    #[must_use]
    pub fn with_utilization(mut self, name: impl Into<String>, utilization: f64) -> Self {
        self.utilization.insert(name.into(), utilization);
        self
    }

    /// Adds a metric that the application defines. Default: none.
    #[must_use]
    pub fn with_named_metric(mut self, name: impl Into<String>, value: f64) -> Self {
        self.named_metrics.insert(name.into(), value);
        self
    }
}
