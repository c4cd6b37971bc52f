//! What a dependency manager asks its shell to do, and what it waits for.

use std::fmt;
use std::sync::Arc;

use crate::core::config::XdsConfig;
use crate::core::resource_type::ResourceType;

/// The host name and port of a LOGICAL_DNS cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName {
    /// The host name.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
}

impl HostName {
    pub(super) fn new(host: &Arc<str>, port: u16) -> Self {
        Self {
            host: Arc::clone(host),
            port,
        }
    }
}

impl fmt::Display for HostName {
    /// Prints it for people: `host name "db.local:443"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host name \"{}:{}\"", self.host, self.port)
    }
}

/// An action for the shell of a dependency manager. Actions are performed in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DependencyOutput {
    /// Watch a resource. It is not watched so far.
    Watch(ResourceType, Arc<str>),
    /// End the watch of a resource.
    Unwatch(ResourceType, Arc<str>),
    /// Resolve a name, again and again.
    Resolve(HostName),
    /// End the resolution of a name.
    StopResolving(HostName),
    /// The channel routes by this configuration from now on.
    Publish(Arc<XdsConfig>),
    /// Every call fails from now on with UNAVAILABLE: there is nothing to route by.
    Fail(RoutingFailure),
}

/// Why there is nothing to route by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoutingFailure {
    /// The text for calls.
    pub text: Arc<str>,
    /// Whether only the way to the resource failed, so that it may be there: then a call that is
    /// wait-for-ready waits.
    pub is_transient: bool,
}

/// What a configuration waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// The value of a resource, or its error.
    Resource(ResourceType, Arc<str>),
    /// The addresses of a name, or their error.
    HostName(HostName),
}

impl fmt::Display for Awaited {
    /// Prints it for people: `cluster "orders"`, `host name "db.local:443"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource(kind, name) => write!(f, "{kind} {name:?}"),
            Self::HostName(name) => name.fmt(f),
        }
    }
}
