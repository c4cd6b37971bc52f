//! The factories by scheme.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::{AddressScheme, ResolverFactory};

/// The resolver factories that a channel may use, one for each scheme.
///
/// It is a value and not a global, so two channels of one process may have different ones. A clone
/// copies a small map and shares the factories.
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
    factories: BTreeMap<Arc<str>, Arc<dyn ResolverFactory>>,
}

impl ResolverRegistry {
    /// Returns a registry without factories.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Returns a registry with every factory of this crate: `passthrough`, `unix`, `unix-abstract`, `ipv4`, `ipv6`, and
    /// with the feature `dns` also `dns` and `srv` with default options.
    #[must_use]
    pub fn standard() -> Self {
        // These factories have no state, so all channels share them.
        static BY_ADDRESS: LazyLock<ResolverRegistry> = LazyLock::new(|| {
            let all = AddressScheme::ALL.into_iter();
            all.fold(ResolverRegistry::empty(), ResolverRegistry::with)
        });
        let registry = BY_ADDRESS.clone();
        #[cfg(feature = "dns")]
        let registry = registry.with_dns(crate::DnsOptions::default());
        registry
    }

    /// Adds the factories of `dns` and `srv` with these options, in place of earlier ones.
    #[cfg(feature = "dns")]
    #[must_use]
    pub fn with_dns(self, options: crate::DnsOptions) -> Self {
        let srv = crate::SrvFactory::new(options.clone());
        self.with(crate::DnsFactory::new(options)).with(srv)
    }

    /// Adds this factory, in place of an earlier one of the same scheme.
    #[must_use]
    pub fn with(mut self, factory: impl ResolverFactory + 'static) -> Self {
        self.register(Arc::new(factory));
        self
    }

    /// Adds this factory, in place of an earlier one of the same scheme.
    pub fn register(&mut self, factory: Arc<dyn ResolverFactory>) {
        let scheme = lower_case(factory.scheme()).into();
        self.factories.insert(scheme, factory);
    }

    /// Adds all factories of `other`, in place of earlier ones of the same scheme.
    pub fn merge(&mut self, other: Self) {
        self.factories.extend(other.factories);
    }

    /// Returns the factory of a scheme. Upper and lower case are the same.
    #[must_use]
    pub fn get(&self, scheme: &str) -> Option<&Arc<dyn ResolverFactory>> {
        self.factories.get(&*lower_case(scheme))
    }

    /// Iterates over the schemes of all factories, in lower case, sorted.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.factories.keys().map(|scheme| &**scheme)
    }
}

/// Returns a scheme in lower case, as it is written most of the time.
fn lower_case(scheme: &str) -> Cow<'_, str> {
    if scheme.bytes().any(|byte| byte.is_ascii_uppercase()) {
        scheme.to_ascii_lowercase().into()
    } else {
        scheme.into()
    }
}
