//! The runtime that is used when the user names none.

use std::sync::Arc;

use crate::Runtime;

/// Returns the runtime to use when the user names none; `None` if no runtime's feature is on.
///
/// With one feature on, it is that runtime. With several, it is chosen at its first use, which for
/// a channel is the first call: tokio if the caller runs on a tokio runtime, else async-std, else
/// smol. So a dependency that turns a feature on never moves a program that runs on tokio to a
/// second runtime.
///
/// Its `Debug` output names the runtime.
pub fn default_runtime() -> Option<Arc<dyn Runtime>> {
    #[cfg(not(any(feature = "async-std", feature = "smol", feature = "tokio")))]
    return None;
    #[cfg(all(feature = "async-std", not(feature = "smol"), not(feature = "tokio")))]
    return Some(Arc::new(crate::AsyncStd::new()));
    #[cfg(all(feature = "smol", not(feature = "async-std"), not(feature = "tokio")))]
    return Some(Arc::new(crate::Smol::new()));
    #[cfg(all(feature = "tokio", not(feature = "async-std"), not(feature = "smol")))]
    return Some(Arc::new(crate::Tokio::new()));
    #[cfg(all(feature = "async-std", feature = "smol", not(feature = "tokio")))]
    return Some(Arc::new(crate::AsyncStd::new()));
    #[cfg(all(feature = "tokio", any(feature = "async-std", feature = "smol")))]
    return Some(Arc::new(first_use::FirstUse::default()));
}

/// A runtime that is chosen when it is first used.
#[cfg(all(feature = "tokio", any(feature = "async-std", feature = "smol")))]
mod first_use {
    use std::fmt;
    use std::io;
    use std::net::{IpAddr, SocketAddr};
    use std::sync::{Arc, OnceLock};
    use std::time::Instant;

    use crate::{
        BoxFuture, Runtime, RuntimeId, Stream, TcpOptions, Timer, Tokio, UdpOptions, UdpSocket,
        UnixAddr,
    };

    /// tokio where a tokio runtime is current at the first use, else async-std, else smol.
    #[derive(Default)]
    pub(super) struct FirstUse(OnceLock<Arc<dyn Runtime>>);

    impl FirstUse {
        fn get(&self) -> &dyn Runtime {
            &**self.0.get_or_init(|| {
                // Also where it cannot be used because a driver is off: `attach` returns the reason.
                if Tokio::is_current() {
                    return Arc::new(Tokio::new());
                }
                #[cfg(feature = "async-std")]
                return Arc::new(crate::AsyncStd::new());
                #[cfg(not(feature = "async-std"))]
                Arc::new(crate::Smol::new())
            })
        }
    }

    impl Runtime for FirstUse {
        fn attach(&self) -> io::Result<()> {
            self.get().attach()
        }

        fn identity(&self) -> Option<RuntimeId> {
            self.0.get()?.identity()
        }

        fn now(&self) -> Instant {
            self.get().now()
        }

        fn timer(&self) -> Box<dyn Timer> {
            self.get().timer()
        }

        fn far_timer(&self) -> Box<dyn Timer> {
            self.get().far_timer()
        }

        fn spawn(&self, task: BoxFuture<()>) {
            self.get().spawn(task);
        }

        fn spawn_driver(&self, task: BoxFuture<()>) {
            self.get().spawn_driver(task);
        }

        fn fill_entropy(&self, bytes: &mut [u8]) {
            self.get().fill_entropy(bytes);
        }

        fn connect_tcp(
            &self,
            peer: SocketAddr,
            options: &TcpOptions,
        ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
            self.get().connect_tcp(peer, options)
        }

        fn connect_unix(&self, peer: &UnixAddr) -> BoxFuture<io::Result<Box<dyn Stream>>> {
            self.get().connect_unix(peer)
        }

        fn connect_udp(
            &self,
            peer: SocketAddr,
            options: &UdpOptions,
        ) -> io::Result<Box<dyn UdpSocket>> {
            self.get().connect_udp(peer, options)
        }

        fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr> {
            self.get().source_address(destination)
        }

        fn interface_index(&self, name: &str) -> io::Result<u32> {
            self.get().interface_index(name)
        }

        fn lookup_host(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
            self.get().lookup_host(host, port)
        }
    }

    impl fmt::Debug for FirstUse {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self.0.get() {
                Some(chosen) => chosen.fmt(f),
                None => f.write_str("decided at the first call"),
            }
        }
    }
}
