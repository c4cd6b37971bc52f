//! 6: TLS to backends, as their clusters ask for it.

use std::net::SocketAddr;

use trunkline_channel::Channel;
use trunkline_sim::control_plane::proto::TypeUrl;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::TransportSocket;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::transport_socket::ConfigType;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::{
    CertificateProviderPluginInstance, CertificateValidationContext, CommonTlsContext,
    UpstreamTlsContext,
};
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::StringMatcher;
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use trunkline_sim::control_plane::resources;
use trunkline_testkit::certificates::{Authority, ServerOptions, server_config_with};
use trunkline_xds::core::{Bootstrap, CertificateProvider, IdentityFiles, TlsFiles, WatchedFiles};

use crate::mesh::{Mesh, backend, call};
use crate::tls::{Folder, start_front};

/// Where TLS to the backend ends.
const SECURE: &str = "192.0.2.9:443";

/// The identity of the backend.
const WORKLOAD: &str = "orders.mesh.test";

/// A mesh whose cluster asks for mutual TLS. The certificate of its backend is for [`WORKLOAD`].
struct SecureMesh {
    mesh: Mesh,
    folder: Folder,
    bootstrap: Bootstrap,
}

impl SecureMesh {
    fn new(seed: u64, wanted_name: &str) -> Self {
        let mesh = Mesh::with_backends(seed, [1]);
        let (folder, authority) = (
            Folder::new(&format!("xds-credentials-{seed}")),
            Authority::new("a root"),
        );
        let options = ServerOptions {
            client_authority: Some(authority.der()),
            ..ServerOptions::default()
        };
        let config = server_config_with(&authority.issue(&[WORKLOAD]), &options);
        start_front(&mesh, secure(), backend(1), config);
        let client = authority.issue(&["client.mesh.test"]);
        let mut files =
            TlsFiles::default().with_ca_certificate_file(folder.write("ca.pem", authority.pem()));
        files.identity = Some(IdentityFiles {
            certificate_file: folder.write("client.pem", client.chain_pem()),
            private_key_file: folder.write("client.key", client.key_pem()),
        });
        let mut watched = WatchedFiles::default();
        watched.files = files;
        let mut bootstrap = mesh.bootstrap();
        bootstrap
            .certificate_providers
            .insert("files".into(), CertificateProvider::FileWatcher(watched));
        let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
        cluster.transport_socket = Some(mutual_tls(wanted_name));
        mesh.plane.set(cluster);
        mesh.plane
            .set(resources::endpoints("endpoints", [secure()]));
        Self {
            mesh,
            folder,
            bootstrap,
        }
    }

    fn channel(&self) -> Channel {
        let xds = self.mesh.xds(self.bootstrap.clone()).with_xds_credentials();
        self.mesh.channel_with("xds:///orders", xds)
    }
}

fn secure() -> SocketAddr {
    SECURE.parse().expect("an address")
}

/// Returns TLS with the certificates of `files`, to a server whose certificate has this name.
fn mutual_tls(name: &str) -> TransportSocket {
    let instance = CertificateProviderPluginInstance {
        instance_name: "files".into(),
        certificate_name: String::new(),
    };
    let matcher = StringMatcher {
        match_pattern: Some(MatchPattern::Exact(name.into())),
        ..StringMatcher::default()
    };
    let validation = CertificateValidationContext {
        ca_certificate_provider_instance: Some(instance.clone()),
        match_subject_alt_names: vec![matcher],
        ..CertificateValidationContext::default()
    };
    let context = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_provider_instance: Some(instance),
            validation_context_type: Some(ValidationContextType::ValidationContext(validation)),
            ..CommonTlsContext::default()
        }),
        ..UpstreamTlsContext::default()
    };
    TransportSocket {
        name: "envoy.transport_sockets.tls".into(),
        config_type: Some(ConfigType::TypedConfig(context.pack())),
    }
}

/// 6.4: the certificate has a name that the cluster asks for, and the server accepts that of the client.
#[test]
fn xds_6_4_mutual_tls() {
    let secure_mesh = SecureMesh::new(71, WORKLOAD);
    let channel = secure_mesh.channel();
    secure_mesh.mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
    });
}

/// 6.4: a certificate without such a name is refused, and the error has its names.
#[test]
fn xds_6_4_another_name() {
    let secure_mesh = SecureMesh::new(72, "carts.mesh.test");
    let channel = secure_mesh.channel();
    secure_mesh.mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("another server");
        let expected = format!(
            "the certificate of the server has no name that the cluster asks for: it is for \
             {WORKLOAD:?}"
        );
        assert!(status.message().contains(&expected), "{status}");
    });
}

/// 6.1: after an error of TLS, the fallback is not used: without roots there is no connection.
#[test]
fn xds_6_1_no_fallback_after_an_error() {
    let secure_mesh = SecureMesh::new(73, WORKLOAD);
    secure_mesh.folder.write("ca.pem", "nothing");
    let mesh = &secure_mesh.mesh;
    // A server without TLS, which the fallback could use.
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    let channel = secure_mesh.channel();
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no roots");
        let expected = "ca.pem has no certificate in PEM";
        assert!(status.message().contains(expected), "{status}");
    });
}

/// 6.1: a cluster without `transport_socket` has the fallback, and so has each one of a channel without
/// these credentials.
#[test]
fn xds_6_1_fallback() {
    let secure_mesh = SecureMesh::new(74, WORKLOAD);
    let mesh = &secure_mesh.mesh;
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    let without = mesh.channel_with("xds:///orders", mesh.xds(secure_mesh.bootstrap.clone()));
    mesh.sim.run(async {
        assert_eq!(call(&without, "/a.B/C").await, Ok(backend(1)));
    });
    let plain = resources::cluster_with_endpoints("cluster", "endpoints");
    mesh.plane.set(plain);
    let channel = secure_mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}
