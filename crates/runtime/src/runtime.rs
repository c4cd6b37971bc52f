//! The trait itself.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Instant;

use crate::{Sleep, Stream, TcpOptions, Timer, UdpOptions, UdpSocket, UnixAddr};

/// A future that a trait object can return or take.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What network code asks of an async runtime.
///
/// Object safe, signed with std and futures-io types only, and meant to be implemented outside of
/// this crate too. It is used off the path of a call (connecting, resolving, timers that outlive a
/// call), so a box here and there costs nothing that can be seen. Every method that is added later
/// comes with a default.
///
/// All sockets are made here and nowhere else: non-blocking, close-on-exec, from plain-data
/// options.
pub trait Runtime: Debug + Send + Sync + 'static {
    /// Called in the context of the user's own task before the first use, so that a runtime that
    /// lives in a thread-local (tokio) can take hold of its handle. Called often: must be cheap.
    ///
    /// # Errors
    ///
    /// When there is no such runtime here; the text says what the user must do.
    fn attach(&self) -> io::Result<()> {
        Ok(())
    }

    /// The time by this runtime's clock; never goes backwards.
    fn now(&self) -> Instant;

    /// A timer that is not set.
    fn timer(&self) -> Box<dyn Timer>;

    /// Runs a task to its end, in the background.
    fn spawn(&self, task: BoxFuture<()>);

    /// Fills `bytes` from a source that cannot be predicted (a simulation: from its seed).
    fn fill_entropy(&self, bytes: &mut [u8]);

    /// Connects to `peer` over TCP.
    ///
    /// Dropping the future gives the attempt up. The error is the operating system's
    /// (`SO_ERROR`), so that [`io::Error::kind`] tells refused from unreachable.
    fn connect_tcp(
        &self,
        peer: SocketAddr,
        options: &TcpOptions,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>>;

    /// Connects to a Unix socket.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`] where there are none.
    fn connect_unix(&self, peer: &UnixAddr) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        let text = format!("this runtime cannot connect to the Unix socket {peer}");
        Box::pin(async move { Err(io::Error::new(io::ErrorKind::Unsupported, text)) })
    }

    /// Makes a UDP socket that is connected to `peer`: the kernel then drops what comes from
    /// elsewhere, and reports a closed port as an error of the next operation.
    fn connect_udp(&self, peer: SocketAddr, options: &UdpOptions)
    -> io::Result<Box<dyn UdpSocket>>;

    /// The source address that the system would use for `destination`, without sending a packet.
    ///
    /// # Errors
    ///
    /// When there is no route (what RFC 6724 rule 1 calls an unusable destination).
    fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr>;

    /// Looks a host name up with the system's own resolver (`getaddrinfo`), off this thread.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`] where there is none.
    fn lookup_host(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let text = format!("this runtime has no system resolver to look up {host}:{port}");
        Box::pin(async move { Err(io::Error::new(io::ErrorKind::Unsupported, text)) })
    }
}

impl dyn Runtime {
    /// A future that is ready at `deadline`.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        let mut timer = self.timer();
        timer.set(Some(deadline));
        Sleep::new(timer)
    }

    /// A seed for a core's generator.
    pub fn seed(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_entropy(&mut bytes);
        u64::from_ne_bytes(bytes)
    }
}
