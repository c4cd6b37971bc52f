//! `xds:` targets whose clusters ask for TLS, over real sockets.

use serde_json::{Value, json};
use trunkline_sim::control_plane::proto::{TypeUrl, envoy};
use trunkline_sim::control_plane::resources;
use trunkline_testkit::certificates::{Authority, ServerOptions, server_config_with};
use trunkline_testkit::tls_server::TlsServer;

use crate::command::{object, watch};
use crate::plane::Plane;
use crate::tls::Folder;

use envoy::config::core::v3::TransportSocket;
use envoy::config::core::v3::transport_socket::ConfigType;
use envoy::extensions::transport_sockets::tls::v3 as tls_v3;
use envoy::r#type::matcher::v3::StringMatcher;
use envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use tls_v3::common_tls_context::ValidationContextType;
use tls_v3::{
    CertificateProviderPluginInstance, CertificateValidationContext, CommonTlsContext,
    UpstreamTlsContext,
};

fn files() -> Option<CertificateProviderPluginInstance> {
    Some(CertificateProviderPluginInstance {
        instance_name: "files".to_owned(),
        certificate_name: String::new(),
    })
}

/// Returns mutual TLS with the files of the provider `files`, to servers with this name.
fn mutual_tls(name: &str) -> TransportSocket {
    let matcher = StringMatcher {
        match_pattern: Some(MatchPattern::Exact(name.to_owned())),
        ..StringMatcher::default()
    };
    let validation = CertificateValidationContext {
        ca_certificate_provider_instance: files(),
        match_subject_alt_names: vec![matcher],
        ..CertificateValidationContext::default()
    };
    let tls = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_provider_instance: files(),
            validation_context_type: Some(ValidationContextType::ValidationContext(validation)),
            ..CommonTlsContext::default()
        }),
        ..UpstreamTlsContext::default()
    };
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(ConfigType::TypedConfig(tls.pack())),
    }
}

/// A mesh with one backend, which requires a client certificate.
struct Mesh {
    backend: TlsServer,
    _plane: TlsServer,
    /// The path of the bootstrap.
    bootstrap: String,
    _folder: Folder,
}

impl Mesh {
    /// Starts a mesh whose cluster asks for TLS to a server with this name.
    fn start(name: &str) -> Self {
        let (authority, folder) = (Authority::new("Mesh Root"), Folder::new());
        let options = ServerOptions {
            client_authority: Some(authority.der()),
            ..ServerOptions::default()
        };
        // The address of the backend is not in its certificate.
        let server = server_config_with(&authority.issue(&["orders.mesh.test"]), &options);
        let backend = TlsServer::start(server).expect("a server");
        let mut cluster = resources::cluster("cluster");
        cluster.transport_socket = Some(mutual_tls(name));
        let routes = [resources::route("", "cluster")];
        let plane = Plane::default()
            .with(&resources::listener("orders", "routes"))
            .with(&resources::route_configuration("routes", routes))
            .with(&cluster)
            .with(&resources::endpoints("cluster", [backend.address()]))
            .serve(&authority.issue(&["127.0.0.1"]));
        let client = authority.issue(&["client.mesh.test"]);
        let ca = folder.write("ca.pem", &authority.pem());
        let bootstrap = json!({
            "xds_servers": [{
                "server_uri": format!("ipv4:{}", plane.address()),
                "channel_creds": [{"type": "tls", "config": {"ca_certificate_file": ca}}],
            }],
            "node": {"id": "node-1"},
            "certificate_providers": {"files": {"plugin_name": "file_watcher", "config": {
                "ca_certificate_file": ca,
                "certificate_file": folder.write("client.pem", &client.chain_pem()),
                "private_key_file": folder.write("client.key", &client.key_pem()),
            }}},
        });
        Self {
            backend,
            _plane: plane,
            bootstrap: folder.write("bootstrap.json", &bootstrap.to_string()),
            _folder: folder,
        }
    }
}

/// Calls are made as their cluster asks for it: over TLS with the certificates of the bootstrap's provider.
#[test]
fn calls_use_the_security_of_clusters() {
    let mesh = Mesh::start("orders.mesh.test");
    let bootstrap = ["--bootstrap", &mesh.bootstrap];
    let call = ["call", "xds:///orders", "--any-status"];
    let (status, made) = object(&[&call[..], &bootstrap].concat());
    assert_eq!(status, 0, "{made}");
    let backend = mesh.backend.address().to_string();
    assert_eq!(made["backends"], json!({ backend.as_str(): 1 }), "{made}");
    assert_eq!(mesh.backend.handshakes(), 1);

    let is_ready = |event: &Value| event["address"] == backend && event["state"] == "READY";
    let watched = [&["xds:///orders"], &bootstrap[..]].concat();
    let events = watch(&watched, |events| events.iter().any(is_ready));
    assert!(events.iter().any(is_ready), "{events:?}");
    assert_eq!(mesh.backend.handshakes(), 2);
}

/// A backend that is not the one that the cluster asks for is refused, and the error has its names.
#[test]
fn the_wrong_backend_is_refused() {
    let mesh = Mesh::start("billing.mesh.test");
    let (status, failed) = object(&["call", "xds:///orders", "--bootstrap", &mesh.bootstrap]);
    assert_eq!(status, 1, "{failed}");
    let message = failed["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("orders.mesh.test"), "{message}");
}
