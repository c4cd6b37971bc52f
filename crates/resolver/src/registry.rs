//! Which factory serves which scheme.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{AddressScheme, ResolverFactory};

/// The factories that a channel may use, one a scheme.
///
/// A value, not a global: two channels of a process may differ. Cheap enough to clone for each.
///
/// # Examples
///
/// ```
/// use trunkline_resolver::{ManualResolver, ResolverRegistry};
///
/// let registry = ResolverRegistry::standard().with(ManualResolver::new("etcd"));
/// assert!(registry.get("ipv4").is_some());
/// assert!(registry.get("ETCD").is_some());
/// assert!(registry.get("consul").is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct ResolverRegistry {
    /// By scheme, in lower case.
    factories: BTreeMap<String, Arc<dyn ResolverFactory>>,
}

impl ResolverRegistry {
    /// Returns a registry without factories.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every factory of this crate: `passthrough`, `unix`, `unix-abstract`, `ipv4`, `ipv6`, and
    /// with the feature `dns` also `dns` and `srv`, at their defaults.
    #[must_use]
    pub fn standard() -> Self {
        let registry = AddressScheme::ALL
            .into_iter()
            .fold(Self::empty(), Self::with);
        #[cfg(feature = "dns")]
        let registry = registry.with_dns(crate::DnsOptions::default());
        registry
    }

    /// With `dns` and `srv` set up by these options, in place of those that are there.
    #[cfg(feature = "dns")]
    #[must_use]
    pub fn with_dns(self, options: crate::DnsOptions) -> Self {
        let srv = crate::SrvFactory::new(options.clone());
        self.with(crate::DnsFactory::new(options)).with(srv)
    }

    /// With this factory, in place of one of the same scheme.
    #[must_use]
    pub fn with(mut self, factory: impl ResolverFactory + 'static) -> Self {
        self.register(Arc::new(factory));
        self
    }

    /// Adds this factory, in place of one of the same scheme.
    pub fn register(&mut self, factory: Arc<dyn ResolverFactory>) {
        let scheme = factory.scheme().to_ascii_lowercase();
        self.factories.insert(scheme, factory);
    }

    /// The factory of a scheme; letter case does not matter.
    #[must_use]
    pub fn get(&self, scheme: &str) -> Option<&Arc<dyn ResolverFactory>> {
        self.factories.get(&scheme.to_ascii_lowercase())
    }

    /// The schemes in lower case, sorted: what a target may begin with.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.factories.keys().map(String::as_str)
    }
}
