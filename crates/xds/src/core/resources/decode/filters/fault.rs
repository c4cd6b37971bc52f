//! The configuration of the fault filter.

use trunkline_xds_proto::envoy::extensions::filters::common::fault::v3 as common;
use trunkline_xds_proto::envoy::extensions::filters::common::fault::v3::fault_delay::FaultDelaySecifier;
use trunkline_xds_proto::envoy::extensions::filters::http::fault::v3::fault_abort::ErrorType;
use trunkline_xds_proto::envoy::extensions::filters::http::fault::v3::{self as proto, HttpFault};
use trunkline_xds_proto::envoy::r#type::v3::FractionalPercent;

use super::problem::Problem;
use crate::core::resources::decode::shared;
use crate::core::resources::http_filter::{FaultAbort, FaultConfig, FaultDelay, FaultShare};

/// Decodes which calls are delayed or aborted.
pub(super) fn decode(message: HttpFault) -> Result<FaultConfig, Problem> {
    Ok(FaultConfig {
        max_active_faults: message.max_active_faults,
        delay: message.delay.map(delay).transpose()?,
        abort: message.abort.map(abort).transpose()?.flatten(),
    })
}

fn delay(message: common::FaultDelay) -> Result<(FaultDelay, FaultShare), Problem> {
    let delay = match message.fault_delay_secifier {
        Some(FaultDelaySecifier::FixedDelay(delay)) => {
            let delay = shared::duration(delay);
            FaultDelay::Fixed(delay.map_err(|text| Problem::bad("delay.fixed_delay", text))?)
        }
        Some(FaultDelaySecifier::HeaderDelay(_)) => FaultDelay::Header,
        None => {
            return Err(Problem::bad(
                "delay",
                "has neither fixed_delay nor header_delay",
            ));
        }
    };
    Ok((delay, percentage(message.percentage, "delay.percentage")?))
}

/// Decodes the end of calls; `None` if no call ends.
fn abort(message: proto::FaultAbort) -> Result<Option<(FaultAbort, FaultShare)>, Problem> {
    let share = percentage(message.percentage, "abort.percentage")?;
    let abort = match message.error_type {
        Some(ErrorType::HttpStatus(status)) => {
            let Some(code) = FaultAbort::code_of_http(status) else {
                return Ok(None);
            };
            FaultAbort::Code(code)
        }
        Some(ErrorType::GrpcStatus(number)) => FaultAbort::Code(FaultAbort::code_of_grpc(number)),
        Some(ErrorType::HeaderAbort(_)) => FaultAbort::Header,
        None => {
            return Err(Problem::bad(
                "abort",
                "has neither http_status, grpc_status nor header_abort",
            ));
        }
    };
    Ok(Some((abort, share)))
}

fn percentage(
    value: Option<FractionalPercent>,
    field: &'static str,
) -> Result<FaultShare, Problem> {
    let value = value.unwrap_or_default();
    let fraction = |value| shared::fraction(value).map_err(|text| Problem::bad(field, text));
    Ok(FaultShare {
        configured: fraction(value)?,
        unit: fraction(FractionalPercent {
            numerator: 1,
            ..value
        })?,
    })
}
