//! The configuration of `outlier_detection_experimental`.

use std::sync::Arc;
use std::time::Duration;

use trunkline_service_config::PolicyChoice;

/// The shortest interval, so that a configuration cannot make the policy busy all the time.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// The configuration of [`OutlierDetection`](crate::OutlierDetection).
///
/// Without one of the two methods it ejects no endpoint, and costs nothing a call.
///
/// ```
/// use std::time::Duration;
/// use serde_json::json;
/// use trunkline_lb::{
///     FailurePercentageEjection, OutlierDetectionConfig, OutlierDetectionFactory, PolicyFactory,
///     PolicyRegistry,
/// };
/// use trunkline_service_config::PolicyChoice;
///
/// let policies = PolicyRegistry::standard();
/// let child = json!([{ "round_robin": {} }]);
/// let parsed = OutlierDetectionFactory.parse_config(
///     &json!({
///         "interval": "5s",
///         "failurePercentageEjection": { "threshold": 50 },
///         "childPolicy": child,
///     }),
///     &policies,
/// )?;
/// let built = OutlierDetectionConfig::new(PolicyChoice::parse(&child, &policies)?)
///     .with_interval(Duration::from_secs(5))
///     .with_failure_percentage(FailurePercentageEjection::default().with_threshold(50));
/// assert!(parsed.equals(&built));
/// # Ok::<(), trunkline_service_config::ConfigError>(())
/// ```
///
/// Source: [gRFC A50](https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutlierDetectionConfig {
    /// The time from one examination of the endpoints to the next. 10 s by default; less than 10 ms
    /// counts as 10 ms.
    pub interval: Duration,
    /// How long an endpoint is ejected the first time. 30 s by default.
    ///
    /// Each further ejection lasts this much longer. An interval without ejection takes one such step
    /// back.
    pub base_ejection_time: Duration,
    /// The longest time of an ejection, unless `base_ejection_time` is longer. 300 s by default.
    pub max_ejection_time: Duration,
    /// The part of the endpoints that may be ejected at the same time, in percent. 10 by default.
    ///
    /// It is compared before each ejection. So one endpoint can be ejected however few there are,
    /// unless it is 0.
    pub max_ejection_percent: u32,
    /// Compares the success rates of the endpoints; `None`, the default, for not at all.
    pub success_rate: Option<SuccessRateEjection>,
    /// Compares the failures of each endpoint with a limit; `None`, the default, for not at all.
    pub failure_percentage: Option<FailurePercentageEjection>,
    /// The policy that chooses among the endpoints.
    pub child: Arc<PolicyChoice>,
}

impl OutlierDetectionConfig {
    /// Creates a configuration with the default times, and neither method.
    #[must_use]
    pub fn new(child: PolicyChoice) -> Self {
        Self {
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection_percent: 10,
            success_rate: None,
            failure_percentage: None,
            child: Arc::new(child),
        }
    }

    /// Sets the time from one examination of the endpoints to the next. Default: 10 s.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long an endpoint is ejected the first time. Default: 30 s.
    #[must_use]
    pub fn with_base_ejection_time(mut self, time: Duration) -> Self {
        self.base_ejection_time = time;
        self
    }

    /// Sets the longest time of an ejection. Default: 300 s.
    #[must_use]
    pub fn with_max_ejection_time(mut self, time: Duration) -> Self {
        self.max_ejection_time = time;
        self
    }

    /// Sets the part of the endpoints that may be ejected at the same time, in percent. Default: 10.
    #[must_use]
    pub fn with_max_ejection_percent(mut self, percent: u32) -> Self {
        self.max_ejection_percent = percent;
        self
    }

    /// Compares the success rates of the endpoints. Default: not at all.
    #[must_use]
    pub fn with_success_rate(mut self, ejection: SuccessRateEjection) -> Self {
        self.success_rate = Some(ejection);
        self
    }

    /// Compares the failures of each endpoint with a limit. Default: not at all.
    #[must_use]
    pub fn with_failure_percentage(mut self, ejection: FailurePercentageEjection) -> Self {
        self.failure_percentage = Some(ejection);
        self
    }

    /// Returns whether there is a method, so that calls are counted.
    pub(super) fn counts_calls(&self) -> bool {
        self.success_rate.is_some() || self.failure_percentage.is_some()
    }

    /// Returns the interval that is in force.
    pub(super) fn effective_interval(&self) -> Duration {
        self.interval.max(SHORTEST_INTERVAL)
    }

    /// Returns how long an ejection lasts that is the `multiplier`-th.
    pub(super) fn ejection_time(&self, multiplier: u32) -> Duration {
        let longest = self.base_ejection_time.max(self.max_ejection_time);
        self.base_ejection_time
            .saturating_mul(multiplier)
            .min(longest)
    }
}

/// Ejects endpoints whose success rate is far below the mean of all.
///
/// An endpoint is an outlier if its success rate is less than the mean minus `stdev_factor` / 1000
/// times the standard deviation. Only endpoints with enough calls are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SuccessRateEjection {
    /// The factor of the standard deviation, in thousandths. 1900 by default.
    pub stdev_factor: u32,
    /// The part of the outliers that is ejected, in percent. 100 by default.
    pub enforcement_percentage: u32,
    /// How many endpoints must have enough calls, so that they are compared. 5 by default.
    pub minimum_hosts: u32,
    /// How many calls of an endpoint must have ended in the interval. 100 by default.
    pub request_volume: u32,
}

impl Default for SuccessRateEjection {
    fn default() -> Self {
        Self {
            stdev_factor: 1900,
            enforcement_percentage: 100,
            minimum_hosts: 5,
            request_volume: 100,
        }
    }
}

impl SuccessRateEjection {
    /// Sets the factor of the standard deviation, in thousandths. Default: 1900.
    #[must_use]
    pub fn with_stdev_factor(mut self, thousandths: u32) -> Self {
        self.stdev_factor = thousandths;
        self
    }

    /// Sets the part of the outliers that is ejected, in percent. Default: 100.
    #[must_use]
    pub fn with_enforcement_percentage(mut self, percent: u32) -> Self {
        self.enforcement_percentage = percent;
        self
    }

    /// Sets how many endpoints must have enough calls. Default: 5.
    #[must_use]
    pub fn with_minimum_hosts(mut self, hosts: u32) -> Self {
        self.minimum_hosts = hosts;
        self
    }

    /// Sets how many calls of an endpoint must have ended in the interval. Default: 100.
    #[must_use]
    pub fn with_request_volume(mut self, calls: u32) -> Self {
        self.request_volume = calls;
        self
    }
}

/// Ejects endpoints of whose calls too many fail, whatever the other endpoints do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailurePercentageEjection {
    /// The highest part of failed calls that is tolerated, in percent. 85 by default.
    pub threshold: u32,
    /// The part of the outliers that is ejected, in percent. 100 by default.
    ///
    /// grpc-go's default is 0, as Envoy's is. gRFC A50 has 100.
    pub enforcement_percentage: u32,
    /// How many endpoints must have enough calls, so that they are examined. 5 by default.
    pub minimum_hosts: u32,
    /// How many calls of an endpoint must have ended in the interval. 50 by default.
    pub request_volume: u32,
}

impl Default for FailurePercentageEjection {
    fn default() -> Self {
        Self {
            threshold: 85,
            enforcement_percentage: 100,
            minimum_hosts: 5,
            request_volume: 50,
        }
    }
}

impl FailurePercentageEjection {
    /// Sets the highest part of failed calls that is tolerated, in percent. Default: 85.
    #[must_use]
    pub fn with_threshold(mut self, percent: u32) -> Self {
        self.threshold = percent;
        self
    }

    /// Sets the part of the outliers that is ejected, in percent. Default: 100.
    #[must_use]
    pub fn with_enforcement_percentage(mut self, percent: u32) -> Self {
        self.enforcement_percentage = percent;
        self
    }

    /// Sets how many endpoints must have enough calls. Default: 5.
    #[must_use]
    pub fn with_minimum_hosts(mut self, hosts: u32) -> Self {
        self.minimum_hosts = hosts;
        self
    }

    /// Sets how many calls of an endpoint must have ended in the interval. Default: 50.
    #[must_use]
    pub fn with_request_volume(mut self, calls: u32) -> Self {
        self.request_volume = calls;
        self
    }
}
