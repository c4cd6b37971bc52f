//! What a channel passes to a resolver factory.

use std::sync::Arc;

use trunkline_connector::{Connector, DirectConnector};
use trunkline_runtime::Runtime;

use crate::ResolverMetrics;

/// What a channel passes to the factory for each resolver.
///
/// # Examples
///
/// The options of a program that uses a resolver without a channel:
///
/// ```
/// use std::sync::Arc;
/// use trunkline_resolver::ResolverOptions;
/// use trunkline_runtime::AsyncStd;
///
/// let options = ResolverOptions::new(Arc::new(AsyncStd::new())).with_authority("orders.test");
/// assert_eq!(options.authority.as_deref(), Some("orders.test"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResolverOptions {
    /// The channel's runtime: clock, timers, sockets, randomness.
    pub runtime: Arc<dyn Runtime>,
    /// Whether the channel ignores service configs; the resolver then looks up none.
    pub disable_service_config: bool,
    /// The `:authority` of the channel's calls, unless an address or a call has its own; `None`
    /// where there is no channel.
    pub authority: Option<Arc<str>>,
    /// Whether the application chose [`authority`](Self::authority); false, the default, where it is that of
    /// the target, or `localhost` in place of one that cannot be sent.
    pub is_authority_set: bool,
    /// The channel's connector, for a resolver that connects to a server of its own. Its streams
    /// are those below the channel's transport security. Default: a [`DirectConnector`].
    pub connector: Arc<dyn Connector>,
    /// How the channel secures its connections. Default: [`CredentialsKind::Plaintext`].
    pub credentials: CredentialsKind,
    /// Receives what the resolver reports about its work; `None`, the default, where nothing
    /// listens.
    pub metrics: Option<Arc<dyn ResolverMetrics>>,
}

/// How a channel secures its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialsKind {
    /// Not at all.
    #[default]
    Plaintext,
    /// By TLS.
    Tls,
}

impl ResolverOptions {
    /// Returns options with this runtime, and the defaults for everything else.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self {
            connector: Arc::new(DirectConnector::new(Arc::clone(&runtime))),
            runtime,
            disable_service_config: false,
            authority: None,
            is_authority_set: false,
            credentials: CredentialsKind::default(),
            metrics: None,
        }
    }

    /// Sets whether service configs are ignored. Default: false.
    #[must_use]
    pub fn with_disable_service_config(mut self, disable: bool) -> Self {
        self.disable_service_config = disable;
        self
    }

    /// Sets the `:authority` of the channel's calls. Default: none.
    #[must_use]
    pub fn with_authority(mut self, authority: impl Into<Arc<str>>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// Sets whether the application chose the authority. Default: false.
    #[must_use]
    pub fn with_is_authority_set(mut self, is_set: bool) -> Self {
        self.is_authority_set = is_set;
        self
    }

    /// Sets the connector. Default: a [`DirectConnector`].
    #[must_use]
    pub fn with_connector(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connector = connector;
        self
    }

    /// Sets how connections are secured. Default: [`CredentialsKind::Plaintext`].
    #[must_use]
    pub fn with_credentials(mut self, credentials: CredentialsKind) -> Self {
        self.credentials = credentials;
        self
    }

    /// Sets the receiver of what the resolver reports about its work. Default: none.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn ResolverMetrics>) -> Self {
        self.metrics = Some(metrics);
        self
    }
}
