//! What a dependency manager asks its shell to do.

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
    /// Every call fails from now on with UNAVAILABLE and this text: there is nothing to route by.
    Fail(Arc<str>),
}
