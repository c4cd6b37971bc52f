//! The transport security of clusters.

use std::sync::Arc;

use super::matcher::StringMatcher;

/// TLS to the backends of a cluster.
///
/// Source: [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UpstreamTls {
    /// The certificate provider of the roots, by its instance and the certificate's name; `None` for
    /// the platform's roots.
    pub roots: Option<(Arc<str>, Arc<str>)>,
    /// The certificate provider of this side's certificate; `None` for no certificate.
    pub identity: Option<(Arc<str>, Arc<str>)>,
    /// The names of the server's certificate, of which one must match; empty for no condition.
    pub subject_alt_names: Vec<StringMatcher>,
    /// The server name that is sent; empty for none.
    pub sni: Arc<str>,
    /// Whether the host name of the endpoint is sent as the server name, where it has one.
    pub auto_host_sni: bool,
    /// Whether a server name that is sent must be among the certificate's, in place of
    /// `subject_alt_names`.
    pub auto_sni_san_validation: bool,
}
