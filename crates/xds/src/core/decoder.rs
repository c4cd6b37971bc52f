//! The decoder of all types of resources.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_lb::PolicyRegistry;

use super::ads::ResourceDecoder;
use super::bootstrap::CertificateProvider;
use super::resource_type::ResourceType;
use super::resources::{self, DecodeContext, Faults, Resource};
use super::server::ServerConfig;

/// Decodes and validates the resources that servers send.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    policies: PolicyRegistry,
    certificate_providers: BTreeMap<Arc<str>, CertificateProvider>,
}

impl Decoder {
    /// Returns a decoder of clusters that name these load-balancing policies, and no certificate
    /// provider.
    #[must_use]
    pub fn new(policies: PolicyRegistry) -> Self {
        Self {
            policies,
            certificate_providers: BTreeMap::new(),
        }
    }

    /// Sets the certificate providers that clusters can name. Default: none.
    #[must_use]
    pub fn with_certificate_providers(
        mut self,
        providers: BTreeMap<Arc<str>, CertificateProvider>,
    ) -> Self {
        self.certificate_providers = providers;
        self
    }
}

impl ResourceDecoder for Decoder {
    fn name(&self, kind: ResourceType, bytes: &[u8]) -> Result<String, String> {
        resources::resource_name(kind, bytes)
    }

    fn decode(
        &self,
        kind: ResourceType,
        bytes: &[u8],
        server: &Arc<ServerConfig>,
        earlier: Option<&Resource>,
    ) -> Result<Resource, Faults> {
        let context = DecodeContext::new(server, &self.policies, &self.certificate_providers);
        resources::decode(kind, bytes, &context.with_earlier(earlier))
    }
}
