//! What tests of decoding share.

use std::sync::Arc;

use prost::Message;
use trunkline_xds::core::ads::ResourceDecoder;
use trunkline_xds::core::resources::Resource;
use trunkline_xds::core::{Decoder, ResourceType, ServerConfig, ServerFeatures};

/// Decodes a resource from a server that is not trusted.
pub(crate) fn decode(kind: ResourceType, message: &impl Message) -> Result<Resource, String> {
    decode_from(kind, message, &server())
}

/// Decodes a resource from a server.
pub(crate) fn decode_from(
    kind: ResourceType,
    message: &impl Message,
    server: &ServerConfig,
) -> Result<Resource, String> {
    let server = Arc::new(server.clone());
    let decoded = Decoder::default().decode(kind, &message.encode_to_vec(), &server, None);
    decoded.map_err(|faults| faults.to_string())
}

pub(crate) fn server() -> ServerConfig {
    ServerConfig::insecure("dns:///plane.example:18000")
}

/// Returns a server that may decide the authority of calls.
pub(crate) fn trusted_server() -> ServerConfig {
    server().with_features(ServerFeatures::default().with_trusted_xds_server(true))
}
