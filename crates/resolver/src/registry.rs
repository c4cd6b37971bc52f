//! The factories by scheme.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

#[cfg(feature = "dns")]
use crate::dns::LateFactories;
use crate::{AddressScheme, ResolverFactory};

/// The resolver factories that a channel may use, one for each scheme.
///
/// It is a value and not a global, so two channels of one process may have different ones. A clone
/// shares the factories, and the map of them until one of the two changes.
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
#[derive(Clone, Debug)]
pub struct ResolverRegistry {
    /// By scheme, in lower case.
    factories: Arc<Factories>,
    /// For the schemes that `factories` lacks.
    #[cfg(feature = "dns")]
    late: Option<Arc<LateFactories>>,
}

type Factories = BTreeMap<Arc<str>, Arc<dyn ResolverFactory>>;

impl ResolverRegistry {
    /// Returns a registry without factories.
    #[must_use]
    pub fn empty() -> Self {
        static NONE: LazyLock<Arc<Factories>> = LazyLock::new(Arc::default);
        Self {
            factories: Arc::clone(&NONE),
            #[cfg(feature = "dns")]
            late: None,
        }
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
        Self {
            factories: Arc::clone(&BY_ADDRESS.factories),
            #[cfg(feature = "dns")]
            late: Some(Arc::default()),
        }
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
        Arc::make_mut(&mut self.factories).insert(scheme, factory);
    }

    /// Adds all factories of `other`, in place of earlier ones of the same scheme.
    pub fn merge(&mut self, other: Self) {
        #[cfg(feature = "dns")]
        if let Some(late) = other.late {
            for scheme in LateFactories::SCHEMES {
                if self.factories.contains_key(scheme) {
                    Arc::make_mut(&mut self.factories).remove(scheme);
                }
            }
            self.late = Some(late);
        }
        if other.factories.is_empty() {
            // What is shared stays shared.
            return;
        }
        let added = other.factories.iter();
        let added = added.map(|(scheme, factory)| (Arc::clone(scheme), Arc::clone(factory)));
        Arc::make_mut(&mut self.factories).extend(added);
    }

    /// Returns the factory of a scheme. Upper and lower case are the same.
    #[must_use]
    pub fn get(&self, scheme: &str) -> Option<&Arc<dyn ResolverFactory>> {
        let scheme = lower_case(scheme);
        let factory = self.factories.get(&*scheme);
        #[cfg(feature = "dns")]
        let factory = factory.or_else(|| self.late.as_ref()?.get(&scheme));
        factory
    }

    /// Iterates over the schemes of all factories, in lower case, sorted.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        let mut schemes = Vec::new();
        schemes.extend(self.factories.keys().map(|scheme| &**scheme));
        #[cfg(feature = "dns")]
        if self.late.is_some() {
            schemes.extend(LateFactories::SCHEMES);
            schemes.sort_unstable();
            schemes.dedup();
        }
        schemes.into_iter()
    }
}

impl Default for ResolverRegistry {
    fn default() -> Self {
        Self::empty()
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
