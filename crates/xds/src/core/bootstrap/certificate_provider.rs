//! Where certificates for connections to backends come from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::error::BootstrapError;
use super::json::{object, optional, required, string, text};
use super::servers::tls_files;
use crate::core::resources::Place;
use crate::core::server::TlsFiles;

/// A provider of certificates: an instance of `certificate_providers`.
///
/// Source: [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateProvider {
    /// Files, which are read again at an interval (`file_watcher`).
    FileWatcher(WatchedFiles),
}

/// The files of a `file_watcher`. It has a certificate and its key, or root certificates, or a SPIFFE
/// trust bundle map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WatchedFiles {
    /// The certificates, and how often all files are read again.
    pub files: TlsFiles,
    /// A SPIFFE trust bundle map, which replaces the root certificates (gRFC A87). Default: `None`.
    pub spiffe_trust_bundle_map_file: Option<PathBuf>,
}

/// Parses `certificate_providers`: leaves out those of unknown plugins.
pub(super) fn certificate_providers(
    value: &Value,
    place: &Place<'_>,
) -> Result<BTreeMap<Arc<str>, CertificateProvider>, BootstrapError> {
    let mut providers = BTreeMap::new();
    for (name, instance) in object(value, place)? {
        let place = &place.key(name);
        let fields = object(instance, place)?;
        if required(fields, place, "plugin_name", string)? == "file_watcher" {
            let files = required(fields, place, "config", watched_files)?;
            providers.insert(
                name.as_str().into(),
                CertificateProvider::FileWatcher(files),
            );
        }
    }
    Ok(providers)
}

fn watched_files(value: &Value, place: &Place<'_>) -> Result<WatchedFiles, BootstrapError> {
    let fields = object(value, place)?;
    let files = tls_files(fields, place)?;
    let map = optional(fields, place, "spiffe_trust_bundle_map_file", text)?;
    if files.identity.is_none() && files.ca_certificate_file.is_none() && map.is_none() {
        let text = "needs certificate_file and private_key_file, or ca_certificate_file";
        return Err(BootstrapError::at(place, text));
    }
    Ok(WatchedFiles {
        files,
        spiffe_trust_bundle_map_file: map.map(PathBuf::from),
    })
}
