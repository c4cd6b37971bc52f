//! The trait through which streams are made.

use std::fmt::Debug;
use std::io;

use trunkline_endpoint::Address;
use trunkline_runtime::{BoxFuture, Stream};

use crate::info::ConnectionInfo;
use crate::progress::ConnectProgress;

/// Connects to one address. Implement it for a proxy, a tunnel or an in-process pipe.
///
/// Dropping the future ends the attempt. The caller limits the time.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::net::SocketAddr;
/// use trunkline_connector::{Connected, Connector, DirectConnector};
/// use trunkline_endpoint::Address;
/// use trunkline_runtime::BoxFuture;
///
/// /// Connects to a proxy on this host in place of every address.
/// #[derive(Debug)]
/// struct Sidecar(DirectConnector);
///
/// impl Connector for Sidecar {
///     fn connect(&self, _: &Address) -> BoxFuture<io::Result<Connected>> {
///         let sidecar = SocketAddr::from(([127, 0, 0, 1], 15001));
///         self.0.connect(&Address::from(sidecar))
///     }
/// }
/// ```
pub trait Connector: Debug + Send + Sync {
    /// Makes a stream to `address`, ready for HTTP/2.
    ///
    /// # Errors
    ///
    /// When the address cannot be reached. The kind is that of the underlying error where there is
    /// one. Callers print the text beside the address, so it need not name the address.
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>>;

    /// Does the same as [`connect`](Self::connect), and reports its steps to `progress`, so that a
    /// time-out can name the one that did not end.
    ///
    /// The default reports none. A connector over another one passes `progress` on.
    fn connect_with_progress(
        &self,
        address: &Address,
        progress: ConnectProgress,
    ) -> BoxFuture<io::Result<Connected>> {
        let _ = progress;
        self.connect(address)
    }

    /// Returns a future that ends when what the connector connects with changes, such as certificates;
    /// `None` if that never happens, the default.
    ///
    /// Attempts that the connector refused by itself ([`io::ErrorKind::InvalidInput`]), and those that failed
    /// once the stream was there, may succeed then. A channel tries them again at once, without the rest of
    /// their back-off, and calls this again. It does the same with attempts that run at the change, if they fail in
    /// that way. The next future must not be ready before the next change, or the channel connects in a loop. A
    /// connector over another one passes that one's on.
    fn changed(&self) -> Option<BoxFuture<()>> {
        None
    }
}

/// A connected stream, and what is known of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Connected {
    /// The stream, ready for HTTP/2.
    pub stream: Box<dyn Stream>,
    /// What is known of the stream.
    pub info: ConnectionInfo,
}

impl Connected {
    /// Returns `stream` with what is known of it.
    #[must_use]
    pub fn new(stream: Box<dyn Stream>, info: ConnectionInfo) -> Self {
        Self { stream, info }
    }

    /// Returns `stream` as an unprotected one, of which only the peer is known.
    #[must_use]
    pub fn plaintext(stream: Box<dyn Stream>) -> Self {
        let info = ConnectionInfo::new(stream.peer_addr());
        Self { stream, info }
    }
}
