//! What observers of a client can know.

use std::sync::Arc;

use crate::core::names::AuthorityName;
use crate::core::resource_type::ResourceType;
use crate::core::server::ServerConfig;

/// An event of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdsEvent {
    /// A server counts as connected: its first stream starts, or it answers after it had failed. The
    /// gauge `grpc.xds_client.connected` is 1 from now on.
    Connected {
        /// The server.
        server: Arc<ServerConfig>,
    },
    /// A server failed: it cannot be connected, or ended a stream without an answer. The gauge
    /// `grpc.xds_client.connected` is 0 from now on. Comes once for each
    /// [`Connected`](Self::Connected): `grpc.xds_client.server_failure` counts it.
    Failed {
        /// The server.
        server: Arc<ServerConfig>,
        /// How.
        text: Arc<str>,
    },
    /// A server is not used any more, and its connection is closed. It does not count as connected
    /// from now on, and this is no failure.
    Disconnected {
        /// The server.
        server: Arc<ServerConfig>,
    },
    /// A stream ended, and another one follows.
    StreamEnded {
        /// The server.
        server: Arc<ServerConfig>,
        /// How, by the status of the call.
        text: Arc<str>,
        /// Whether the server had sent a response on it.
        is_answered: bool,
    },
    /// A server sent resources.
    Response {
        /// The server.
        server: Arc<ServerConfig>,
        /// The type of the resources.
        kind: ResourceType,
        /// The version.
        version: Arc<str>,
        /// The number of watched resources that are valid, unchanged ones included:
        /// `grpc.xds_client.resource_updates_valid`.
        valid: u64,
        /// The number of resources that are invalid: `grpc.xds_client.resource_updates_invalid`.
        invalid: u64,
        /// Why the response was refused (NACK); `None` if it was accepted.
        nack: Option<Arc<str>>,
    },
    /// A server sent a response of a type that was not asked for. It is ignored.
    ResponseIgnored {
        /// The server.
        server: Arc<ServerConfig>,
        /// The start of the type URL.
        type_url: String,
    },
    /// The number of watched resources of an authority, a type and a state changed:
    /// `grpc.xds_client.resources`. Comes only where the shell
    /// [asks for it](super::AdsClient::report_resources).
    Resources {
        /// The authority.
        authority: AuthorityName,
        /// The type.
        kind: ResourceType,
        /// The state, by its [label](super::ResourceState::label).
        state: &'static str,
        /// The number of resources.
        count: u64,
    },
    /// The next server of an authority is asked too, because the one before it failed.
    FellBack {
        /// The authority.
        authority: AuthorityName,
        /// The server that failed.
        from: Arc<ServerConfig>,
        /// The server that is asked now.
        to: Arc<ServerConfig>,
    },
    /// A better server of an authority answered. Those after it are not asked any more.
    Recovered {
        /// The authority.
        authority: AuthorityName,
        /// The server that answered.
        server: Arc<ServerConfig>,
    },
}
