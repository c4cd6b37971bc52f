//! How the certificate of a server is verified.

use trunkline_xds_proto::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;
use trunkline_xds_proto::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext,
};

use super::providers::{Instance, Providers};
use crate::core::resources::decode::matchers;
use crate::core::resources::fault::{Faults, Place};
use crate::core::resources::matcher::StringMatcher;
use crate::core::resources::patterns::Patterns;

/// The text about roots that are nowhere.
const NO_ROOTS: &str = "needs ca_certificate_provider_instance or system_root_certs";

/// How the certificate of a server is verified.
#[derive(Debug)]
pub(super) struct Roots {
    /// The provider of the roots; `None` for those of the platform.
    pub(super) provider: Option<Instance>,
    /// The names of which the certificate must have one; empty for no condition.
    pub(super) subject_alt_names: Vec<StringMatcher>,
}

/// Reads how the certificate is verified. `None` once there are faults.
pub(super) fn decode(
    common: &CommonTlsContext,
    providers: Providers<'_>,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<Roots> {
    match &common.validation_context_type {
        Some(ValidationContextType::ValidationContext(context)) => {
            let place = place.field("validation_context");
            decode_context(context, None, providers, &place, faults)
        }
        Some(ValidationContextType::CombinedValidationContext(combined)) => {
            let place = place.field("combined_validation_context");
            if combined.validation_context_sds_secret_config.is_some() {
                let place = place.field("validation_context_sds_secret_config");
                faults.add(&place, "unsupported");
            }
            let none = CertificateValidationContext::default();
            let context = combined.default_validation_context.as_ref();
            let context = context.unwrap_or(&none);
            // The deprecated field, which counts where the new one is absent.
            let deprecated = combined
                .validation_context_certificate_provider_instance
                .as_ref()
                .filter(|_| context.ca_certificate_provider_instance.is_none())
                .map(|instance| {
                    let place = place.field("validation_context_certificate_provider_instance");
                    providers.find(instance, &place, faults)
                });
            let place = place.field("default_validation_context");
            decode_context(context, deprecated, providers, &place, faults)
        }
        Some(ValidationContextType::ValidationContextCertificateProviderInstance(instance)) => {
            let place = place.field("validation_context_certificate_provider_instance");
            Some(Roots {
                provider: Some(providers.find(instance, &place, faults)?),
                subject_alt_names: Vec::new(),
            })
        }
        Some(ValidationContextType::ValidationContextSdsSecretConfig(_)) => {
            let place = place.field("validation_context_sds_secret_config");
            faults.add(&place, "unsupported");
            None
        }
        None => {
            faults.add(&place.field("validation_context"), NO_ROOTS);
            None
        }
    }
}

/// Reads a context. `deprecated` is the provider of the deprecated field, if that counts; it is `None`
/// inside where the bootstrap does not have it.
fn decode_context(
    context: &CertificateValidationContext,
    deprecated: Option<Option<Instance>>,
    providers: Providers<'_>,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<Roots> {
    let needs_timestamp = context.require_signed_certificate_timestamp == Some(true);
    for (field, is_present) in [
        (
            "verify_certificate_spki",
            !context.verify_certificate_spki.is_empty(),
        ),
        (
            "verify_certificate_hash",
            !context.verify_certificate_hash.is_empty(),
        ),
        ("require_signed_certificate_timestamp", needs_timestamp),
        ("crl", context.crl.is_some()),
        (
            "custom_validator_config",
            context.custom_validator_config.is_some(),
        ),
    ] {
        if is_present {
            faults.add(&place.field(field), "unsupported");
        }
    }
    let mut patterns = Patterns::default();
    let list = place.field("match_subject_alt_names");
    let matchers = context.match_subject_alt_names.iter().enumerate();
    let subject_alt_names = matchers
        .filter_map(|(at, matcher)| {
            matchers::string(matcher.clone(), &list.item(at), faults, &mut patterns)
        })
        .collect();
    let provider = match (&context.ca_certificate_provider_instance, deprecated) {
        (Some(instance), _) => {
            let place = place.field("ca_certificate_provider_instance");
            Some(providers.find(instance, &place, faults)?)
        }
        (None, Some(instance)) => Some(instance?),
        (None, None) if context.system_root_certs.is_some() => None,
        (None, None) => {
            faults.add(place, NO_ROOTS);
            return None;
        }
    };
    Some(Roots {
        provider,
        subject_alt_names,
    })
}
