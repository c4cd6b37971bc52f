//! The metrics from which a utilization can be computed.

use std::fmt;

use crate::orca::LoadReport;

/// One utilization in a [`LoadReport`].
///
/// Source: [gRFC A114](https://github.com/grpc/proposal/pull/536).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UtilizationMetric {
    /// `application_utilization`.
    Application,
    /// `cpu_utilization`.
    Cpu,
    /// `mem_utilization`.
    Memory,
    /// `named_metrics.KEY`.
    Named(String),
    /// `utilization.KEY`.
    Utilization(String),
}

impl UtilizationMetric {
    /// Parses the name of a field, or the name of a map, a point and a key. The key is all that
    /// follows the first point, and may have points itself. `None` if a report has no such field.
    ///
    /// ```
    /// use trunkline_lb::UtilizationMetric;
    ///
    /// let metric = UtilizationMetric::parse("named_metrics.queue.depth");
    /// assert_eq!(metric, Some(UtilizationMetric::Named("queue.depth".to_owned())));
    /// assert_eq!(UtilizationMetric::parse("qps"), None);
    /// ```
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.split_once('.') {
            None => match name {
                "application_utilization" => Self::Application,
                "cpu_utilization" => Self::Cpu,
                "mem_utilization" => Self::Memory,
                _ => return None,
            },
            Some(("named_metrics", key)) => Self::Named(key.to_owned()),
            Some(("utilization", key)) => Self::Utilization(key.to_owned()),
            Some(_) => return None,
        })
    }

    /// Returns the value in a report: 0 if it is not reported.
    #[must_use]
    pub fn value_in(&self, report: &LoadReport) -> f64 {
        match self {
            Self::Application => report.application_utilization,
            Self::Cpu => report.cpu_utilization,
            Self::Memory => report.mem_utilization,
            Self::Named(key) => report.named_metrics.get(key).copied().unwrap_or(0.0),
            Self::Utilization(key) => report.utilization.get(key).copied().unwrap_or(0.0),
        }
    }
}

impl fmt::Display for UtilizationMetric {
    /// Prints the name that [`parse`](Self::parse) accepts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application => f.pad("application_utilization"),
            Self::Cpu => f.pad("cpu_utilization"),
            Self::Memory => f.pad("mem_utilization"),
            Self::Named(key) => write!(f, "named_metrics.{key}"),
            Self::Utilization(key) => write!(f, "utilization.{key}"),
        }
    }
}
