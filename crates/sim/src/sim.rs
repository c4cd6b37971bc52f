//! The handle of a simulation.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_runtime::{PeerAddr, Runtime};

use crate::dns::DnsServer;
use crate::executor::{self, Limits};
use crate::runtime::SimRuntime;
use crate::world::Shared;
use crate::{Backend, Net, Stuck, Traced};

/// A simulation: a clock, tasks and a network of its own, all on the thread that runs it.
///
/// The same seed gives the same run. When no task is ready, time jumps to the next timer or
/// packet. Dropping the simulation drops its tasks.
pub struct Sim {
    shared: Arc<Shared>,
    limits: Limits,
}

impl Sim {
    /// A simulation in which nothing happens yet.
    ///
    /// All that is random in it comes from `seed`: entropy, loss, jitter.
    pub fn new(seed: u64) -> Self {
        Self {
            shared: Shared::new(base(), seed),
            limits: Limits {
                polls: 10_000_000,
                time: Duration::from_secs(24 * 3600),
            },
        }
    }

    /// The runtime to hand to the code under test.
    pub fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(SimRuntime::new(self.shared.clone()))
    }

    /// The network.
    pub fn net(&self) -> Net {
        Net::new(self.shared.clone())
    }

    /// Starts a DNS server at `address`, over UDP and TCP.
    ///
    /// # Panics
    ///
    /// When the address is taken.
    pub fn dns_server(&self, address: SocketAddr) -> DnsServer {
        DnsServer::start(&self.shared, address)
    }

    /// Starts a gRPC server at `address`: a `SocketAddr` or a `UnixAddr`.
    ///
    /// # Panics
    ///
    /// When the address is taken.
    pub fn backend(&self, address: impl Into<PeerAddr>) -> Backend {
        Backend::start(self.shared.clone(), address.into())
    }

    /// Runs `future`, and the tasks beside it, until it is done. Tasks that are not stay, and go
    /// on with the next run.
    ///
    /// # Panics
    ///
    /// When the run would never end; the text says what was pending. When it is called from
    /// within a run.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        match self.try_run(future) {
            Ok(output) => output,
            Err(stuck) => panic!("{stuck}"),
        }
    }

    /// As [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// When nothing is left that could wake the future, or a bound is reached
    /// ([`limit_time`](Self::limit_time), [`limit_polls`](Self::limit_polls)).
    ///
    /// # Panics
    ///
    /// When it is called from within a run.
    pub fn try_run<F: Future>(&self, future: F) -> Result<F::Output, Stuck> {
        executor::run(&self.shared, future, self.limits)
    }

    /// Spawns a task with a name, which the trace and a [`Stuck`] tell.
    pub fn spawn(&self, name: &str, task: impl Future<Output = ()> + Send + 'static) {
        executor::spawn(&self.shared, name.to_owned(), Box::pin(task));
    }

    /// Waits for virtual time to pass.
    pub async fn sleep(&self, duration: Duration) {
        let runtime = self.runtime();
        runtime.sleep_until(runtime.now() + duration).await;
    }

    /// Virtual time since the simulation was made.
    pub fn elapsed(&self) -> Duration {
        self.shared.with(|world| world.now)
    }

    /// What happened so far; the newest 1,048,576 events.
    pub fn trace(&self) -> Vec<Traced> {
        self.shared.with(|world| world.traced())
    }

    /// Adds a line to the trace.
    pub fn note(&self, what: impl Into<String>) {
        self.shared.with(|world| world.trace(what.into()));
    }

    /// Bounds the virtual time of each run; 24 hours if not called.
    pub fn limit_time(&mut self, limit: Duration) {
        self.limits.time = limit;
    }

    /// Bounds the polls and events of each run; ten million if not called.
    pub fn limit_polls(&mut self, limit: u64) {
        self.limits.polls = limit;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // Tasks hold the world, and the world holds them. Outside of the lock, because they use
        // the world while they are dropped.
        let (tasks, events) = self.shared.with(|world| {
            world.stopped = true;
            (std::mem::take(&mut world.tasks), world.take_events())
        });
        drop(tasks);
        drop(events);
        drop(self.shared.with(|world| world.take_events()));
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Sim");
        text.field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an `Instant` cannot be made otherwise; only differences to it are ever seen"
)]
fn base() -> Instant {
    Instant::now()
}
