//! What is shown of certificate providers.

use std::sync::Arc;

/// The state of a certificate provider: an instance of `certificate_providers` in the bootstrap that clusters
/// use, or the files of a server's `channel_creds`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateProviderDump {
    /// The name of the instance.
    pub instance: Arc<str>,
    /// The root certificates, or the trust bundle map; `None` if the provider has neither.
    pub roots: Option<CertificateFilesDump>,
    /// The client's certificate and its key; `None` if the provider has none.
    pub identity: Option<CertificateFilesDump>,
}

/// The state of the files of roots, or of those of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateFilesDump {
    /// Whether there is something to connect with: what was read last, or before the files became
    /// unusable.
    pub is_loaded: bool,
    /// Why the files could not be used when they were read last; `None` if they could. It names the file,
    /// and has nothing of its contents.
    pub problem: Option<Arc<str>>,
}
