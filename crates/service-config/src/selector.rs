//! The choice of each call's configuration.

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use trunkline_endpoint::Attributes;
use trunkline_status::Status;

use crate::{MethodConfig, ServiceConfig};

/// Chooses the configuration of each call, once per call.
///
/// A [`ServiceConfig`] is a selector that chooses by the method's name. A resolver that routes
/// calls (xDS does, by path and metadata) returns a selector of its own with each resolution.
///
/// It runs on each call, on many threads at once. So an implementation should take no lock, and
/// borrow what it returns where it can.
///
/// Source: [gRFC A31](https://github.com/grpc/proposal/blob/master/A31-xds-timeout-support-and-config-selector.md).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use trunkline_service_config::{CallConfig, CallInfo, ConfigSelector, MethodConfig};
/// use trunkline_status::{Code, Status};
///
/// /// Gives each call a second, and refuses the calls of one service.
/// #[derive(Debug)]
/// struct Gate {
///     method: MethodConfig,
/// }
///
/// impl ConfigSelector for Gate {
///     fn select<'a>(&'a self, call: &CallInfo<'_>) -> Result<CallConfig<'a>, Status> {
///         if call.path.starts_with("/shop.Admin/") {
///             return Err(Status::new(Code::PermissionDenied, "not from this program"));
///         }
///         Ok(CallConfig::new(Some(&self.method)))
///     }
/// }
///
/// let gate = Gate { method: MethodConfig::default().with_timeout(Duration::from_secs(1)) };
/// ```
pub trait ConfigSelector: Debug + Send + Sync {
    /// Returns the configuration of one call.
    ///
    /// # Errors
    ///
    /// When there is none for this call (no route matches, for example): the call fails with the
    /// status.
    fn select<'a>(&'a self, call: &CallInfo<'_>) -> Result<CallConfig<'a>, Status>;

    /// Returns true if the errors of [`select`](Self::select) are for now: a call that is wait-for-ready
    /// waits for the next selector, and does not fail. Default: false.
    fn fails_for_now(&self) -> bool {
        false
    }
}

/// The parts of a call that a [`ConfigSelector`] may look at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CallInfo<'a> {
    /// The path of the call, `/package.Service/Method`.
    pub path: &'a str,
    /// The call's metadata.
    pub metadata: &'a HeaderMap,
    /// The attributes that the application gave to the call.
    pub attributes: &'a Attributes,
}

impl<'a> CallInfo<'a> {
    /// Returns the description of a call of the method at `path`.
    #[must_use]
    pub fn new(path: &'a str, metadata: &'a HeaderMap, attributes: &'a Attributes) -> Self {
        Self {
            path,
            metadata,
            attributes,
        }
    }
}

/// The configuration of one call.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CallConfig<'a> {
    /// The configuration of its method; `None` leaves everything to the caller.
    pub method: Option<&'a MethodConfig>,
    /// The attributes that pickers see, in place of the application's; `None` keeps those.
    pub attributes: Option<Attributes>,
    /// What is done to the call on purpose, before its first pick; `None` for nothing.
    pub fault: Option<Box<InjectedFault>>,
}

/// What is done to a call on purpose, so that a program can be tested.
///
/// The call is delayed first, within its deadline, then it ends. Neither is retried.
///
/// Source: [gRFC A33](https://github.com/grpc/proposal/blob/master/A33-Fault-Injection.md).
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct InjectedFault {
    /// How long the call is delayed. Default: not at all.
    pub delay: Option<Duration>,
    /// The status with which the call ends, without being sent. Default: it is sent.
    pub abort: Option<Status>,
    /// What is dropped when the fault is over. Default: nothing.
    pub guards: Vec<Arc<dyn Any + Send + Sync>>,
}

impl Debug for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InjectedFault")
            .field("delay", &self.delay)
            .field("abort", &self.abort)
            .finish_non_exhaustive()
    }
}

impl<'a> CallConfig<'a> {
    /// Returns a configuration with this part for the method, and the call's own attributes.
    #[must_use]
    pub fn new(method: Option<&'a MethodConfig>) -> Self {
        Self {
            method,
            attributes: None,
            fault: None,
        }
    }

    /// Replaces the attributes that pickers see.
    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = Some(attributes);
        self
    }

    /// Sets what is done to the call on purpose. Default: nothing.
    #[must_use]
    pub fn with_fault(mut self, fault: Option<Box<InjectedFault>>) -> Self {
        self.fault = fault;
        self
    }
}

impl ConfigSelector for ServiceConfig {
    /// Chooses by [`ServiceConfig::method`]; never fails.
    fn select<'a>(&'a self, call: &CallInfo<'_>) -> Result<CallConfig<'a>, Status> {
        Ok(CallConfig::new(self.method(call.path)))
    }
}
