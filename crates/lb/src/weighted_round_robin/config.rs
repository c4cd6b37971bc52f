//! The configuration of `weighted_round_robin`, and the weight that it gives to a report.

use std::any::Any;
use std::time::Duration;

use super::metric::UtilizationMetric;
use crate::orca::LoadReport;
use crate::policy::Update;

/// The shortest time between two schedules: a shorter one would cost more than it brings.
///
/// Source: [gRFC A58](https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md).
const SHORTEST_UPDATE_PERIOD: Duration = Duration::from_millis(100);

/// The configuration of [`WeightedRoundRobin`](crate::WeightedRoundRobin).
///
/// Source: [gRFC A58](https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WeightedRoundRobinConfig {
    /// Whether backends report out of band, over a stream for each connection, and not in the
    /// trailers of calls. False by default.
    pub enable_oob_load_report: bool,
    /// How often backends are asked to report out of band; 10 s by default. They may report less
    /// often.
    pub oob_reporting_period: Duration,
    /// How long a backend has to report before its weight counts; 10 s by default. Meanwhile it has
    /// the mean weight of the others.
    pub blackout_period: Duration,
    /// How long a weight counts after the last report; 180 s by default.
    pub weight_expiration_period: Duration,
    /// The time between two schedules; 1 s by default, at least 100 ms.
    pub weight_update_period: Duration,
    /// How much the share of failed calls adds to the utilization; 1 by default, never negative.
    pub error_utilization_penalty: f64,
    /// The metrics from which the utilization is computed, in place of the application's and the
    /// CPU's; none by default.
    pub metrics_for_utilization: Vec<UtilizationMetric>,
}

impl Default for WeightedRoundRobinConfig {
    fn default() -> Self {
        Self {
            enable_oob_load_report: false,
            oob_reporting_period: Duration::from_secs(10),
            blackout_period: Duration::from_secs(10),
            weight_expiration_period: Duration::from_secs(180),
            weight_update_period: Duration::from_secs(1),
            error_utilization_penalty: 1.0,
            metrics_for_utilization: Vec::new(),
        }
    }
}

impl WeightedRoundRobinConfig {
    /// Sets whether backends report out of band. Default: false.
    #[must_use]
    pub fn with_enable_oob_load_report(mut self, enable: bool) -> Self {
        self.enable_oob_load_report = enable;
        self
    }

    /// Sets how often backends are asked to report out of band. Default: 10 s.
    #[must_use]
    pub fn with_oob_reporting_period(mut self, period: Duration) -> Self {
        self.oob_reporting_period = period;
        self
    }

    /// Sets how long a backend has to report before its weight counts; zero for at once. Default: 10
    /// s.
    #[must_use]
    pub fn with_blackout_period(mut self, period: Duration) -> Self {
        self.blackout_period = period;
        self
    }

    /// Sets how long a weight counts after the last report. Default: 180 s.
    #[must_use]
    pub fn with_weight_expiration_period(mut self, period: Duration) -> Self {
        self.weight_expiration_period = period;
        self
    }

    /// Sets the time between two schedules. Less than 100 ms count as 100 ms. Default: 1 s.
    #[must_use]
    pub fn with_weight_update_period(mut self, period: Duration) -> Self {
        self.weight_update_period = period.max(SHORTEST_UPDATE_PERIOD);
        self
    }

    /// Sets how much the share of failed calls adds to the utilization. A number that is negative or
    /// not finite counts as 0. Default: 1.
    #[must_use]
    pub fn with_error_utilization_penalty(mut self, penalty: f64) -> Self {
        let is_valid = penalty.is_finite() && penalty > 0.0;
        self.error_utilization_penalty = if is_valid { penalty } else { 0.0 };
        self
    }

    /// Sets the metrics from which the utilization is computed: the highest of those that a backend
    /// reports. Default: none.
    #[must_use]
    pub fn with_metrics_for_utilization(
        mut self,
        metrics: impl IntoIterator<Item = UtilizationMetric>,
    ) -> Self {
        self.metrics_for_utilization = metrics.into_iter().collect();
        self
    }

    /// Returns the weight of a backend with this report: the queries per second that it would serve
    /// at a utilization of 1, if failed ones count as additional load. `None` if the report has no
    /// queries or no utilization.
    ///
    /// ```text
    /// weight = qps / (utilization + eps / qps * error_utilization_penalty)
    /// ```
    ///
    /// The utilization is the highest of
    /// [`metrics_for_utilization`](Self::metrics_for_utilization) that is above 0. If there is none,
    /// it is that of the application, and if that is not above 0, the CPU's.
    ///
    /// ```
    /// use trunkline_lb::{LoadReport, WeightedRoundRobinConfig};
    ///
    /// let config = WeightedRoundRobinConfig::default();
    /// let report = LoadReport::default().with_cpu_utilization(0.5).with_qps(100.0);
    /// assert_eq!(config.weight(&report), Some(200.0));
    /// assert_eq!(config.weight(&report.with_eps(50.0)), Some(100.0));
    /// ```
    #[must_use]
    pub fn weight(&self, report: &LoadReport) -> Option<f64> {
        let is_positive = |number: &f64| *number > 0.0;
        let metrics = self.metrics_for_utilization.iter();
        let custom = metrics.map(|metric| metric.value_in(report));
        let custom = custom.filter(is_positive).reduce(f64::max);
        let utilization = custom
            .or_else(|| Some(report.application_utilization).filter(is_positive))
            .unwrap_or(report.cpu_utilization);
        if !is_positive(&report.qps) || !is_positive(&utilization) {
            return None;
        }
        // A negative number of errors, or one that is none, counts as 0.
        let errors = report.eps.max(0.0) / report.qps;
        let weight = report.qps / (utilization + errors * self.error_utilization_penalty);
        weight.is_normal().then_some(weight)
    }

    /// Returns the configuration of an update, or the default if it belongs to another policy. Its
    /// fields are within their limits.
    pub(super) fn of(update: &Update) -> Self {
        let config: &dyn Any = &*update.config;
        let config: Self = config.downcast_ref().cloned().unwrap_or_default();
        let (period, penalty) = (
            config.weight_update_period,
            config.error_utilization_penalty,
        );
        config
            .with_weight_update_period(period)
            .with_error_utilization_penalty(penalty)
    }
}
