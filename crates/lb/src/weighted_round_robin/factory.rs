//! The factory of `weighted_round_robin`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use trunkline_service_config::json::{Object, boolean, expected, list, object, optional, string};
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers, parse_duration};

use super::config::WeightedRoundRobinConfig;
use super::metric::UtilizationMetric;
use super::policy::WeightedRoundRobin;
use crate::policy::Policy;
use crate::registry::{PolicyFactory, PolicyOptions};

/// Creates [`WeightedRoundRobin`] policies.
///
/// The fields in a service config, all of them optional: `enableOobLoadReport`,
/// `oobReportingPeriod`, `blackoutPeriod`, `weightExpirationPeriod`, `weightUpdatePeriod`,
/// `errorUtilizationPenalty`, and `metricNamesForComputingUtilization`, a list of names such as
/// `named_metrics.queue` ([`UtilizationMetric::parse`]). Names of metrics that no report can have are
/// ignored.
#[derive(Clone, Copy, Debug, Default)]
pub struct WeightedRoundRobinFactory;

impl PolicyFactory for WeightedRoundRobinFactory {
    fn name(&self) -> &str {
        "weighted_round_robin"
    }

    fn parse_config(
        &self,
        config: &Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(match config {
            Value::Null => WeightedRoundRobinConfig::default(),
            config => parse(object(config)?)?,
        }))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(WeightedRoundRobin::new(options))
    }
}

fn parse(fields: &Object) -> Result<WeightedRoundRobinConfig, ConfigError> {
    let duration = |field: &str, default| Ok(optional(fields, field, duration)?.unwrap_or(default));
    let default = WeightedRoundRobinConfig::default();
    let enable_oob_load_report = optional(fields, "enableOobLoadReport", boolean)?;
    let penalty = optional(fields, "errorUtilizationPenalty", penalty)?;
    let metrics = optional(fields, "metricNamesForComputingUtilization", |names| {
        list(names, string)
    })?;
    let metrics = metrics.unwrap_or_default();
    Ok(WeightedRoundRobinConfig {
        enable_oob_load_report: enable_oob_load_report.unwrap_or(default.enable_oob_load_report),
        oob_reporting_period: duration("oobReportingPeriod", default.oob_reporting_period)?,
        blackout_period: duration("blackoutPeriod", default.blackout_period)?,
        weight_expiration_period: duration(
            "weightExpirationPeriod",
            default.weight_expiration_period,
        )?,
        ..default.clone()
    }
    .with_weight_update_period(duration(
        "weightUpdatePeriod",
        default.weight_update_period,
    )?)
    .with_error_utilization_penalty(penalty.unwrap_or(default.error_utilization_penalty))
    .with_metrics_for_utilization(metrics.into_iter().filter_map(UtilizationMetric::parse)))
}

fn duration(value: &Value) -> Result<Duration, ConfigError> {
    parse_duration(string(value)?)
}

fn penalty(value: &Value) -> Result<f64, ConfigError> {
    let penalty = value.as_f64().filter(|number| *number >= 0.0);
    penalty.ok_or_else(|| expected("a number that is not negative", value))
}
