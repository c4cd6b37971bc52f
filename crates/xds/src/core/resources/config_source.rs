//! Where a resource comes from.

use trunkline_xds_proto::envoy::config::core::v3::ConfigSource;
use trunkline_xds_proto::envoy::config::core::v3::config_source::ConfigSourceSpecifier;

use super::fault::{Faults, Place};

/// Checks that a resource comes from the server that names it: no other source is supported.
pub(super) fn check(source: Option<&ConfigSource>, place: &Place<'_>, faults: &mut Faults) {
    let specifier = source.and_then(|source| source.config_source_specifier.as_ref());
    match specifier {
        Some(ConfigSourceSpecifier::Ads(_) | ConfigSourceSpecifier::Self_(_)) => {}
        None => faults.add(place, "must be ads or self"),
    }
}
