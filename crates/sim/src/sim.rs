//! The handle of a simulation.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use trunkline_runtime::{PeerAddr, Runtime};

use crate::backend::{Backend, IncomingBody};
#[cfg(feature = "xds")]
use crate::control_plane::ControlPlane;
use crate::dns::DnsServer;
use crate::executor::{self, Limits};
use crate::net::Net;
use crate::runtime::SimRuntime;
use crate::stuck::Stuck;
use crate::timer;
use crate::trace::Traced;
use crate::world::SharedWorld;

/// The limits of a run unless a test sets others.
const DEFAULT_LIMITS: Limits = Limits {
    polls: 10_000_000,
    time: Duration::from_secs(24 * 3600),
};

/// A simulation: a clock, tasks and a network of its own, all on the thread that runs it.
///
/// The same seed gives the same run. When no task is ready, the clock moves to the next timer or
/// packet. Dropping the simulation drops its tasks.
pub struct Sim {
    shared: Arc<SharedWorld>,
    limits: Limits,
}

impl Sim {
    /// Returns a simulation without tasks and servers.
    ///
    /// Everything random in it comes from `seed`: entropy, loss, jitter.
    pub fn new(seed: u64) -> Self {
        Self {
            shared: SharedWorld::new(base(), seed),
            limits: DEFAULT_LIMITS,
        }
    }

    /// Returns the runtime for the code under test.
    pub fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(SimRuntime::new(self.shared.clone()))
    }

    /// Returns a handle of the network.
    pub fn net(&self) -> Net {
        Net::new(self.shared.clone())
    }

    /// Sets an environment variable for the code under test. There is none at first: those of the
    /// process have no effect in a simulation.
    pub fn set_variable(&self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        self.shared
            .with(|world| world.variables.insert(name, value));
    }

    /// Starts a DNS server at `address`, over UDP and TCP.
    ///
    /// # Panics
    ///
    /// When another server has the address.
    pub fn dns_server(&self, address: SocketAddr) -> DnsServer {
        DnsServer::start(&self.shared, address)
    }

    /// Starts a gRPC server at `address`, a `SocketAddr` or a `UnixAddr`, whose calls are answered
    /// by `service`: a server that tonic generated, tonic's `Routes`, or any other service over
    /// `http`.
    ///
    /// Each call is a task of the simulation. It uses a clone of the service, and is dropped when
    /// the client resets the call or the connection is lost. A panic of the service ends the run
    /// with that panic. An error of the service resets the call with INTERNAL_ERROR; the
    /// [`trace`](Self::trace) has its text.
    ///
    /// The service waits for time with [`runtime`](Self::runtime), and spawns tasks with it. What
    /// needs a tokio runtime, such as `tokio::time::sleep`, panics. The client's address, a
    /// [`PeerAddr`], is in the extensions of each request.
    ///
    /// # Panics
    ///
    /// When another server has the address.
    pub fn serve<S, B>(&self, address: impl Into<PeerAddr>, service: S) -> Backend
    where
        S: Service<Request<IncomingBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Backend::serve(self.shared.clone(), address.into(), service)
    }

    /// Starts a gRPC server at `address`, a `SocketAddr` or a `UnixAddr`, that echoes.
    ///
    /// # Panics
    ///
    /// When another server has the address.
    pub fn backend(&self, address: impl Into<PeerAddr>) -> Backend {
        Backend::start(self.shared.clone(), address.into())
    }

    /// Starts a control plane at `address`, a `SocketAddr` or a `UnixAddr`. It has no resources yet.
    ///
    /// # Panics
    ///
    /// When another server has the address.
    #[cfg(feature = "xds")]
    pub fn control_plane(&self, address: impl Into<PeerAddr>) -> ControlPlane {
        ControlPlane::start(&self.shared, address.into())
    }

    /// Runs `future` and all tasks until `future` is complete. The tasks that are not complete
    /// continue in the next run.
    ///
    /// # Panics
    ///
    /// When the run would never end: the text lists what is pending. When it is called within a
    /// run.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        match self.try_run(future) {
            Ok(output) => output,
            Err(stuck) => panic!("{stuck}"),
        }
    }

    /// Does the same as [`run`](Self::run), but returns an error where that panics.
    ///
    /// # Errors
    ///
    /// When no task, timer or packet is left that could wake the future, or a limit is reached
    /// ([`limit_time`](Self::limit_time), [`limit_polls`](Self::limit_polls)).
    ///
    /// # Panics
    ///
    /// When it is called within a run.
    pub fn try_run<F: Future>(&self, future: F) -> Result<F::Output, Stuck> {
        executor::run(&self.shared, future, self.limits)
    }

    /// Spawns a task. The trace and a [`Stuck`] refer to it with its name.
    pub fn spawn(&self, name: &str, task: impl Future<Output = ()> + Send + 'static) {
        executor::spawn(&self.shared, name.to_owned(), Box::pin(task));
    }

    /// Waits for virtual time to pass.
    pub async fn sleep(&self, duration: Duration) {
        timer::sleep(&self.shared, duration).await;
    }

    /// Returns the virtual time since the simulation was made.
    pub fn elapsed(&self) -> Duration {
        self.shared.with(|world| world.now)
    }

    /// Returns the newest 1,048,576 events so far, oldest first.
    pub fn trace(&self) -> Vec<Traced> {
        self.shared.with(|world| world.traced())
    }

    /// Adds a line to the trace.
    pub fn note(&self, what: impl Into<String>) {
        self.shared.with(|world| world.trace(what.into()));
    }

    /// Limits the virtual time of each run; the default is 24 hours.
    pub fn limit_time(&mut self, limit: Duration) {
        self.limits.time = limit;
    }

    /// Limits how many tasks each run polls and how many events it handles, taken together; the
    /// default is ten million.
    pub fn limit_polls(&mut self, limit: u64) {
        self.limits.polls = limit;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // The tasks hold the world, and the world holds the tasks. They are dropped without the
        // lock, because they use the world while they are dropped.
        let (tasks, events) = self.shared.with(|world| {
            world.stopped = true;
            (std::mem::take(&mut world.tasks), world.take_events())
        });
        drop(tasks);
        drop(events);
        // The drops may have scheduled further events, for example FIN and RST.
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
