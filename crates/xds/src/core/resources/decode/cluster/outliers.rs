//! The detection of outliers of a cluster.
//!
//! Source: [gRFC A50](https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md).

use trunkline_lb::{FailurePercentageEjection, OutlierDetectionConfig, SuccessRateEjection};
use trunkline_service_config::PolicyChoice;
use trunkline_xds_proto::envoy::config::cluster::v3::OutlierDetection;

use crate::core::resources::decode::shared::duration;
use crate::core::resources::fault::{Faults, Place};

/// Reads the detection of outliers, over the policy `child`. Fields that are not set have the defaults
/// of the policy. `None` without a child, once the faults are found.
pub(super) fn decode(
    message: &OutlierDetection,
    child: Option<&PolicyChoice>,
    faults: &mut Faults,
) -> Option<OutlierDetectionConfig> {
    let place = Place::Root.field("outlier_detection");
    let mut time = |name, value: Option<prost_types::Duration>| {
        duration(value?)
            .map_err(|text| faults.add(&place.field(name), text))
            .ok()
    };
    let interval = time("interval", message.interval);
    let base_ejection_time = time("base_ejection_time", message.base_ejection_time);
    let max_ejection_time = time("max_ejection_time", message.max_ejection_time);
    let mut percent = |name, value: Option<u32>| {
        if let Some(value) = value.filter(|&value| value > 100) {
            faults.add(
                &place.field(name),
                format!("must be at most 100, is {value}"),
            );
        }
        value
    };
    let most = percent("max_ejection_percent", message.max_ejection_percent);
    let success = percent("enforcing_success_rate", message.enforcing_success_rate);
    let threshold = percent(
        "failure_percentage_threshold",
        message.failure_percentage_threshold,
    );
    let failure = percent(
        "enforcing_failure_percentage",
        message.enforcing_failure_percentage,
    );

    let mut config = OutlierDetectionConfig::new(child?.clone());
    set(&mut config.interval, interval);
    set(&mut config.base_ejection_time, base_ejection_time);
    set(&mut config.max_ejection_time, max_ejection_time);
    set(&mut config.max_ejection_percent, most);
    if success != Some(0) {
        let mut ejection = SuccessRateEjection::default();
        set(&mut ejection.enforcement_percentage, success);
        set(
            &mut ejection.stdev_factor,
            message.success_rate_stdev_factor,
        );
        set(
            &mut ejection.minimum_hosts,
            message.success_rate_minimum_hosts,
        );
        set(
            &mut ejection.request_volume,
            message.success_rate_request_volume,
        );
        config.success_rate = Some(ejection);
    }
    if failure.is_some_and(|percent| percent > 0) {
        let mut ejection = FailurePercentageEjection::default();
        set(&mut ejection.enforcement_percentage, failure);
        set(&mut ejection.threshold, threshold);
        set(
            &mut ejection.minimum_hosts,
            message.failure_percentage_minimum_hosts,
        );
        set(
            &mut ejection.request_volume,
            message.failure_percentage_request_volume,
        );
        config.failure_percentage = Some(ejection);
    }
    Some(config)
}

/// Replaces a default by the value of a field that is set.
fn set<T>(field: &mut T, read: Option<T>) {
    if let Some(read) = read {
        *field = read;
    }
}
