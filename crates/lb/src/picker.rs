//! Choosing a subchannel for one call.

use std::fmt;

use http::HeaderMap;
use trunkline_status::Status;

use crate::SubchannelId;

/// Chooses a subchannel for each call: what a policy hands to the data path.
///
/// Called at once by many callers, so it takes no lock, spawns nothing and allocates nothing.
pub trait Picker: fmt::Debug + Send + Sync {
    /// Chooses for one call.
    fn pick(&self, request: &PickRequest<'_>) -> Pick;
}

/// What a picker may look at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PickRequest<'a> {
    /// The path of the call, `/package.Service/Method`.
    pub path: &'a str,
    /// The call's metadata.
    pub metadata: &'a HeaderMap,
}

impl<'a> PickRequest<'a> {
    /// A request for the method at `path`.
    #[must_use]
    pub fn new(path: &'a str, metadata: &'a HeaderMap) -> Self {
        Self { path, metadata }
    }
}

/// What a picker says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pick {
    /// Use this subchannel. If it has no connection any more, the call waits for the next picker.
    Subchannel(SubchannelId),
    /// Wait for the next picker.
    Queue,
    /// Wait for the next picker, and tell the policy to leave idleness
    /// ([`Policy::exit_idle`](crate::Policy::exit_idle)).
    ExitIdle,
    /// Fail, unless the call waits for readiness.
    Fail(Status),
    /// Fail, whatever the call asks for, and never repeat it.
    Drop(Status),
}

/// The same for every call.
impl Picker for Pick {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        self.clone()
    }
}
