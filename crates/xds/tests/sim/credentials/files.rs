//! 6.6: certificates that follow their files.

use std::error::Error as _;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use trunkline_channel::{ChannelEvent, Observer};
use trunkline_connector::tls::{TlsError, TlsErrorKind};
use trunkline_sim::control_plane::resources;
use trunkline_status::Status;
use trunkline_testkit::certificates::Authority;
use trunkline_xds::core::ads::AdsEvent;
use trunkline_xds::{CertificateEvent, CertificateProviderDump, XdsObserver, XdsPool};

use super::secure_mesh::{INTERVAL, SecureMesh, mutual_tls, secure, validation};
use crate::mesh::call;

const SECOND: Duration = Duration::from_secs(1);

/// Returns the state of the only provider.
fn provider(secure_mesh: &SecureMesh) -> Option<CertificateProviderDump> {
    let dump = secure_mesh.mesh.pool.dump();
    assert_eq!(dump.len(), 1, "{dump:?}");
    dump[0].certificate_providers.first().cloned()
}

/// Returns the problems of the roots and of the identity.
fn problems(secure_mesh: &SecureMesh) -> [Option<String>; 2] {
    let provider = provider(secure_mesh).expect("a provider");
    let parts = [provider.roots, provider.identity];
    parts.map(|part| part?.problem.as_deref().map(str::to_owned))
}

/// Keeps the kinds of the handshakes that failed.
#[derive(Clone, Debug, Default)]
struct HandshakeFailures(Arc<Mutex<Vec<TlsErrorKind>>>);

impl Observer for HandshakeFailures {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        let ChannelEvent::ConnectFailed { failure, .. } = event else {
            return;
        };
        let error = failure
            .source()
            .and_then(|it| it.downcast_ref::<io::Error>());
        let inner = error.and_then(io::Error::get_ref);
        if let Some(error) = inner.and_then(|it| it.downcast_ref::<TlsError>()) {
            self.0.lock().expect("no panic").push(error.kind());
        }
    }
}

/// Files are read once for all connections of all channels: those that are made after the files have gone
/// use what was read.
#[test]
fn xds_6_6_no_file_is_read_for_a_connection() {
    let secure_mesh = SecureMesh::new(510);
    let failures = HandshakeFailures::default();
    let xds = secure_mesh.mesh.xds(secure_mesh.bootstrap());
    let builder = secure_mesh
        .mesh
        .builder_with("xds:///orders", xds.with_xds_credentials());
    let first = builder.observer(failures.clone()).build();
    let first = first.expect("a channel");
    let second = secure_mesh.channel();
    secure_mesh.mesh.sim.run(async {
        assert_eq!(call(&first, "/a.B/C").await, Ok(secure()));
        fs::remove_file(secure_mesh.path("ca.pem")).expect("removed");
        assert_eq!(call(&second, "/a.B/C").await, Ok(secure()));
        secure_mesh.break_connections();
        secure_mesh.mesh.sleep(SECOND).await;
        assert_eq!(call(&first, "/a.B/C").await, Ok(secure()));
        assert_eq!(problems(&secure_mesh), [None, None]);
        secure_mesh.mesh.sleep(INTERVAL).await;
        let [roots, _] = problems(&secure_mesh);
        assert!(roots.is_some_and(|roots| roots.contains("ca.pem cannot be read: ")));
        secure_mesh.break_connections();
        secure_mesh.mesh.sleep(SECOND).await;
        assert_eq!(call(&first, "/a.B/C").await, Ok(secure()));
        // A handshake that fails then has the reason, too.
        secure_mesh.set_server(&Authority::new("other root").issue(&["orders.mesh.test"]));
        secure_mesh.break_connections();
        secure_mesh.mesh.sleep(SECOND).await;
        let status = call(&first, "/a.B/C").await.expect_err("an unknown root");
        let expected = format!(
            "; certificates that were read earlier are in use, because {} cannot be read: ",
            secure_mesh.path("ca.pem").display()
        );
        assert!(status.message().contains(&expected), "{status}");
    });
    // And its kind, which metrics count.
    let kinds = failures.0.lock().expect("no panic");
    assert_eq!(kinds.first(), Some(&TlsErrorKind::UnknownIssuer));
}

/// Keeps the events of certificate files, without the folder, each with its second.
#[derive(Clone, Debug)]
struct FileEvents {
    folder: String,
    start: Instant,
    events: Arc<Mutex<Vec<String>>>,
}

impl XdsObserver for FileEvents {
    fn observe(&self, _: &str, _: &AdsEvent, _: Instant) {}

    fn observe_certificates(&self, event: &CertificateEvent, at: Instant) {
        let (second, text) = ((at - self.start).as_secs(), event.to_string());
        let text = text.replace(&self.folder, "");
        // The text of the system is not ours.
        let text = text.split(" (os error").next().unwrap_or_default();
        let mut events = self.events.lock().expect("no panic");
        events.push(format!("{second} s: {text}"));
    }
}

/// Observers are notified of files that cannot be used, and of their repair: once for a change, not for
/// each reading and not for each channel.
#[test]
fn xds_6_6_events_of_files() {
    let mut secure_mesh = SecureMesh::new(518);
    let identity = secure_mesh.authority.issue(&["client.mesh.test"]);
    secure_mesh.write_identity(&identity);
    secure_mesh.set_cluster(mutual_tls(validation([])));
    let log = FileEvents {
        folder: secure_mesh.path("").to_str().expect("text").to_owned(),
        start: secure_mesh.mesh.runtime.now(),
        events: Arc::default(),
    };
    let pool = secure_mesh.mesh.pool.clone();
    secure_mesh.mesh.pool = pool.with_observer(log.clone());
    let channels = [secure_mesh.channel(), secure_mesh.channel()];
    secure_mesh.mesh.sim.run(async {
        for channel in &channels {
            assert_eq!(call(channel, "/a.B/C").await, Ok(secure()));
        }
        fs::remove_file(secure_mesh.path("ca.pem")).expect("removed");
        secure_mesh.mesh.sleep(INTERVAL * 3).await;
        secure_mesh.folder.write("client.pem", "no certificate");
        secure_mesh
            .folder
            .write("ca.pem", secure_mesh.authority.pem());
        secure_mesh.mesh.sleep(INTERVAL * 3).await;
        let other = Authority::new("other clients").issue(&["client.mesh.test"]);
        secure_mesh.folder.write("client.pem", other.chain_pem());
        secure_mesh.folder.write("client.key", other.key_pem());
        secure_mesh.mesh.sleep(INTERVAL * 3).await;
    });
    let events = log.events.lock().expect("no panic");
    assert_eq!(
        *events,
        [
            "0 s: certificate provider \"files\": roots: new contents are in use",
            "0 s: certificate provider \"files\": client certificate: new contents are in use",
            "60 s: certificate provider \"files\": roots: not usable: ca.pem cannot be read: No such file \
             or directory",
            "240 s: certificate provider \"files\": roots: usable again, and unchanged",
            "240 s: certificate provider \"files\": client certificate: not usable: client.pem has no \
             certificate in PEM (`BEGIN CERTIFICATE`)",
            "420 s: certificate provider \"files\": client certificate: new contents are in use",
        ]
    );
}

/// Asks the pool for its state from another thread, for each event of certificate files.
#[derive(Debug, Default)]
struct AsksPool {
    pool: Mutex<Option<XdsPool>>,
    answers: Mutex<Vec<usize>>,
}

/// An observer that a test keeps.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<AsksPool>);

impl XdsObserver for Shared {
    fn observe(&self, _: &str, _: &AdsEvent, _: Instant) {}

    fn observe_certificates(&self, _: &CertificateEvent, _: Instant) {
        let pool = self.0.pool.lock().expect("no panic").clone();
        let (done, answer) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let pool = pool.expect("a pool");
            let _ = done.send(pool.dump()[0].certificate_providers.len());
        });
        // Without an answer, a lock of the pool is held.
        let answer = answer.recv_timeout(SECOND * 10).expect("an answer");
        self.0.answers.lock().expect("no panic").push(answer);
    }
}

/// While files are read, no lock of the pool is held: other channels start and connect meanwhile. That is so for
/// the first reading, and for later ones.
#[test]
fn xds_6_6_the_pool_is_free_while_files_are_read() {
    let mut secure_mesh = SecureMesh::new(520);
    let observer = Shared::default();
    let pool = secure_mesh
        .mesh
        .pool
        .clone()
        .with_observer(observer.clone());
    *observer.0.pool.lock().expect("no panic") = Some(pool.clone());
    secure_mesh.mesh.pool = pool;
    let channel = secure_mesh.channel();
    secure_mesh.mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
        secure_mesh
            .folder
            .write("ca.pem", Authority::new("other root").pem());
        secure_mesh.mesh.sleep(INTERVAL).await;
    });
    assert_eq!(*observer.0.answers.lock().expect("no panic"), [1, 1]);
}

/// New roots are for the connections that are made once the interval has passed. Those that exist stay.
#[test]
fn xds_6_6_roots_are_read_at_the_interval() {
    let secure_mesh = SecureMesh::new(511);
    let other = Authority::new("other root");
    let (first, second) = (secure_mesh.channel(), secure_mesh.channel());
    secure_mesh.mesh.sim.run(async {
        assert_eq!(call(&first, "/a.B/C").await, Ok(secure()));
        secure_mesh.folder.write("ca.pem", other.pem());
        secure_mesh.set_server(&other.issue(&["orders.mesh.test"]));
        secure_mesh.mesh.sleep(INTERVAL / 2).await;
        let status = call(&second, "/a.B/C").await.expect_err("roots of before");
        let expected = "was issued by \"CN=other root\", which is not among the given root";
        assert!(status.message().contains(expected), "{status}");
        secure_mesh.mesh.sleep(INTERVAL).await;
        assert_eq!(call(&second, "/a.B/C").await, Ok(secure()));
        assert_eq!(call(&first, "/a.B/C").await, Ok(secure()));
    });
}

/// Files that are mended end the back-off of the backends that failed for them: they are connected when the
/// files are read, and not up to two minutes later.
#[test]
fn xds_6_6_mended_files_end_the_back_off() {
    let secure_mesh = SecureMesh::new(519);
    let other = Authority::new("other root");
    secure_mesh.set_server(&other.issue(&["orders.mesh.test"]));
    let attempts = Attempts::default();
    let xds = secure_mesh.mesh.xds(secure_mesh.bootstrap());
    let builder = secure_mesh
        .mesh
        .builder_with("xds:///orders", xds.with_xds_credentials());
    let channel = builder.observer(attempts.clone()).build();
    let channel = channel.expect("a channel");
    let started = secure_mesh.mesh.runtime.now();
    secure_mesh.mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect_err("an unknown root");
        // The back-off is near two minutes then.
        let mended = INTERVAL * 20 + INTERVAL / 2;
        secure_mesh.mesh.sleep(mended).await;
        secure_mesh.folder.write("ca.pem", other.pem());
        secure_mesh.mesh.sleep(INTERVAL * 3).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
    });
    let attempts = attempts.0.lock().expect("no panic");
    let since = |at: &Instant| (*at - started).as_secs();
    let [.., failed, connected] = attempts.as_slice() else {
        panic!("two attempts at least: {attempts:?}");
    };
    assert_eq!(since(connected), (INTERVAL * 21).as_secs());
    let next = since(failed) + 120 * 4 / 5;
    assert!(next > since(connected), "it would not have been due");
}

/// Keeps the times of connection attempts.
#[derive(Clone, Debug, Default)]
struct Attempts(Arc<Mutex<Vec<Instant>>>);

impl Observer for Attempts {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        if let ChannelEvent::ConnectStarted { .. } = event {
            self.0.lock().expect("no panic").push(at);
        }
    }
}

/// A certificate and its key are replaced together, or neither: while one of them is missing, the pair of
/// before is in use, and the dump has the reason.
#[test]
fn xds_6_6_a_pair_or_neither() {
    let mut secure_mesh = SecureMesh::new(512);
    secure_mesh.set_cluster(mutual_tls(validation([])));
    let (old, new) = (Authority::new("old clients"), Authority::new("new clients"));
    secure_mesh.write_identity(&old.issue(&["client.mesh.test"]));
    secure_mesh.require_clients_of(&old);
    let channel = secure_mesh.channel();
    secure_mesh.mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
        let identity = new.issue(&["client.mesh.test"]);
        secure_mesh.folder.write("client.pem", identity.chain_pem());
        secure_mesh.mesh.sleep(INTERVAL).await;
        let expected = format!(
            "the key in {} is not that of the first certificate in {}",
            secure_mesh.path("client.key").display(),
            secure_mesh.path("client.pem").display()
        );
        assert_eq!(problems(&secure_mesh), [None, Some(expected)]);
        secure_mesh.break_connections();
        secure_mesh.mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));

        secure_mesh.folder.write("client.key", identity.key_pem());
        secure_mesh.mesh.sleep(INTERVAL).await;
        assert_eq!(problems(&secure_mesh), [None, None]);
        secure_mesh.require_clients_of(&new);
        secure_mesh.break_connections();
        secure_mesh.mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
    });
}

/// Files that are not there yet: a call waits for them.
#[test]
fn xds_6_6_files_that_come_late() {
    let mut secure_mesh = SecureMesh::new(513);
    let identity = secure_mesh.authority.issue(&["client.mesh.test"]);
    secure_mesh.write_identity(&identity);
    secure_mesh.require_clients_of(&secure_mesh.authority);
    secure_mesh.set_cluster(mutual_tls(validation([])));
    for name in ["ca.pem", "client.pem", "client.key"] {
        fs::remove_file(secure_mesh.path(name)).expect("removed");
    }
    let channel = secure_mesh.channel();
    let mesh = &secure_mesh.mesh;
    mesh.sim.run(async {
        let write = async {
            mesh.sleep(SECOND * 2).await;
            secure_mesh
                .folder
                .write("ca.pem", secure_mesh.authority.pem());
            secure_mesh.folder.write("client.pem", identity.chain_pem());
            mesh.sleep(SECOND * 2).await;
            secure_mesh.folder.write("client.key", identity.key_pem());
        };
        let (answer, ()) = futures_util::future::join(call(&channel, "/a.B/C"), write).await;
        assert_eq!(answer, Ok(secure()));
        let elapsed = mesh.sim.elapsed();
        assert!((SECOND * 4..SECOND * 6).contains(&elapsed), "{elapsed:?}");
    });
}

/// The text of a call whose cluster has no certificates, after this change of the files.
fn failure(seed: u64, change: impl FnOnce(&mut SecureMesh)) -> String {
    let mut secure_mesh = SecureMesh::new(seed);
    let identity = secure_mesh.authority.issue(&["client.mesh.test"]);
    secure_mesh.write_identity(&identity);
    secure_mesh.set_cluster(mutual_tls(validation([])));
    change(&mut secure_mesh);
    let status: Status = secure_mesh.call().expect_err("no certificates");
    let elapsed = secure_mesh.mesh.sim.elapsed();
    assert!((SECOND * 10..SECOND * 11).contains(&elapsed), "{elapsed:?}");
    let folder = secure_mesh.path("");
    let folder = folder.to_str().expect("text");
    status.message().replace(folder, "")
}

/// The failure of a call names the file, the provider and the cluster, and has nothing of a key.
#[test]
fn xds_6_6_files_that_cannot_be_used() {
    let start = "certificate provider \"files\" of cluster \"cluster\" cannot be used: ";
    let check = |text: String, reason: &str| {
        assert!(text.contains(&format!("{start}{reason}")), "{text}");
        assert!(text.ends_with("; xDS node \"n1\""), "{text}");
    };
    let missing = |name: &'static str| {
        move |mesh: &mut SecureMesh| fs::remove_file(mesh.path(name)).expect("removed")
    };
    check(failure(520, missing("ca.pem")), "ca.pem cannot be read: ");
    check(
        failure(521, missing("client.key")),
        "client.key cannot be read: ",
    );
    let garbled = |name: &'static str, contents: &'static str| {
        move |mesh: &mut SecureMesh| drop(mesh.folder.write(name, contents))
    };
    check(
        failure(522, garbled("ca.pem", "nothing")),
        "ca.pem has no certificate in PEM (`BEGIN CERTIFICATE`)",
    );
    check(
        failure(523, garbled("client.key", "nothing")),
        "client.key has no private key in PEM (`BEGIN PRIVATE KEY`)",
    );
    // A provider that has no roots is known to have none: the call does not wait.
    let mut secure_mesh = SecureMesh::new(524);
    let identity = secure_mesh.authority.issue(&["client.mesh.test"]);
    secure_mesh.write_identity(&identity);
    secure_mesh.files.files.ca_certificate_file = None;
    let status = secure_mesh.call().expect_err("no roots");
    check(
        status.message().to_owned(),
        "it has no ca_certificate_file and no spiffe_trust_bundle_map_file",
    );
}

/// The providers of a channel end with the use of them: an idle channel reads no file.
#[test]
fn xds_6_6_providers_end() {
    let secure_mesh = SecureMesh::new(530);
    let channel = secure_mesh.channel();
    secure_mesh.mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
        assert!(provider(&secure_mesh).is_some());
        let plain = resources::cluster_with_endpoints("cluster", "endpoints");
        secure_mesh.mesh.plane.set(plain);
        secure_mesh.mesh.sleep(SECOND).await;
        assert_eq!(provider(&secure_mesh), None);
        // The connection that exists stays.
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
        channel.enter_idle();
        secure_mesh.mesh.sleep(SECOND).await;
    });
    assert!(secure_mesh.mesh.pool.dump().is_empty());
}
