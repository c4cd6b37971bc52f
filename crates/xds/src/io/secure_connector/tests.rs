//! The connectors that are kept, where certificates are replaced while they are made.

use std::path::PathBuf;
use std::time::Duration;

use prost::Message;
use trunkline_connector::DirectConnector;
use trunkline_lb::PolicyRegistry;
use trunkline_sim::Sim;
use trunkline_sim::control_plane::resources;
use trunkline_testkit::certificates::Authority;

use super::*;
use crate::core::ads::ResourceDecoder;
use crate::core::resources::{Cluster, Resource};
use crate::core::{
    CertificateProvider, Decoder, ResourceType, ServerConfig, TlsFiles, WatchedFiles,
};
use crate::io::certificates::ProviderPool;
use crate::policies::{ClusterCounters, registry};

const INTERVAL: Duration = Duration::from_secs(60);

/// A cluster whose roots are in a file.
struct World {
    sim: Sim,
    connectors: TlsConnectors,
    secure: SecureAddress,
    tls: Arc<UpstreamTls>,
    ca: PathBuf,
}

impl World {
    fn new(name: &str) -> Self {
        let sim = Sim::new(1);
        let runtime = sim.runtime();
        let name = format!("trunkline-xds-{name}-{}.pem", std::process::id());
        let ca = std::env::temp_dir().join(name);
        std::fs::write(&ca, Authority::new("first").pem()).expect("a file");
        let files = TlsFiles::default()
            .with_ca_certificate_file(&ca)
            .with_refresh_interval(INTERVAL);
        let files = WatchedFiles {
            files,
            ..WatchedFiles::default()
        };
        let provider = CertificateProvider::FileWatcher(files);
        let roots = ProviderPool::default().provider(&"files".into(), &provider, &runtime);
        let secure = SecureAddress {
            cluster: cluster(),
            server_name: None,
            roots: Some(roots),
            identity: None,
        };
        let tls = UpstreamTls {
            roots: Some(("files".into(), "".into())),
            identity: None,
            subject_alt_names: Vec::new(),
            sni: "".into(),
            auto_host_sni: false,
            auto_sni_san_validation: false,
        };
        let plain = Arc::new(DirectConnector::new(Arc::clone(&runtime)));
        Self {
            connectors: TlsConnectors::new(plain, &runtime),
            tls: Arc::new(tls),
            secure,
            sim,
            ca,
        }
    }

    /// Returns the certificates of the moment.
    fn certificates(&self) -> Certificates {
        let certificates = self.sim.run(Certificates::of(&self.secure));
        certificates.expect("roots")
    }

    /// Makes a connector with these certificates, as a connection does.
    fn make(&self, certificates: &Certificates) -> Kept {
        let connector = self.connectors.connector(&self.tls, certificates);
        Kept {
            tls: Arc::clone(&self.tls),
            certificates: certificates.clone(),
            connector: connector.expect("a connector"),
        }
    }

    /// Replaces the roots, and waits until they are read.
    fn replace_roots(&self) {
        std::fs::write(&self.ca, Authority::new("next").pem()).expect("a file");
        let runtime = self.sim.runtime();
        let later = runtime.now() + INTERVAL + Duration::from_millis(1);
        self.sim.run(runtime.sleep_until(later));
    }

    fn is_kept(&self, certificates: &Certificates) -> bool {
        self.connectors.used(&self.tls, certificates).is_some()
    }

    fn kept(&self) -> usize {
        self.connectors.kept.lock().len()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ca);
    }
}

fn cluster() -> Arc<Cluster> {
    let bytes = resources::cluster("orders").encode_to_vec();
    let mut policies = PolicyRegistry::standard();
    policies.merge(registry(&ClusterCounters::new()));
    let decoder = Decoder::new(policies);
    let server = Arc::new(ServerConfig::insecure("ipv4:192.0.2.1:1"));
    let decoded = decoder.decode(ResourceType::Cluster, &bytes, &server, None);
    match decoded {
        Ok(Resource::Cluster(cluster)) => cluster,
        other => panic!("a cluster: {other:?}"),
    }
}

/// A connector whose certificates were replaced while it was made serves its connection, and is not kept: it
/// would replace the one of the new certificates, whose sessions are then lost, or be resumed with old ones.
#[test]
fn a_connector_that_is_late_is_not_kept() {
    let world = World::new("late-connector");
    let first = world.certificates();
    let late = world.make(&first);
    world.replace_roots();
    let next = world.certificates();
    assert!(!next.is_same(&first), "the roots were read again");

    // Before there is one of the new certificates, and after that.
    let _ = world.connectors.keep(late, &world.secure);
    assert_eq!((world.is_kept(&first), world.kept()), (false, 0));
    let _ = world.connectors.keep(world.make(&next), &world.secure);
    let _ = world.connectors.keep(world.make(&first), &world.secure);
    assert!(!world.is_kept(&first) && world.is_kept(&next));
    assert_eq!(world.kept(), 1);
}

/// New certificates replace the connector of the earlier ones, and two connections at the same time make one.
#[test]
fn one_connector_is_kept() {
    let world = World::new("one-connector");
    let first = world.certificates();
    for _ in 0..2 {
        let _ = world.connectors.keep(world.make(&first), &world.secure);
        assert_eq!((world.is_kept(&first), world.kept()), (true, 1));
    }
    world.replace_roots();
    let next = world.certificates();
    let _ = world.connectors.keep(world.make(&next), &world.secure);
    assert!(!world.is_kept(&first) && world.is_kept(&next));
    assert_eq!(world.kept(), 1);
}
