//! The `Runtime` of async-std and of smol, which differ in their executor and their reactor.

/// Implements `Runtime` for a runtime over async-io. The arguments: the reactor that watches its
/// sockets, a type with the trait `Watch`; a function that makes its timers; closures, of which one
/// spawns a task, one the driver of a connection if that differs, and one runs a blocking function on
/// another thread.
macro_rules! impl_runtime {
    (
        $name:ident,
        watch: $watch:ident,
        timer: $timer:expr,
        spawn: $spawn:expr,
        $(spawn_driver: $spawn_driver:expr,)?
        blocking: $blocking:expr $(,)?
    ) => {
        impl crate::Runtime for $name {
            fn identity(&self) -> Option<crate::RuntimeId> {
                Some(crate::RuntimeId::of::<Self>())
            }

            fn now(&self) -> std::time::Instant {
                crate::reactor::now()
            }

            fn timer(&self) -> Box<dyn crate::Timer> {
                $timer()
            }

            #[cfg(target_os = "linux")]
            fn far_timer(&self) -> Box<dyn crate::Timer> {
                crate::reactor::far_timer::far_timer($timer())
            }

            fn spawn(&self, task: crate::BoxFuture<()>) {
                $spawn(task)
            }

            $(
                fn spawn_driver(&self, task: crate::BoxFuture<()>) {
                    $spawn_driver(task)
                }
            )?

            fn fill_entropy(&self, bytes: &mut [u8]) {
                crate::socket::fill_entropy(bytes);
            }

            fn connect_tcp(
                &self,
                peer: std::net::SocketAddr,
                options: &crate::TcpOptions,
            ) -> crate::BoxFuture<std::io::Result<Box<dyn crate::Stream>>> {
                crate::reactor::connect::connect_tcp::<$watch<std::net::TcpStream>>(peer, options)
            }

            #[cfg(unix)]
            fn connect_unix(
                &self,
                peer: &crate::UnixAddr,
            ) -> crate::BoxFuture<std::io::Result<Box<dyn crate::Stream>>> {
                crate::reactor::connect::connect_unix::<$watch<std::os::unix::net::UnixStream>>(
                    peer,
                )
            }

            fn connect_udp(
                &self,
                peer: std::net::SocketAddr,
                options: &crate::UdpOptions,
            ) -> std::io::Result<Box<dyn crate::UdpSocket>> {
                crate::reactor::udp::ReactorUdp::<$watch<std::net::UdpSocket>>::connect(
                    peer, options,
                )
            }

            fn source_address(
                &self,
                destination: std::net::SocketAddr,
            ) -> std::io::Result<std::net::IpAddr> {
                crate::socket::source_address(destination)
            }

            fn interface_index(&self, name: &str) -> std::io::Result<u32> {
                crate::socket::interface_index(name)
            }

            fn lookup_host(
                &self,
                host: &str,
                port: u16,
            ) -> crate::BoxFuture<std::io::Result<Vec<std::net::SocketAddr>>> {
                let host = host.to_owned();
                let blocking = $blocking;
                Box::pin(async move { blocking(move || crate::socket::lookup(&host, port)).await })
            }
        }
    };
}

pub(crate) use impl_runtime;
