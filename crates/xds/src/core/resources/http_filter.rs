//! HTTP filters of a listener, and their overrides by routes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use trunkline_status::Code;

use super::fraction::Fraction;

/// An HTTP filter of a listener.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpFilter {
    /// The name of the instance. Routes override its configuration under this name.
    pub name: Arc<str>,
    /// Its configuration.
    pub config: FilterConfig,
    /// Whether it does nothing, unless a route turns it on.
    pub is_disabled: bool,
}

/// The configuration of a filter of a known type.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FilterConfig {
    /// Sends the call on: the last filter of each listener.
    Router,
    /// Delays and aborts calls (gRFC A33).
    Fault(FaultConfig),
}

/// What a virtual host, a route or a weighted cluster changes about a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterOverride {
    /// The configuration in place of the filter's own; `None` keeps that.
    pub config: Option<FilterConfig>,
    /// Whether the filter does nothing here.
    pub is_disabled: bool,
}

/// Overrides by the name of the filter.
pub type FilterOverrides = BTreeMap<Arc<str>, FilterOverride>;

/// Which calls are delayed or aborted.
///
/// Source: [gRFC A33](https://github.com/grpc/proposal/blob/master/A33-Fault-Injection.md).
#[derive(Clone, Debug, PartialEq)]
pub struct FaultConfig {
    /// The most faults at the same time in the whole process; `None` for no limit, 0 turns the filter
    /// off.
    pub max_active_faults: Option<u32>,
    /// The delay, and which calls have it.
    pub delay: Option<(FaultDelay, FaultShare)>,
    /// The end of calls, and which calls have it.
    pub abort: Option<(FaultAbort, FaultShare)>,
}

/// Which calls have a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultShare {
    /// The share of the calls.
    pub configured: Fraction,
    /// The share that the number 1 means in the header with which a call can lower its share.
    pub unit: Fraction,
}

/// How long a call is delayed.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultDelay {
    /// So long.
    Fixed(Duration),
    /// As the call's header `x-envoy-fault-delay-request` asks, in milliseconds.
    Header,
}

/// How a call ends.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultAbort {
    /// With this code.
    Code(Code),
    /// As the call's headers `x-envoy-fault-abort-grpc-request` and `x-envoy-fault-abort-request` ask.
    Header,
}

impl FaultAbort {
    /// Returns the code of a call that ends with this HTTP status; `None` outside 200 to 599, which
    /// ends no call.
    ///
    /// Source: [HTTP to gRPC status codes](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
    #[must_use]
    pub fn code_of_http(status: u32) -> Option<Code> {
        let status = u16::try_from(status).ok()?;
        let status = StatusCode::from_u16(status).ok()?;
        (200..600)
            .contains(&status.as_u16())
            .then(|| Code::from_http_status(status))
    }

    /// Returns the code with this number; `Unknown` if there is none.
    #[must_use]
    pub fn code_of_grpc(number: u32) -> Code {
        Code::from_number(number).unwrap_or(Code::Unknown)
    }
}
