use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use trunkline_runtime::{PeerAddr, Runtime, UnixAddr};

use crate::BOUND;

shells! {
    connects_to_a_path
    reports_a_path_without_a_socket
    refuses_bad_paths
}

/// A path that no other test uses; the file is removed with the value.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new(runtime: &dyn Runtime) -> Self {
        let name = format!("trunkline-{:016x}.sock", runtime.seed());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Connects to `address`, on which `listener` listens, and sends bytes both ways.
async fn check_exchange(runtime: &dyn Runtime, address: UnixAddr, listener: UnixListener) {
    let mut ours = runtime.connect_unix(&address).await.unwrap();
    assert_eq!(ours.peer_addr(), PeerAddr::Unix(address));
    assert_eq!(ours.local_addr(), None);
    let (mut theirs, _) = listener.accept().unwrap();
    theirs.set_read_timeout(Some(BOUND)).unwrap();
    ours.write_all(b"ping").await.unwrap();
    let mut buffer = [0; 4];
    theirs.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"ping");
    theirs.write_all(b"pong").unwrap();
    ours.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"pong");
    ours.close().await.unwrap();
    assert_eq!(theirs.read(&mut buffer).unwrap(), 0);
    ours.abort();
}

/// Connects to a socket in the file system.
async fn connects_to_a_path(runtime: Arc<dyn Runtime>) {
    let path = SocketPath::new(&*runtime);
    let listener = UnixListener::bind(&path.0).unwrap();
    check_exchange(&*runtime, UnixAddr::from_path(&path.0), listener).await;
}

#[cfg(target_os = "linux")]
mod abstract_names {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    use std::sync::Arc;

    use trunkline_runtime::{Runtime, UnixAddr};

    shells! {
        connects_to_an_abstract_name
    }

    /// Connects to a name in Linux's abstract namespace.
    async fn connects_to_an_abstract_name(runtime: Arc<dyn Runtime>) {
        let name = format!("trunkline-{:016x}", runtime.seed());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        super::check_exchange(&*runtime, UnixAddr::from_abstract_name(&name), listener).await;
    }
}

/// The error for a path without a socket is "not found".
async fn reports_a_path_without_a_socket(runtime: Arc<dyn Runtime>) {
    let path = SocketPath::new(&*runtime);
    let connected = runtime.connect_unix(&UnixAddr::from_path(&path.0)).await;
    assert_eq!(connected.unwrap_err().kind(), ErrorKind::NotFound);
}

/// The error for a path that cannot be a socket's names the reason.
async fn refuses_bad_paths(runtime: Arc<dyn Runtime>) {
    let long = "x".repeat(200);
    let cases = [
        ("", "the path is empty"),
        ("\0abstract", "the path holds a NUL"),
        (long.as_str(), "the path is too long for the system"),
    ];
    for (path, why) in cases {
        let address = UnixAddr::from_path(path);
        let error = runtime.connect_unix(&address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}");
        let text = format!("{address} is not an address that can be connected to: {why}");
        assert_eq!(error.to_string(), text);
    }
}
