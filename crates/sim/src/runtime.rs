//! The runtime in virtual time over the simulated network.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use trunkline_runtime::{
    BoxFuture, PeerAddr, Runtime, RuntimeId, Stream, TcpOptions, Timer, UdpOptions, UdpSocket,
    UnixAddr,
};

use crate::executor;
use crate::net::{Connect, SimUdp, lookup};
use crate::timer::SimTimer;
use crate::world::SharedWorld;

/// The time of day at which every simulation starts, since the Unix epoch: 2026-01-01T00:00:00Z.
const START: Duration = Duration::from_secs(1_767_225_600);

pub(crate) struct SimRuntime {
    shared: Arc<SharedWorld>,
}

impl SimRuntime {
    pub(crate) fn new(shared: Arc<SharedWorld>) -> Self {
        Self { shared }
    }
}

impl Runtime for SimRuntime {
    /// Returns the identity of the simulation, which is the address of its world.
    fn identity(&self) -> Option<RuntimeId> {
        let world = Arc::as_ptr(&self.shared);
        Some(RuntimeId::of::<Self>().with_instance(format_args!("{world:p}")))
    }

    fn now(&self) -> Instant {
        self.shared.now()
    }

    fn system_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + START + self.shared.with(|world| world.now)
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(SimTimer::new(self.shared.clone()))
    }

    fn spawn(&self, task: BoxFuture<()>) {
        executor::spawn(&self.shared, String::new(), task);
    }

    fn fill_entropy(&self, bytes: &mut [u8]) {
        self.shared.with(|world| world.rng.fill(bytes));
    }

    fn connect_tcp(
        &self,
        peer: SocketAddr,
        options: &TcpOptions,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        let bind = match peer {
            SocketAddr::V4(_) => options.bind_ipv4.map(IpAddr::V4),
            SocketAddr::V6(_) => options.bind_ipv6.map(IpAddr::V6),
        };
        Box::pin(Connect::new(self.shared.clone(), PeerAddr::Ip(peer), bind))
    }

    fn connect_unix(&self, peer: &UnixAddr) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        let peer = PeerAddr::Unix(peer.clone());
        Box::pin(Connect::new(self.shared.clone(), peer, None))
    }

    fn connect_udp(
        &self,
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        let socket = SimUdp::connect(self.shared.clone(), peer, options.bind)?;
        Ok(Box::new(socket))
    }

    fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr> {
        self.shared
            .with(|world| world.net.source(destination.ip(), None))
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.shared.with(|world| world.variables.get(name).cloned())
    }

    fn lookup_host(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        Box::pin(lookup(self.shared.clone(), host.to_owned(), port))
    }
}

impl fmt::Debug for SimRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimRuntime").finish_non_exhaustive()
    }
}
