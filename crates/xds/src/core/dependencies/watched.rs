//! What is known of a watched resource or name.

use std::sync::Arc;

use trunkline_endpoint::Endpoint;

use crate::core::resource_error::ResourceError;

/// A watched resource.
#[derive(Debug)]
pub(super) struct Watched<T> {
    /// Its value or error; `None` before the first one.
    pub(super) current: Option<Result<Arc<T>, ResourceError>>,
    /// Why the value may be out of date.
    pub(super) ambient: Option<ResourceError>,
}

impl<T> Default for Watched<T> {
    fn default() -> Self {
        Self {
            current: None,
            ambient: None,
        }
    }
}

impl<T> Watched<T> {
    /// Handles a new value or error, which replaces everything before it.
    pub(super) fn change(&mut self, current: Result<Arc<T>, ResourceError>) {
        self.current = Some(current);
        self.ambient = None;
    }
}

/// A name that is resolved.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// Its addresses, as one endpoint. They stay when a later resolution fails.
    pub(super) endpoint: Option<Arc<Endpoint>>,
    /// Why the last resolution failed.
    pub(super) error: Option<Arc<str>>,
}

impl Resolved {
    /// Returns whether there is an answer.
    pub(super) fn is_known(&self) -> bool {
        self.endpoint.is_some() || self.error.is_some()
    }
}
