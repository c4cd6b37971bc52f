//! The certificate providers in use.

use std::fmt;
use std::sync::{Arc, Weak};

use trunkline_runtime::{Lock, Runtime};

use super::provider::Provider;
use crate::core::CertificateProvider;
use crate::io::observer::XdsObserver;
use crate::io::provider_dump::CertificateProviderDump;

/// The certificate providers in use: one for all channels whose bootstraps have it with the same name and
/// files, on one runtime. All clones are one pool.
#[derive(Clone, Default)]
pub(in crate::io) struct ProviderPool {
    providers: Arc<Lock<Vec<Weak<Provider>>>>,
    /// The observers of the providers that are started through this value.
    observers: Vec<Arc<dyn XdsObserver>>,
}

enum Found {
    InUse(Arc<Provider>),
    New(Arc<Provider>),
}

impl ProviderPool {
    /// Sets the observers of the providers that are started through this value and its later clones.
    pub(in crate::io) fn set_observers(&mut self, observers: &[Arc<dyn XdsObserver>]) {
        self.observers = observers.to_vec();
    }

    /// Returns the provider of an instance, and starts it if it is not in use.
    pub(in crate::io) fn provider(
        &self,
        instance: &Arc<str>,
        provider: &CertificateProvider,
        runtime: &Arc<dyn Runtime>,
    ) -> Arc<Provider> {
        let (in_use, found) = {
            let mut providers = self.providers.lock();
            providers.retain(|provider| provider.strong_count() > 0);
            let mut in_use: Vec<_> = providers.iter().filter_map(Weak::upgrade).collect();
            let mut known = in_use.iter();
            let found = match known.position(|known| known.is_for(instance, provider, runtime)) {
                Some(at) => Found::InUse(in_use.swap_remove(at)),
                None => {
                    let observers = self.observers.clone();
                    let new = Provider::new(instance, provider, runtime, observers);
                    providers.push(Arc::downgrade(&new));
                    Found::New(new)
                }
            };
            (in_use, found)
        };
        // References are dropped without the lock: the last one ends a provider. Files are read without it, too.
        drop(in_use);
        match found {
            Found::InUse(provider) => provider,
            Found::New(provider) => {
                provider.start();
                provider
            }
        }
    }

    /// Returns the state of those of these providers that are in use, in their order.
    pub(in crate::io) fn dump(
        &self,
        providers: &[(Arc<str>, CertificateProvider)],
        runtime: &Arc<dyn Runtime>,
    ) -> Vec<CertificateProviderDump> {
        // References are dropped without the lock: the last one ends a provider.
        let in_use: Vec<_> = {
            let providers = self.providers.lock();
            providers.iter().filter_map(Weak::upgrade).collect()
        };
        let of = |(instance, provider): &(Arc<str>, CertificateProvider)| {
            let mut in_use = in_use.iter();
            let found = in_use.find(|known| known.is_for(instance, provider, runtime));
            found.map(|found| found.dump())
        };
        providers.iter().filter_map(of).collect()
    }
}

impl fmt::Debug for ProviderPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let providers = self.providers.lock().len();
        f.debug_struct("ProviderPool")
            .field("providers", &providers)
            .finish()
    }
}
