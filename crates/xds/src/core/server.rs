//! A server of resources, as a bootstrap describes it.

use std::path::PathBuf;
use std::time::Duration;

/// One xDS server: where it is, how connections to it are secured, and what it can do.
///
/// Two servers are the same when all parts are equal. The same server is connected once in a
/// client, whichever authorities name it.
///
/// # Examples
///
/// ```
/// use trunkline_xds::core::ServerConfig;
///
/// let server = ServerConfig::insecure("dns:///plane.example:18000");
/// assert_eq!(server.uri, "dns:///plane.example:18000");
/// assert!(!server.features.fail_on_data_errors);
/// ```
///
/// Source: [gRFC A27](https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md),
/// [A71](https://github.com/grpc/proposal/blob/master/A71-xds-fallback.md).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The target of the channel to the server, such as `dns:///plane.example:18000`; any scheme
    /// but `xds`.
    pub uri: String,
    /// How connections to the server are secured.
    pub credentials: ServerCredentials,
    /// The credentials of the calls to the server, in order; all of them are sent. Default: none.
    pub call_credentials: Vec<ServerCallCredentials>,
    /// What the server can do. Default: nothing of it.
    pub features: ServerFeatures,
}

/// How connections to an xDS server are secured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerCredentials {
    /// Not at all: plaintext.
    Insecure,
    /// By TLS.
    Tls(TlsFiles),
}

/// The files of TLS credentials. They are read again at an interval.
///
/// Source: [gRFC A65](https://github.com/grpc/proposal/blob/master/A65-xds-mtls-creds-in-bootstrap.md).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The root certificates, as PEM. Default: those of the system.
    pub ca_certificate_file: Option<PathBuf>,
    /// The client's certificate chain and its key, as PEM. Default: no client certificate.
    pub identity: Option<IdentityFiles>,
    /// How often the files are read again. Default: 600 s.
    pub refresh_interval: Duration,
}

/// The files of a certificate chain and of its private key, as PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentityFiles {
    /// The certificate chain, the leaf first.
    pub certificate_file: PathBuf,
    /// The private key of the leaf.
    pub private_key_file: PathBuf,
}

/// Credentials of the calls to an xDS server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerCallCredentials {
    /// A JSON Web Token, read from this file.
    ///
    /// Source: [gRFC A97](https://github.com/grpc/proposal/blob/master/A97-xds-jwt-call-creds.md).
    JwtTokenFile(PathBuf),
}

/// What an xDS server can do, or what is to be done with its answers: the known entries of
/// `server_features`. All are false by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ServerFeatures {
    /// Accepted without an effect: since gRFC A88 a deletion never drops a cached resource by
    /// itself.
    pub ignore_resource_deletion: bool,
    /// The server may decide the authority of calls (`auto_host_rewrite`, gRFC A81).
    pub trusted_xds_server: bool,
    /// A data error drops the cached resource (gRFC A88).
    pub fail_on_data_errors: bool,
    /// A resource that the server does not send is an error of the server for 30 s, and not absent
    /// after 15 s (gRFC A88).
    pub resource_timer_is_transient_error: bool,
}

/// How often files of certificates are read again, where the bootstrap has no interval.
pub const DEFAULT_REFRESH_INTERVAL: Duration = Duration::from_secs(600);

impl ServerConfig {
    /// Returns a server that is connected to in plaintext.
    pub fn insecure(uri: impl Into<String>) -> Self {
        Self::new(uri, ServerCredentials::Insecure)
    }

    /// Returns a server that is connected to by TLS. Needs the feature `tls`.
    pub fn tls(uri: impl Into<String>, files: TlsFiles) -> Self {
        Self::new(uri, ServerCredentials::Tls(files))
    }

    /// Returns a server with these credentials, and the defaults for everything else.
    pub fn new(uri: impl Into<String>, credentials: ServerCredentials) -> Self {
        Self {
            uri: uri.into(),
            credentials,
            call_credentials: Vec::new(),
            features: ServerFeatures::default(),
        }
    }

    /// Adds credentials of the calls to the server.
    #[must_use]
    pub fn with_call_credentials(mut self, credentials: ServerCallCredentials) -> Self {
        self.call_credentials.push(credentials);
        self
    }

    /// Sets what the server can do.
    #[must_use]
    pub fn with_features(mut self, features: ServerFeatures) -> Self {
        self.features = features;
        self
    }
}

impl Default for TlsFiles {
    fn default() -> Self {
        Self {
            ca_certificate_file: None,
            identity: None,
            refresh_interval: DEFAULT_REFRESH_INTERVAL,
        }
    }
}

impl TlsFiles {
    /// Sets the file of the root certificates.
    #[must_use]
    pub fn with_ca_certificate_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_certificate_file = Some(file.into());
        self
    }

    /// Sets the files of the client's certificate chain and its key.
    #[must_use]
    pub fn with_identity(mut self, identity: IdentityFiles) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Sets how often the files are read again.
    #[must_use]
    pub fn with_refresh_interval(mut self, interval: Duration) -> Self {
        self.refresh_interval = interval;
        self
    }
}

impl ServerFeatures {
    /// Sets [`trusted_xds_server`](Self::trusted_xds_server).
    #[must_use]
    pub fn with_trusted_xds_server(mut self, is_on: bool) -> Self {
        self.trusted_xds_server = is_on;
        self
    }

    /// Sets [`fail_on_data_errors`](Self::fail_on_data_errors).
    #[must_use]
    pub fn with_fail_on_data_errors(mut self, is_on: bool) -> Self {
        self.fail_on_data_errors = is_on;
        self
    }

    /// Sets [`resource_timer_is_transient_error`](Self::resource_timer_is_transient_error).
    #[must_use]
    pub fn with_resource_timer_is_transient_error(mut self, is_on: bool) -> Self {
        self.resource_timer_is_transient_error = is_on;
        self
    }
}
