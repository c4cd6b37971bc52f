//! The state of a client, as plain data.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::authority::{Authority, NoFallback};
use super::entry::{Entry, Origin};
use super::links::Links;
use super::state::ResourceState;
use crate::core::names::AuthorityName;
use crate::core::resource_error::ResourceError;
use crate::core::resource_type::ResourceType;
use crate::core::server::ServerConfig;

/// The state of a client at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct AdsDump {
    /// The servers in use, in the order in which they came into use.
    pub servers: Vec<ServerDump>,
    /// The authorities with watched resources, by name.
    pub authorities: Vec<AuthorityDump>,
}

/// A server in use.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerDump {
    /// The server.
    pub server: Arc<ServerConfig>,
    /// Why it cannot be asked; `None` if it can be, or if that is not known yet.
    pub failure: Option<Arc<str>>,
    /// Whether it is not read now, because watchers still work on what it sent.
    pub is_held: bool,
}

/// An authority with watched resources.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthorityDump {
    /// The name.
    pub name: AuthorityName,
    /// The servers that are asked, best first. The last of them is the active one.
    pub asked: Vec<Arc<ServerConfig>>,
    /// Why the next server is not asked; `None` if it is about to be.
    pub no_fallback: Option<NoFallback>,
    /// The watched resources, by type and name.
    pub resources: Vec<ResourceDump>,
}

/// A watched resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceDump {
    /// The type.
    pub kind: ResourceType,
    /// The name, in canonical form.
    pub name: Arc<str>,
    /// The state.
    pub state: ResourceState,
    /// The number of watchers.
    pub watchers: usize,
    /// The resource in use; `None` if there is none.
    pub cached: Option<CachedDump>,
    /// The last error, if no valid resource came after it.
    pub error: Option<ErrorDump>,
}

/// A resource in use.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedDump {
    /// The bytes of the message, as the server sent them.
    pub raw: Bytes,
    /// The version of the last response that had it.
    pub version: Arc<str>,
    /// When that response came.
    pub updated: Instant,
    /// The server that sent it.
    pub server: Arc<ServerConfig>,
}

/// An error of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorDump {
    /// The error.
    pub error: ResourceError,
    /// The version of the response with the error, such as the refused one; empty if the error is
    /// that no response came.
    pub version: Arc<str>,
    /// When the last error came.
    pub at: Instant,
    /// The server that sent the response, or that did not send it.
    pub server: Arc<ServerConfig>,
}

impl AuthorityDump {
    pub(super) fn of(authority: &Authority, links: &Links) -> Self {
        let resources = authority
            .entries()
            .map(|(kind, name, entry)| ResourceDump::of(kind, name, entry));
        Self {
            name: authority.name.clone(),
            asked: authority.servers[..authority.links().len()].to_vec(),
            no_fallback: authority.no_fallback(links),
            resources: resources.collect(),
        }
    }
}

impl ResourceDump {
    fn of(kind: ResourceType, name: &Arc<str>, entry: &Entry) -> Self {
        let cached = entry.cached().map(|cached| {
            let Origin {
                server,
                version,
                at,
            } = cached.origin.clone();
            CachedDump {
                raw: cached.raw.clone(),
                version,
                updated: at,
                server,
            }
        });
        let error = entry.error().map(|recorded| {
            let Origin {
                server,
                version,
                at,
            } = recorded.origin.clone();
            ErrorDump {
                error: recorded.error.clone(),
                version,
                at,
                server,
            }
        });
        Self {
            kind,
            name: Arc::clone(name),
            state: entry.state(),
            watchers: entry.watchers().len(),
            cached,
            error,
        }
    }
}
