//! The factory of `outlier_detection_experimental`, which parses its configuration.

use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{
    Object, expected, object, optional, required, string, uint32,
};
use trunkline_service_config::{
    ConfigError, PolicyChoice, PolicyConfig, PolicyParsers, parse_duration,
};

use super::config::{FailurePercentageEjection, OutlierDetectionConfig, SuccessRateEjection};
use super::policy::OutlierDetection;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};

/// Creates [`OutlierDetection`] policies.
///
/// The fields of its configuration are those of [`OutlierDetectionConfig`], with the names of gRPC's
/// `service_config.proto`: `interval`, `baseEjectionTime`, `maxEjectionTime`, `maxEjectionPercent`,
/// `successRateEjection` (`stdevFactor`, `enforcementPercentage`, `minimumHosts`, `requestVolume`),
/// `failurePercentageEjection` (`threshold`, `enforcementPercentage`, `minimumHosts`,
/// `requestVolume`), and `childPolicy`, which must be present.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutlierDetectionFactory;

impl PolicyFactory for OutlierDetectionFactory {
    fn name(&self) -> &str {
        "outlier_detection_experimental"
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        let none = Object::new();
        let fields = if config.is_null() {
            &none
        } else {
            object(config)?
        };
        let child = required(fields, "childPolicy", |list| {
            PolicyChoice::parse(list, policies)
        })?;
        let mut parsed = OutlierDetectionConfig::new(child);
        for (field, value) in [
            ("interval", &mut parsed.interval),
            ("baseEjectionTime", &mut parsed.base_ejection_time),
            ("maxEjectionTime", &mut parsed.max_ejection_time),
        ] {
            let duration = |value| parse_duration(string(value)?);
            set(value, optional(fields, field, duration)?);
        }
        let most = optional(fields, "maxEjectionPercent", percent)?;
        set(&mut parsed.max_ejection_percent, most);
        parsed.success_rate = optional(fields, "successRateEjection", success_rate)?;
        parsed.failure_percentage =
            optional(fields, "failurePercentageEjection", failure_percentage)?;
        Ok(Arc::new(parsed))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(OutlierDetection::new(options))
    }
}

fn success_rate(value: &Value) -> Result<SuccessRateEjection, ConfigError> {
    let fields = object(value)?;
    let mut parsed = SuccessRateEjection::default();
    let factor = optional(fields, "stdevFactor", uint32)?;
    set(&mut parsed.stdev_factor, factor);
    let enforcement = optional(fields, "enforcementPercentage", percent)?;
    set(&mut parsed.enforcement_percentage, enforcement);
    let hosts = optional(fields, "minimumHosts", uint32)?;
    set(&mut parsed.minimum_hosts, hosts);
    let volume = optional(fields, "requestVolume", uint32)?;
    set(&mut parsed.request_volume, volume);
    Ok(parsed)
}

fn failure_percentage(value: &Value) -> Result<FailurePercentageEjection, ConfigError> {
    let fields = object(value)?;
    let mut parsed = FailurePercentageEjection::default();
    let threshold = optional(fields, "threshold", percent)?;
    set(&mut parsed.threshold, threshold);
    let enforcement = optional(fields, "enforcementPercentage", percent)?;
    set(&mut parsed.enforcement_percentage, enforcement);
    let hosts = optional(fields, "minimumHosts", uint32)?;
    set(&mut parsed.minimum_hosts, hosts);
    let volume = optional(fields, "requestVolume", uint32)?;
    set(&mut parsed.request_volume, volume);
    Ok(parsed)
}

/// Reads an integer from 0 to 100.
fn percent(value: &Value) -> Result<u32, ConfigError> {
    uint32(value)
        .ok()
        .filter(|percent| *percent <= 100)
        .ok_or_else(|| expected("an integer from 0 to 100", value))
}

/// Replaces a default by the value of a field that is present.
fn set<T>(value: &mut T, read: Option<T>) {
    if let Some(read) = read {
        *value = read;
    }
}
