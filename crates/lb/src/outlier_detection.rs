//! The policy `outlier_detection_experimental` (gRFC A50).

// From the ground up: a file uses those above it, never those below.
mod calls;
mod config;

mod endpoints;
mod picker;

mod sweep;

mod policy;

mod factory;

pub use self::config::{FailurePercentageEjection, OutlierDetectionConfig, SuccessRateEjection};
pub use self::factory::OutlierDetectionFactory;
pub use self::policy::OutlierDetection;
