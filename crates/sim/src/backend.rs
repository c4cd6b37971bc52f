//! Simulated gRPC servers.

mod call;
mod connection;
mod reply;
mod state;

pub use reply::{Opening, Reply};

use std::fmt;
use std::sync::Arc;

use trunkline_runtime::PeerAddr;

use crate::Listener;
use crate::net::SERVER;
use crate::world::Shared;
use state::State;

/// A gRPC server of the simulation, over HTTP/2 without TLS.
///
/// It answers every unary call with the request's own messages, or as scripted; its answers carry
/// the header `x-backend` with its address. Handles share one server; it goes on when they are
/// dropped.
#[derive(Clone)]
pub struct Backend {
    shared: Arc<Shared>,
    address: PeerAddr,
    state: Arc<State>,
}

impl Backend {
    pub(crate) fn start(shared: Arc<Shared>, address: PeerAddr) -> Self {
        let backend = Self {
            shared,
            address,
            state: Arc::default(),
        };
        backend.restart();
        backend
    }

    /// Where it listens.
    pub fn address(&self) -> &PeerAddr {
        &self.address
    }

    /// Listens anew after [`kill`](Self::kill), [`stop_gracefully`](Self::stop_gracefully) or
    /// [`Net::kill`](crate::Net::kill); nothing happens if it does already.
    ///
    /// # Panics
    ///
    /// When somebody else listens at the address.
    pub fn restart(&self) {
        if self.state.listens() {
            return;
        }
        let bound = Listener::bind(self.shared.clone(), self.address.clone());
        let listener = bound.unwrap_or_else(|error| panic!("cannot start a backend: {error}"));
        let generation = self.state.listen(listener);
        let (shared, state) = (self.shared.clone(), self.state.clone());
        let accepting = connection::accept(shared, self.address.clone(), state, generation);
        let name = format!("backend {}", self.address);
        crate::executor::spawn(&self.shared, name, Box::pin(accepting));
    }

    /// Closes the port, sends GOAWAY on every connection, and closes each when its calls are done.
    pub fn stop_gracefully(&self) {
        self.state.stop();
    }

    /// Dies: closes the port and resets every connection.
    pub fn kill(&self) {
        let connections = self.state.stop();
        self.shared.with(|world| {
            world.trace(format!("backend {} is killed", self.address));
            for connection in connections {
                world.kill_end(connection, SERVER);
            }
        });
    }

    /// How connections open from now on.
    pub fn set_opening(&self, opening: Opening) {
        self.state.with(|inner| inner.opening = opening);
    }

    /// How calls are answered from now on, when no single reply is left.
    pub fn set_reply(&self, reply: Reply) {
        self.state.with(|inner| inner.reply = reply);
    }

    /// How one call more is answered, after those that were scripted before.
    pub fn push_reply(&self, reply: Reply) {
        self.state.with(|inner| inner.replies.push_back(reply));
    }

    /// How many calls arrived.
    pub fn calls(&self) -> usize {
        self.state.with(|inner| inner.calls)
    }

    /// How many connections were accepted.
    pub fn accepts(&self) -> usize {
        self.state.with(|inner| inner.accepts)
    }

    /// How many connections have ended.
    pub fn closes(&self) -> usize {
        self.state.with(|inner| inner.accepts - inner.open.len())
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Backend");
        text.field("address", &self.address).finish_non_exhaustive()
    }
}
