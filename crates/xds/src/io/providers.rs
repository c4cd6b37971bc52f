//! The certificate providers of a channel.

use std::sync::Arc;

use trunkline_runtime::Lock;

use crate::core::Bootstrap;

/// The certificate providers of the bootstrap of a channel: none before it is first used.
#[derive(Clone, Debug, Default)]
pub(super) struct Providers(Arc<Lock<Option<Arc<Bootstrap>>>>);

impl Providers {
    /// Takes over those of a bootstrap.
    pub(super) fn replace(&self, bootstrap: &Arc<Bootstrap>) {
        *self.0.lock() = Some(Arc::clone(bootstrap));
    }

    /// Returns the provider of an instance.
    #[cfg(feature = "tls")]
    pub(super) fn get(&self, instance: &str) -> Option<crate::core::CertificateProvider> {
        let bootstrap = self.0.lock();
        let providers = &bootstrap.as_ref()?.certificate_providers;
        providers.get(instance).cloned()
    }
}
