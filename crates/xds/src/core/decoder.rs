//! The decoder of all types of resources.

use super::ads::ResourceDecoder;
use super::resource_type::ResourceType;
use super::resources::{self, DecodeContext, Faults, Resource};
use super::server::ServerConfig;

/// Decodes and validates the resources that servers send.
#[derive(Clone, Debug, Default)]
pub struct Decoder {}

impl Decoder {
    /// Returns a decoder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl ResourceDecoder for Decoder {
    fn name(&self, kind: ResourceType, bytes: &[u8]) -> Result<String, String> {
        resources::resource_name(kind, bytes)
    }

    fn decode(
        &self,
        kind: ResourceType,
        bytes: &[u8],
        server: &ServerConfig,
    ) -> Result<Resource, Faults> {
        resources::decode(kind, bytes, &DecodeContext::new(server))
    }
}
