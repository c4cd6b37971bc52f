//! The configuration of weighted_round_robin.

use std::time::Duration;

use serde_json::{Map, Value, json};
use trunkline_xds_proto::envoy::extensions::load_balancing_policies::client_side_weighted_round_robin::v3::ClientSideWeightedRoundRobin;

use crate::core::resources::decode::shared::duration;
use crate::core::resources::fault::{Faults, Place};

/// Returns the configuration: the fields of the message that are set.
pub(super) fn weighted_round_robin(
    message: &ClientSideWeightedRoundRobin,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<Value> {
    let mut config = Map::new();
    if let Some(is_on) = message.enable_oob_load_report {
        config.insert("enableOobLoadReport".to_owned(), Value::Bool(is_on));
    }
    for (field, name, read) in [
        (
            "oob_reporting_period",
            "oobReportingPeriod",
            message.oob_reporting_period,
        ),
        ("blackout_period", "blackoutPeriod", message.blackout_period),
        (
            "weight_expiration_period",
            "weightExpirationPeriod",
            message.weight_expiration_period,
        ),
        (
            "weight_update_period",
            "weightUpdatePeriod",
            message.weight_update_period,
        ),
    ] {
        if let Some(read) = read {
            let read = duration(read).map_err(|text| faults.add(&place.field(field), text));
            config.insert(name.to_owned(), seconds(read.ok()?));
        }
    }
    if let Some(penalty) = message.error_utilization_penalty {
        // What is no number of JSON would count as absent.
        if !(penalty.is_finite() && penalty >= 0.0) {
            let text = format!("must be a number of at least 0, is {penalty}");
            faults.add(&place.field("error_utilization_penalty"), text);
            return None;
        }
        config.insert("errorUtilizationPenalty".to_owned(), json!(penalty));
    }
    let metrics = &message.metric_names_for_computing_utilization;
    if !metrics.is_empty() {
        config.insert(
            "metricNamesForComputingUtilization".to_owned(),
            json!(metrics),
        );
    }
    Some(Value::Object(config))
}

/// Returns a duration as the JSON of protobuf has it, such as `"1.5s"`.
fn seconds(duration: Duration) -> Value {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    Value::String(format!("{seconds}.{nanos:09}s"))
}
