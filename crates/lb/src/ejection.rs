//! What outlier detection decides about backends.

use std::fmt;
use std::time::Duration;

/// A decision of outlier detection about one endpoint.
///
/// Source:
/// [gRFC A50](https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md), and
/// [gRFC A91](https://github.com/grpc/proposal/blob/master/A91-outlier-detection-metrics.md) for the
/// decisions that are worth a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ejection {
    /// The endpoint gets no calls. Its connection stays.
    Ejected {
        /// The method that detected it.
        method: DetectionMethod,
        /// The shortest time until it gets calls again. It does so at the end of an interval.
        time: Duration,
    },
    /// The endpoint is an outlier, and gets calls all the same.
    NotEjected {
        /// The method that detected it.
        method: DetectionMethod,
        /// The reason.
        reason: NotEjected,
    },
    /// The endpoint was ejected, and gets calls again.
    Returned,
}

/// The method that detects an outlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DetectionMethod {
    /// Fewer of its calls succeed than those of the other endpoints.
    SuccessRate,
    /// Too many of its calls fail.
    FailurePercentage,
}

/// The reason for which an outlier is not ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotEjected {
    /// The configuration ejects only a part of the outliers.
    EnforcementPercentage,
    /// As many endpoints are ejected as the configuration allows.
    MaxEjectionPercent,
}

impl fmt::Display for Ejection {
    /// Prints a part of a sentence, such as `ejected by success_rate for at least 30s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ejected { method, time } => {
                write!(f, "ejected by {method} for at least {time:?}")
            }
            Self::NotEjected { method, reason } => {
                write!(
                    f,
                    "an outlier by {method}, and not ejected because of {reason}"
                )
            }
            Self::Returned => f.write_str("not ejected any more"),
        }
    }
}

impl fmt::Display for DetectionMethod {
    /// Prints the label of gRFC A91, such as `success_rate`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SuccessRate => "success_rate",
            Self::FailurePercentage => "failure_percentage",
        })
    }
}

impl fmt::Display for NotEjected {
    /// Prints the label of gRFC A91, such as `max_ejection_overflow`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::EnforcementPercentage => "enforcement_percentage",
            Self::MaxEjectionPercent => "max_ejection_overflow",
        })
    }
}
