//! 1.4: TLS and tokens on the way to a control plane.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_rustls::{TlsAcceptor, rustls};
use futures_util::future::select;
use futures_util::io::{AsyncReadExt, copy};
use trunkline_runtime::TcpOptions;
use trunkline_testkit::certificates::{Authority, server_config};
use trunkline_xds::core::{Bootstrap, ServerCallCredentials, ServerConfig, TlsFiles};

use crate::mesh::{Mesh, PLANE, backend, call};

/// Where TLS to the control plane ends.
const FRONT: &str = "198.51.100.9:443";

/// A folder for files, which is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trunkline-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.path(name);
        std::fs::write(&file, content).expect("a file");
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts a server at `address` that ends TLS and passes what it decrypts to `plain`. A connection has the
/// configuration of the moment.
pub(crate) fn start_front(
    mesh: &Mesh,
    address: SocketAddr,
    plain: SocketAddr,
    config: Arc<Mutex<Arc<rustls::ServerConfig>>>,
) {
    let mut listener = mesh.sim.net().listen(address).expect("a free address");
    let runtime = Arc::clone(&mesh.runtime);
    mesh.sim.spawn("front", async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = TlsAcceptor::from(Arc::clone(&config.lock().expect("no panic")));
            let (accepting, tasks) = (acceptor.accept(stream), Arc::clone(&runtime));
            runtime.spawn(Box::pin(async move {
                let Ok(outer) = accepting.await else {
                    return;
                };
                let inner = tasks.connect_tcp(plain, &TcpOptions::default()).await;
                let (from_inner, mut to_inner) = inner.expect("the server").split();
                let (from_outer, mut to_outer) = outer.split();
                let up = copy(from_outer, &mut to_inner);
                let down = copy(from_inner, &mut to_outer);
                select(Box::pin(up), Box::pin(down)).await;
            }));
        }
    });
}

/// Starts TLS in front of the control plane.
fn start_plane_front(mesh: &Mesh, authority: &Authority) {
    let (address, plane) = (FRONT.parse(), PLANE.parse());
    let config = server_config(&authority.issue(&["198.51.100.9"]));
    let plane = plane.expect("an address");
    let config = Arc::new(Mutex::new(config));
    start_front(mesh, address.expect("an address"), plane, config);
}

fn front(ca: &std::path::Path) -> ServerConfig {
    let files = TlsFiles::default().with_ca_certificate_file(ca);
    ServerConfig::tls(format!("ipv4:{FRONT}"), files)
}

/// 1.4: the roots of `ca_certificate_file`, and the token of `jwt_token_file` with each stream.
#[test]
fn xds_1_4_tls_and_a_token() {
    let mesh = Mesh::with_backends(61, [1]);
    let (folder, authority) = (Folder::new("xds-tls"), Authority::new("a root"));
    start_plane_front(&mesh, &authority);
    let ca = folder.write("ca.pem", authority.pem());
    let token = folder.write("token", "a.b.c\n");
    let server = front(&ca).with_call_credentials(ServerCallCredentials::JwtTokenFile(token));
    let channel = mesh
        .builder_of("xds:///orders", Bootstrap::new(server))
        .build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
    let received = mesh.plane.backend().received();
    let authorization = received[0].headers.get("authorization");
    assert_eq!(
        authorization.map(|value| value.as_bytes()),
        Some(&b"Bearer a.b.c"[..])
    );
}

/// 1.4, 4.8: a server whose certificate is of another authority is not asked, and the error names it.
#[test]
fn xds_1_4_another_authority() {
    let mesh = Mesh::with_backends(62, [1]);
    let folder = Folder::new("xds-other-ca");
    start_plane_front(&mesh, &Authority::new("a root"));
    let ca = folder.write("ca.pem", Authority::new("a root").pem());
    let channel = mesh
        .builder_of("xds:///orders", Bootstrap::new(front(&ca)))
        .build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C")
            .await
            .expect_err("an unknown authority");
        let start = format!("listener \"orders\" cannot be had: ipv4:{FRONT}: ");
        assert!(status.message().starts_with(&start), "{status}");
    });
    assert_eq!(mesh.plane.streams(), 0);
}

/// A97: a token is never sent in plaintext: the server cannot be used, and the error has the reason.
#[test]
fn xds_1_4_no_token_in_plaintext() {
    let mesh = Mesh::with_backends(63, [1]);
    let token = ServerCallCredentials::JwtTokenFile("/nowhere/token".into());
    let server = ServerConfig::insecure(format!("ipv4:{PLANE}")).with_call_credentials(token);
    let channel = mesh
        .builder_of("xds:///orders", Bootstrap::new(server))
        .build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no protection");
        let text = status.message();
        let expected = "call_creds has a token, which is for encrypted connections only, and \
                        channel_creds has the type \"insecure\": use \"tls\", or remove call_creds";
        assert!(text.contains(expected), "{text}");
    });
    assert!(mesh.sim.elapsed() < Duration::from_secs(1));
    assert_eq!(mesh.plane.streams(), 0);
}

/// 1.4: files that are not there when the channel is built: the reason is in the error, and they are used
/// within a second after they come, as the end of a back-off.
#[test]
fn xds_1_4_files_that_come_late() {
    let mesh = Mesh::with_backends(64, [1]);
    let (folder, authority) = (Folder::new("xds-late-ca"), Authority::new("a root"));
    start_plane_front(&mesh, &authority);
    let channel = mesh
        .builder_of(
            "xds:///orders",
            Bootstrap::new(front(&folder.path("ca.pem"))),
        )
        .build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no roots");
        let expected = format!(
            "channel_creds cannot be used: {} cannot be read: ",
            folder.path("ca.pem").display()
        );
        assert!(status.message().contains(&expected), "{status}");
        // The back-off is near two minutes then.
        mesh.sleep(Duration::from_secs(1000)).await;
        folder.write("ca.pem", authority.pem());
        mesh.sleep(Duration::from_secs(2)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 1.4: files are read at their interval, and not for each attempt; the dump has their state.
#[test]
fn xds_1_4_files_are_read_at_the_interval() {
    let mesh = Mesh::with_backends(65, [1]);
    let (folder, authority) = (Folder::new("xds-ca-interval"), Authority::new("a root"));
    start_plane_front(&mesh, &authority);
    let ca = folder.write("ca.pem", Authority::new("a root").pem());
    let interval = Duration::from_secs(300);
    let files = TlsFiles::default()
        .with_ca_certificate_file(&ca)
        .with_refresh_interval(interval);
    let server = ServerConfig::tls(format!("ipv4:{FRONT}"), files);
    let channel = mesh
        .builder_of("xds:///orders", Bootstrap::new(server))
        .build();
    let channel = channel.expect("a channel");
    let provider = || mesh.pool.dump()[0].certificate_providers[0].clone();
    mesh.sim.run(async {
        let failed = "listener \"orders\" cannot be had: ";
        let status = call(&channel, "/a.B/C").await.expect_err("an unknown root");
        assert!(status.message().starts_with(failed), "{status}");
        assert_eq!(
            *provider().instance,
            *format!("channel_creds of ipv4:{FRONT}")
        );
        folder.write("ca.pem", authority.pem());
        mesh.sleep(interval - Duration::from_secs(10)).await;
        let status = call(&channel, "/a.B/C").await.expect_err("roots of before");
        assert!(status.message().starts_with(failed), "{status}");
        mesh.sleep(Duration::from_secs(12)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));

        std::fs::remove_file(&ca).expect("removed");
        mesh.sleep(interval).await;
        let roots = provider().roots.expect("roots");
        assert!(roots.is_loaded && roots.problem.is_some(), "{roots:?}");
    });
}
