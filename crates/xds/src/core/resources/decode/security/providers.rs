//! The certificate providers that a cluster names.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_xds_proto::envoy::extensions::transport_sockets::tls::v3::CertificateProviderPluginInstance;
use trunkline_xds_proto::envoy::extensions::transport_sockets::tls::v3::common_tls_context::CertificateProviderInstance;

use crate::core::bootstrap::CertificateProvider;
use crate::core::resources::fault::{Faults, Place, quote};

/// The instance of a certificate provider, and the name of a certificate.
pub(super) type Instance = (Arc<str>, Arc<str>);

/// A message that names an instance.
pub(super) trait Names {
    fn instance_name(&self) -> &str;
    fn certificate_name(&self) -> &str;
}

impl Names for CertificateProviderPluginInstance {
    fn instance_name(&self) -> &str {
        &self.instance_name
    }

    fn certificate_name(&self) -> &str {
        &self.certificate_name
    }
}

impl Names for CertificateProviderInstance {
    fn instance_name(&self) -> &str {
        &self.instance_name
    }

    fn certificate_name(&self) -> &str {
        &self.certificate_name
    }
}

/// The certificate providers of the bootstrap.
#[derive(Clone, Copy, Debug)]
pub(in crate::core::resources::decode) struct Providers<'a>(
    pub(in crate::core::resources::decode) &'a BTreeMap<Arc<str>, CertificateProvider>,
);

impl Providers<'_> {
    /// Returns the instance that a message names, if the bootstrap has it.
    pub(super) fn find(
        self,
        names: &impl Names,
        place: &Place<'_>,
        faults: &mut Faults,
    ) -> Option<Instance> {
        let name = names.instance_name();
        let Some((name, _)) = self.0.get_key_value(name) else {
            let text = format!(
                "certificate provider {} is not in the bootstrap",
                quote(name)
            );
            faults.add(&place.field("instance_name"), text);
            return None;
        };
        Some((Arc::clone(name), names.certificate_name().into()))
    }
}
