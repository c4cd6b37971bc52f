//! What a client needs in order to read resources.

use std::fmt;
use std::sync::Arc;

use crate::core::resource_type::ResourceType;
use crate::core::resources::{Faults, Resource};
use crate::core::server::ServerConfig;

/// Reads and validates the resources that servers send.
pub trait ResourceDecoder: fmt::Debug + Send + Sync {
    /// Returns the name of the resource that is encoded in `bytes`, and reads nothing else of it.
    ///
    /// # Errors
    ///
    /// Why there is no name, for people: the bytes are no message, or its name is empty.
    fn name(&self, kind: ResourceType, bytes: &[u8]) -> Result<String, String>;

    /// Decodes and validates the resource that is encoded in `bytes`.
    ///
    /// `server` sent it: what some fields mean depends on the features of the server. `earlier` is the
    /// resource as it is cached: the new one can share what has not changed.
    ///
    /// # Errors
    ///
    /// All faults that were found.
    fn decode(
        &self,
        kind: ResourceType,
        bytes: &[u8],
        server: &Arc<ServerConfig>,
        earlier: Option<&Resource>,
    ) -> Result<Resource, Faults>;
}
