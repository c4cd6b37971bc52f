//! The faults of calls, on purpose.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use trunkline_lb::PickRng;
use trunkline_service_config::InjectedFault;
use trunkline_status::{Code, Status};

use crate::core::resources::{
    FaultAbort, FaultConfig, FaultDelay, FaultShare, FilterConfig, FilterOverrides, Fraction,
    HttpFilter, header_text,
};

// The headers with which a call asks for a fault, where the filter allows it.
//
// Source: gRFC A33, "Header-based fault injection".
const DELAY: &str = "x-envoy-fault-delay-request";
const DELAY_PERCENTAGE: &str = "x-envoy-fault-delay-request-percentage";
const ABORT_GRPC: &str = "x-envoy-fault-abort-grpc-request";
const ABORT_HTTP: &str = "x-envoy-fault-abort-request";
const ABORT_PERCENTAGE: &str = "x-envoy-fault-abort-request-percentage";

/// The text of an aborted call.
const ABORTED: &str = "call aborted by fault injection";

/// Counts the faults of all channels of a process that are under way.
pub trait ActiveFaults: Debug + Send + Sync {
    /// Counts a fault, unless `most` or more are under way. It is under way until the value is dropped.
    fn start(&self, most: Option<u32>) -> Option<Arc<dyn Any + Send + Sync>>;
}

/// Returns the fault filters of calls: those of the listener, with what `overrides` change, the most
/// specific first.
pub(super) fn filters(
    filters: &[HttpFilter],
    overrides: [&FilterOverrides; 3],
) -> Arc<[FaultConfig]> {
    let active = filters.iter().filter_map(|filter| {
        let changed = overrides.iter().find_map(|level| level.get(&filter.name));
        let config = match changed {
            Some(changed) if changed.is_disabled => return None,
            Some(changed) => changed.config.as_ref().unwrap_or(&filter.config),
            None if filter.is_disabled => return None,
            None => &filter.config,
        };
        match config {
            FilterConfig::Fault(config) if config.max_active_faults != Some(0) => {
                Some(config.clone())
            }
            FilterConfig::Fault(_) | FilterConfig::Router => None,
        }
    });
    active.collect()
}

/// Draws the fault of a call; `None` for a call without one.
///
/// Source: [gRFC A33](https://github.com/grpc/proposal/blob/master/A33-Fault-Injection.md).
pub(super) fn draw(
    filters: &[FaultConfig],
    metadata: &HeaderMap,
    rng: &PickRng,
    active: Option<&dyn ActiveFaults>,
) -> Option<Box<InjectedFault>> {
    let mut fault: Option<Box<InjectedFault>> = None;
    for filter in filters {
        let is_drawn = |share: Fraction| {
            let draw = rng.below(Fraction::DENOMINATOR as usize);
            u32::try_from(draw).is_ok_and(|draw| share.contains(draw))
        };
        let delay = filter.delay.as_ref().and_then(|(delay, share)| {
            let (delay, share) = match delay {
                FaultDelay::Fixed(delay) => (*delay, share.configured),
                FaultDelay::Header => {
                    let millis = number(DELAY, metadata)?;
                    let share = lowered(*share, DELAY_PERCENTAGE, metadata);
                    (Duration::from_millis(u64::from(millis)), share)
                }
            };
            is_drawn(share).then_some(delay)
        });
        let abort = filter.abort.as_ref().and_then(|(abort, share)| {
            let (code, share) = match abort {
                FaultAbort::Code(code) => (*code, share.configured),
                FaultAbort::Header => {
                    let code = requested_code(metadata)?;
                    (code, lowered(*share, ABORT_PERCENTAGE, metadata))
                }
            };
            is_drawn(share).then_some(code)
        });
        if delay.is_none() && abort.is_none() {
            continue;
        }
        let guard = match active.map(|active| active.start(filter.max_active_faults)) {
            Some(Some(guard)) => Some(guard),
            // As many as the filter allows are under way.
            Some(None) => continue,
            None => None,
        };
        let fault = fault.get_or_insert_default();
        fault.delay = match (fault.delay, delay) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        fault.guards.extend(guard);
        if let Some(code) = abort {
            // The filters after it do not see the call.
            let text = if code == Code::Ok { "" } else { ABORTED };
            fault.abort = Some(Status::new(code, text));
            break;
        }
    }
    fault
}

/// Returns the code that a call asks for. A status of HTTP goes before one of gRPC, as in Envoy.
fn requested_code(metadata: &HeaderMap) -> Option<Code> {
    let of_http = number(ABORT_HTTP, metadata).and_then(FaultAbort::code_of_http);
    of_http.or_else(|| number(ABORT_GRPC, metadata).map(FaultAbort::code_of_grpc))
}

/// Returns a share, lowered by what a header asks for.
fn lowered(share: FaultShare, name: &str, metadata: &HeaderMap) -> Fraction {
    let Some(numerator) = number(name, metadata) else {
        return share.configured;
    };
    let asked = u64::from(numerator) * u64::from(share.unit.millionths());
    share.configured.min(Fraction::from_millionths(asked))
}

/// Returns the number in the last value of a header.
fn number(name: &str, metadata: &HeaderMap) -> Option<u32> {
    let values = header_text(name, metadata)?;
    let last = values.rsplit(',').next()?;
    last.trim().parse().ok()
}
