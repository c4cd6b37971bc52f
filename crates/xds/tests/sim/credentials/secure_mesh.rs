//! A mesh whose cluster asks for TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_rustls::rustls::ServerConfig;
use futures_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use futures_rustls::rustls::sign::CertifiedKey;
use trunkline_channel::Channel;
use trunkline_sim::control_plane::proto::TypeUrl;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::TransportSocket;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::transport_socket::ConfigType;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::certificate_validation_context::SystemRootCerts;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::{
    CertificateProviderPluginInstance, CertificateValidationContext, CommonTlsContext,
    UpstreamTlsContext,
};
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::StringMatcher;
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use trunkline_sim::control_plane::resources;
use trunkline_status::Status;
use trunkline_testkit::certificates::{
    Authority, Issued, ServerOptions, server_config, server_config_with,
};
use trunkline_xds::core::{Bootstrap, CertificateProvider, IdentityFiles, TlsFiles, WatchedFiles};

use crate::mesh::{Mesh, backend, call};
use crate::tls::{Folder, start_front};

/// The identity of the backend.
pub(crate) const WORKLOAD: &str = "orders.mesh.test";

/// How often files are read.
pub(crate) const INTERVAL: Duration = Duration::from_secs(60);

/// Where TLS to the backend ends.
pub(crate) fn secure() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 9], 443))
}

/// A mesh with one backend behind TLS at [`secure`], and a certificate provider `files`.
pub(crate) struct SecureMesh {
    pub(crate) mesh: Mesh,
    pub(crate) folder: Folder,
    pub(crate) authority: Authority,
    pub(crate) files: WatchedFiles,
    front: Arc<Mutex<Arc<ServerConfig>>>,
    /// The server names that clients sent.
    sent: Sent,
}

type Sent = Arc<Mutex<Vec<Option<String>>>>;

impl SecureMesh {
    /// Returns a mesh whose backend has a certificate for [`WORKLOAD`], and whose cluster asks for TLS
    /// without conditions. The provider has the roots in `ca.pem`.
    pub(crate) fn new(seed: u64) -> Self {
        let authority = Authority::new("a root");
        let server = authority.issue(&[WORKLOAD]);
        Self::with_server(seed, authority, &server)
    }

    /// Returns a mesh whose backend has this certificate.
    pub(crate) fn with_server(seed: u64, authority: Authority, server: &Issued) -> Self {
        let mesh = Mesh::with_backends(seed, [1]);
        let folder = Folder::new(&format!("xds-credentials-{seed}"));
        let mut files = WatchedFiles::default();
        let ca = folder.write("ca.pem", authority.pem());
        files.files = TlsFiles::default()
            .with_ca_certificate_file(ca)
            .with_refresh_interval(INTERVAL);
        let sent = Sent::default();
        let front = Arc::new(Mutex::new(recording(&server_config(server), &sent)));
        let secure_mesh = Self {
            mesh,
            folder,
            authority,
            files,
            front,
            sent,
        };
        secure_mesh.start_front();
        secure_mesh.set_cluster(tls(validation([])));
        let endpoints = resources::endpoints("endpoints", [secure()]);
        secure_mesh.mesh.plane.set(endpoints);
        secure_mesh
    }

    fn start_front(&self) {
        start_front(&self.mesh, secure(), backend(1), Arc::clone(&self.front));
    }

    /// Ends the connections to the backend.
    pub(crate) fn break_connections(&self) {
        self.mesh.sim.net().kill(secure().ip());
        self.start_front();
    }

    /// Replaces the certificate of the backend, for new connections.
    pub(crate) fn set_server(&self, server: &Issued) {
        self.set_front(&server_config(server));
    }

    /// Makes the backend require certificates of an authority.
    pub(crate) fn require_clients_of(&self, clients: &Authority) {
        let options = ServerOptions {
            client_authority: Some(clients.der()),
            ..ServerOptions::default()
        };
        let server = self.authority.issue(&[WORKLOAD]);
        self.set_front(&server_config_with(&server, &options));
    }

    fn set_front(&self, config: &Arc<ServerConfig>) {
        *self.front.lock().expect("no panic") = recording(config, &self.sent);
    }

    /// Writes `client.pem` and `client.key`, which the provider has from now on.
    pub(crate) fn write_identity(&mut self, identity: &Issued) {
        self.files.files.identity = Some(IdentityFiles {
            certificate_file: self.folder.write("client.pem", identity.chain_pem()),
            private_key_file: self.folder.write("client.key", identity.key_pem()),
        });
    }

    /// Returns the path of a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Sets the TLS of the cluster.
    pub(crate) fn set_cluster(&self, tls: UpstreamTlsContext) {
        let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
        cluster.transport_socket = Some(socket(&tls));
        self.mesh.plane.set(cluster);
    }

    /// Returns the bootstrap with the provider `files`.
    pub(crate) fn bootstrap(&self) -> Bootstrap {
        let mut bootstrap = self.mesh.bootstrap();
        let provider = CertificateProvider::FileWatcher(self.files.clone());
        bootstrap
            .certificate_providers
            .insert("files".into(), provider);
        bootstrap
    }

    /// Returns a channel whose clusters choose the security; by default, it has none.
    pub(crate) fn channel(&self) -> Channel {
        let xds = self.mesh.xds(self.bootstrap()).with_xds_credentials();
        self.mesh.channel_with("xds:///orders", xds)
    }

    /// Makes a call on a new channel, and returns the backend that answered, or the failure.
    pub(crate) fn call(&self) -> Result<SocketAddr, Status> {
        let channel = self.channel();
        self.mesh.sim.run(call(&channel, "/a.B/C"))
    }

    /// Returns the server names that clients sent.
    pub(crate) fn sent(&self) -> Vec<Option<String>> {
        self.sent.lock().expect("no panic").clone()
    }
}

/// Returns a configuration that also records the names that clients send.
fn recording(config: &Arc<ServerConfig>, sent: &Sent) -> Arc<ServerConfig> {
    let mut config = ServerConfig::clone(config);
    config.cert_resolver = Arc::new(Recording {
        inner: Arc::clone(&config.cert_resolver),
        sent: Arc::clone(sent),
    });
    Arc::new(config)
}

#[derive(Debug)]
struct Recording {
    inner: Arc<dyn ResolvesServerCert>,
    sent: Sent,
}

impl ResolvesServerCert for Recording {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_owned);
        self.sent.lock().expect("no panic").push(name);
        self.inner.resolve(hello)
    }
}

fn files() -> CertificateProviderPluginInstance {
    CertificateProviderPluginInstance {
        instance_name: "files".into(),
        certificate_name: String::new(),
    }
}

/// Returns the validation by the roots of `files`, and these conditions for names.
pub(crate) fn validation(
    names: impl IntoIterator<Item = MatchPattern>,
) -> CertificateValidationContext {
    let matcher = |pattern| StringMatcher {
        match_pattern: Some(pattern),
        ..StringMatcher::default()
    };
    CertificateValidationContext {
        ca_certificate_provider_instance: Some(files()),
        match_subject_alt_names: names.into_iter().map(matcher).collect(),
        ..CertificateValidationContext::default()
    }
}

/// Returns the validation by the roots of the platform.
pub(crate) fn system_roots() -> CertificateValidationContext {
    CertificateValidationContext {
        system_root_certs: Some(SystemRootCerts {}),
        ..CertificateValidationContext::default()
    }
}

/// Returns TLS with this validation.
pub(crate) fn tls(validation: CertificateValidationContext) -> UpstreamTlsContext {
    UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            validation_context_type: Some(ValidationContextType::ValidationContext(validation)),
            ..CommonTlsContext::default()
        }),
        ..UpstreamTlsContext::default()
    }
}

/// Returns TLS with this validation and the client's certificate of `files`.
pub(crate) fn mutual_tls(validation: CertificateValidationContext) -> UpstreamTlsContext {
    let mut tls = tls(validation);
    if let Some(common) = &mut tls.common_tls_context {
        common.tls_certificate_provider_instance = Some(files());
    }
    tls
}

/// Returns the transport socket with this TLS.
pub(crate) fn socket(tls: &UpstreamTlsContext) -> TransportSocket {
    TransportSocket {
        name: "envoy.transport_sockets.tls".into(),
        config_type: Some(ConfigType::TypedConfig(tls.pack())),
    }
}
