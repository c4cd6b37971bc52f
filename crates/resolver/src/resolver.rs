//! The trait to write a resolver.

use std::fmt::Debug;
use std::sync::Arc;
use std::task::{Context, Poll};

use trunkline_endpoint::{Attributes, Endpoint};

use crate::ResolveError;

/// Turns one name into endpoints, again and again.
///
/// The channel's one control task polls it while the channel is not idle; dropping it ends it.
pub trait Resolver: Debug + Send {
    /// Ready with each new resolution. Each is answered by a call of
    /// [`handle_verdict`](Self::handle_verdict) before the next poll.
    fn poll_resolution(&mut self, cx: &mut Context<'_>) -> Poll<Resolution>;

    /// Hears that a connection was lost or could not be made, so that the list may be out of date.
    /// A hint: asking soon, later or not at all are all allowed. The channel polls again after it.
    fn resolve_now(&mut self) {}

    /// Hears what the channel made of the last resolution.
    fn handle_verdict(&mut self, verdict: Verdict) {
        let _ = verdict;
    }
}

/// Whether a resolution could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in use.
    Accepted,
    /// It could not be used (an empty list, a bad service config): try again, backing off.
    Rejected,
}

/// What a resolver found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resolution {
    /// The endpoints, best first, or why there are none.
    pub endpoints: Result<Arc<[Endpoint]>, ResolveError>,
    /// The service config that came with them.
    pub service_config: ServiceConfigSource,
    /// What is known of all endpoints together.
    pub attributes: Attributes,
    /// A remark on how this list came to be, quoted in later errors; may be empty.
    pub resolution_note: Arc<str>,
}

/// The service config that a resolver found.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum ServiceConfigSource {
    /// None: the channel's default is used.
    #[default]
    Absent,
    /// This JSON text.
    Json(Arc<str>),
    /// One that could not be had.
    Invalid(ResolveError),
}

impl Resolution {
    /// These endpoints, and nothing else.
    pub fn new(endpoints: impl Into<Arc<[Endpoint]>>) -> Self {
        Self::from_result(Ok(endpoints.into()))
    }

    /// No endpoints, because of this error.
    #[must_use]
    pub fn from_error(error: ResolveError) -> Self {
        Self::from_result(Err(error))
    }

    fn from_result(endpoints: Result<Arc<[Endpoint]>, ResolveError>) -> Self {
        Self {
            endpoints,
            service_config: ServiceConfigSource::Absent,
            attributes: Attributes::new(),
            resolution_note: Arc::from(""),
        }
    }

    /// With this service config, as JSON.
    #[must_use]
    pub fn with_service_config(mut self, json: impl Into<Arc<str>>) -> Self {
        self.service_config = ServiceConfigSource::Json(json.into());
        self
    }

    /// With these attributes in place of the earlier ones.
    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }
}
