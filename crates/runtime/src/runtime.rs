//! The trait itself.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::{Instant, SystemTime};

use crate::{RuntimeId, Sleep, Stream, TcpOptions, Timer, UdpOptions, UdpSocket, UnixAddr};

/// A boxed future, as methods of a trait object take and return it.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What network code needs from an async runtime.
///
/// The trait is object safe, and its signatures use types of std and futures-io only, so that it
/// can be implemented outside of this crate too. Every method that is added later has a default.
///
/// Connecting and resolving go through this trait. A gRPC call uses it for three things only: it
/// reads the clock, sets a timer if it has a deadline, and may spawn a task if it streams its
/// request. Each such timer or task costs one allocation, because it is boxed.
///
/// All sockets are made by this trait and nowhere else: non-blocking, close-on-exec, from
/// plain-data options.
///
/// # Examples
///
/// A runtime around another one, which keeps to IPv4:
///
/// ```
/// use std::io;
/// use std::net::{IpAddr, SocketAddr};
/// use std::sync::Arc;
/// use std::time::Instant;
/// use trunkline_runtime::{
///     BoxFuture, Runtime, Stream, TcpOptions, Timer, UdpOptions, UdpSocket,
/// };
///
/// #[derive(Debug)]
/// struct Ipv4Only(Arc<dyn Runtime>);
///
/// fn check(peer: SocketAddr) -> io::Result<()> {
///     if peer.is_ipv4() {
///         return Ok(());
///     }
///     let text = format!("{peer} is not an IPv4 address");
///     Err(io::Error::new(io::ErrorKind::NetworkUnreachable, text))
/// }
///
/// impl Runtime for Ipv4Only {
///     fn attach(&self) -> io::Result<()> {
///         self.0.attach()
///     }
///
///     fn now(&self) -> Instant {
///         self.0.now()
///     }
///
///     fn timer(&self) -> Box<dyn Timer> {
///         self.0.timer()
///     }
///
///     fn spawn(&self, task: BoxFuture<()>) {
///         self.0.spawn(task);
///     }
///
///     fn spawn_driver(&self, task: BoxFuture<()>) {
///         self.0.spawn_driver(task);
///     }
///
///     fn fill_entropy(&self, bytes: &mut [u8]) {
///         self.0.fill_entropy(bytes);
///     }
///
///     fn connect_tcp(
///         &self,
///         peer: SocketAddr,
///         options: &TcpOptions,
///     ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
///         match check(peer) {
///             Ok(()) => self.0.connect_tcp(peer, options),
///             Err(error) => Box::pin(async { Err(error) }),
///         }
///     }
///
///     fn connect_udp(
///         &self,
///         peer: SocketAddr,
///         options: &UdpOptions,
///     ) -> io::Result<Box<dyn UdpSocket>> {
///         check(peer)?;
///         self.0.connect_udp(peer, options)
///     }
///
///     fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr> {
///         check(destination)?;
///         self.0.source_address(destination)
///     }
/// }
/// ```
pub trait Runtime: Debug + Send + Sync + 'static {
    /// Stores a handle of the runtime that the calling task runs on, if this runtime needs one.
    ///
    /// Call it in the context of the user's own task before the first use. tokio needs it, because
    /// it keeps its handle in a thread-local. It is called often, so it must be cheap. The default
    /// does nothing.
    ///
    /// # Errors
    ///
    /// When a handle is needed, and the caller does not run on such a runtime. The text names what
    /// the user must do.
    fn attach(&self) -> io::Result<()> {
        Ok(())
    }

    /// Returns what this runtime is, where several values can be one runtime; `None` where it cannot
    /// be known, or is not known before [`attach`](Self::attach).
    ///
    /// Work that channels share runs once for each runtime. The default is `None`: clones of one
    /// `Arc` are then one runtime, and nothing else is ([`is_same_as`](#method.is_same_as)).
    fn identity(&self) -> Option<RuntimeId> {
        None
    }

    /// Returns the time of this runtime's clock, which never goes backwards.
    fn now(&self) -> Instant;

    /// Returns the time of day, which decides whether a certificate has expired. It can jump, so it measures nothing.
    ///
    /// The default is the system's clock. A simulation returns a time of its own.
    fn system_time(&self) -> SystemTime {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the wall clock"
        )]
        SystemTime::now()
    }

    /// Returns a timer that is not set.
    fn timer(&self) -> Box<dyn Timer>;

    /// Returns a timer that is not set, for deadlines that are far away.
    ///
    /// While a timer is pending, each wait of a reactor may cost more, which is much where one call
    /// follows another. This timer should cost nothing while it is pending; in return, it may cost more to
    /// make and to set.
    ///
    /// The default is [`timer`](Self::timer). On Linux, the runtimes of this crate take a timer of
    /// the kernel, which is a file descriptor (timerfd). It follows the system's clock, so with
    /// tokio's paused clock it is the usual timer.
    fn far_timer(&self) -> Box<dyn Timer> {
        self.timer()
    }

    /// Runs `task` to its end, in the background.
    fn spawn(&self, task: BoxFuture<()>);

    /// Runs the driver of a connection to its end, in the background.
    ///
    /// It reads and writes one stream, wakes other tasks, and never blocks. So a runtime may poll it on a
    /// thread that must not be held up, such as the one that waits for all sockets: a response then needs
    /// one thread less. `AsyncStd` does so on Linux. Other tasks belong into
    /// [`spawn`](Self::spawn).
    ///
    /// The default is [`spawn`](Self::spawn). A runtime around another one calls this method of that one.
    fn spawn_driver(&self, task: BoxFuture<()>) {
        self.spawn(task);
    }

    /// Fills `bytes` from a source that cannot be predicted. A simulation fills them from its seed.
    fn fill_entropy(&self, bytes: &mut [u8]);

    /// Connects to `peer` over TCP.
    ///
    /// Dropping the future gives the attempt up.
    ///
    /// # Errors
    ///
    /// The operating system's error (`SO_ERROR`), so that [`io::Error::kind`] separates a refused
    /// connection from an unreachable host.
    fn connect_tcp(
        &self,
        peer: SocketAddr,
        options: &TcpOptions,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>>;

    /// Connects to a Unix socket.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`] where there are no Unix sockets, which is the default; else
    /// the operating system's error.
    fn connect_unix(&self, peer: &UnixAddr) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        let text = format!("this runtime cannot connect to the Unix socket {peer}");
        Box::pin(async move { Err(io::Error::new(io::ErrorKind::Unsupported, text)) })
    }

    /// Makes a UDP socket that is connected to `peer`.
    ///
    /// The kernel then drops datagrams that other hosts send, and reports a closed port as the
    /// error of the next operation.
    ///
    /// # Errors
    ///
    /// The operating system's error.
    fn connect_udp(&self, peer: SocketAddr, options: &UdpOptions)
    -> io::Result<Box<dyn UdpSocket>>;

    /// Returns the source address that the system would use for `destination`, without sending a
    /// packet.
    ///
    /// # Errors
    ///
    /// When there is no route. RFC 6724 rule 1 calls such a destination unusable.
    fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr>;

    /// Returns the index of the network interface with this name, from the kernel: the scope id of
    /// a link-local address such as `fe80::1%eth0`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] where there is no such interface;
    /// [`io::ErrorKind::Unsupported`] where names of interfaces are not known, which is the
    /// default.
    fn interface_index(&self, name: &str) -> io::Result<u32> {
        let text = format!("this runtime cannot look up the network interface {name}");
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    /// Returns the value of an environment variable; `None` if it is not set, or is not UTF-8. The
    /// default reads those of the process. A simulation has its own.
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    /// Looks a host name up with the system's own resolver (`getaddrinfo`), on another thread.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`] where there is no system resolver, which is the default; else
    /// the resolver's error.
    fn lookup_host(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let text = format!("this runtime has no system resolver to look up {host}:{port}");
        Box::pin(async move { Err(io::Error::new(io::ErrorKind::Unsupported, text)) })
    }
}

impl dyn Runtime {
    /// Returns true if both are one runtime: by their [identities](Runtime::identity), or because they are
    /// one value.
    pub fn is_same_as(&self, other: &dyn Runtime) -> bool {
        let identity = self.identity();
        std::ptr::addr_eq(self, other) || (identity.is_some() && identity == other.identity())
    }

    /// Returns a future that is ready at `deadline`.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        let mut timer = self.timer();
        timer.set(Some(deadline));
        Sleep::new(timer)
    }

    /// Returns a random seed for the generator of a sans-I/O core.
    pub fn seed(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_entropy(&mut bytes);
        u64::from_ne_bytes(bytes)
    }
}
