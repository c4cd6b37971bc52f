//! Factories that are made when they are first used.

use std::sync::{Arc, OnceLock};

use super::factory::{DnsFactory, SrvFactory};
use super::options::DnsOptions;
use crate::ResolverFactory;

/// The factories of `dns` and `srv` with default options, each made when it is first used.
///
/// A factory owns the DNS clients (and caches) of its channels, so each registry has its own. Most channels
/// use one of them at most.
#[derive(Debug, Default)]
pub(crate) struct LateFactories {
    dns: OnceLock<Arc<dyn ResolverFactory>>,
    srv: OnceLock<Arc<dyn ResolverFactory>>,
}

impl LateFactories {
    /// The schemes, sorted.
    pub(crate) const SCHEMES: [&str; 2] = ["dns", "srv"];

    /// Returns the factory of a scheme in lower case.
    pub(crate) fn get(&self, scheme: &str) -> Option<&Arc<dyn ResolverFactory>> {
        match scheme {
            "dns" => Some(
                self.dns
                    .get_or_init(|| Arc::new(DnsFactory::new(DnsOptions::default()))),
            ),
            "srv" => Some(
                self.srv
                    .get_or_init(|| Arc::new(SrvFactory::new(DnsOptions::default()))),
            ),
            _ => None,
        }
    }
}
