//! Simulated gRPC servers.

mod options;
mod reply;

mod incoming;
mod reset;

mod service;

mod state;

mod age;
mod connection;

mod call;

mod serve;

pub use self::incoming::IncomingBody;
pub use self::options::BackendOptions;
pub use self::reply::{CallReply, Opening};
pub use self::state::ReceivedCall;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use trunkline_runtime::PeerAddr;

use self::state::SharedBackend;
use crate::executor;
use crate::net::Listener;
use crate::world::{SERVER, SharedWorld};

/// A gRPC server of the simulation, over HTTP/2 without TLS.
///
/// That of [`Sim::serve`](crate::Sim::serve) answers calls by a service. That of
/// [`Sim::backend`](crate::Sim::backend) answers every unary call with the request's own messages,
/// and adds the header `x-backend` with its address. A test can script other answers for both.
///
/// All clones are handles of one server, which continues when they are dropped.
#[derive(Clone)]
pub struct Backend {
    shared: Arc<SharedWorld>,
    address: PeerAddr,
    state: Arc<SharedBackend>,
}

impl Backend {
    pub(crate) fn start(shared: Arc<SharedWorld>, address: PeerAddr) -> Self {
        let backend = Self {
            shared,
            address,
            state: Arc::default(),
        };
        backend.restart();
        backend
    }

    /// Starts a backend whose calls are answered by `service`.
    pub(crate) fn serve<S, B>(shared: Arc<SharedWorld>, address: PeerAddr, service: S) -> Self
    where
        S: Service<Request<IncomingBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let backend = Self::start(shared, address);
        backend.state.with(|content| {
            content.service = Some(service::erased(service));
            content.reply = CallReply::Service;
        });
        backend
    }

    /// Returns the address at which the backend listens.
    pub fn address(&self) -> &PeerAddr {
        &self.address
    }

    /// Listens again after [`kill`](Self::kill), [`stop_gracefully`](Self::stop_gracefully) or
    /// [`Net::kill`](crate::Net::kill). Does nothing if the backend listens already.
    ///
    /// # Panics
    ///
    /// When another listener has the address.
    pub fn restart(&self) {
        if self.state.listens() {
            return;
        }
        let bound = Listener::bind(self.shared.clone(), self.address.clone());
        let listener = bound.unwrap_or_else(|error| panic!("cannot start a backend: {error}"));
        let generation = self.state.listen(listener);
        let (shared, state) = (self.shared.clone(), self.state.clone());
        let accepting = serve::accept(shared, self.address.clone(), state, generation);
        let name = format!("backend {}", self.address);
        executor::spawn(&self.shared, name, Box::pin(accepting));
    }

    /// Closes the port, sends GOAWAY on every connection, and closes each when its calls are done.
    pub fn stop_gracefully(&self) {
        self.state.stop();
    }

    /// Closes the port and resets every connection.
    pub fn kill(&self) {
        let connections = self.state.stop();
        self.shared.with(|world| {
            world.trace(format!("backend {} is killed", self.address));
            for connection in connections {
                world.kill_end(connection, SERVER);
            }
        });
    }

    /// Sets how the backend begins the connections that it accepts from now on.
    pub fn set_opening(&self, opening: Opening) {
        self.state.with(|content| content.opening = opening);
    }

    /// Sets what the backend allows the connections that it accepts from now on.
    pub fn set_options(&self, options: BackendOptions) {
        self.state.with(|content| content.options = options);
    }

    /// Sets how the backend answers calls once the replies of [`push_reply`](Self::push_reply) are
    /// used up.
    pub fn set_reply(&self, reply: CallReply) {
        self.state.with(|content| content.reply = reply);
    }

    /// Adds a reply for one call, after the replies that were added before.
    pub fn push_reply(&self, reply: CallReply) {
        self.state.with(|content| content.replies.push_back(reply));
    }

    /// Returns how many calls arrived.
    pub fn calls(&self) -> usize {
        self.state.with(|content| content.calls)
    }

    /// Returns the newest 1,024 calls that arrived, oldest first, with their `:authority` and
    /// metadata. A call is recorded when its headers arrive, whatever becomes of it.
    pub fn received(&self) -> Vec<ReceivedCall> {
        self.state
            .with(|content| content.received.iter().cloned().collect())
    }

    /// Returns how many connections the backend accepted.
    pub fn accepts(&self) -> usize {
        self.state.with(|content| content.accepts)
    }

    /// Returns how many connections have ended.
    pub fn closes(&self) -> usize {
        self.state
            .with(|content| content.accepts - content.open.len())
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Backend");
        text.field("address", &self.address).finish_non_exhaustive()
    }
}
