//! How far an attempt to connect is.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use trunkline_connect::ConnectOutcome;

/// A step of an attempt to connect, beyond making the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectStep {
    /// A proxy is connected, and was asked for a tunnel.
    Proxy,
    /// There is a stream, and the TLS handshake on it has begun.
    TlsHandshake,
}

/// One of the addresses of a name that a connector tried, side by side or one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddressTried {
    /// The address.
    pub address: SocketAddr,
    /// How the try ended. A try that lost to another one is [`ConnectOutcome::Cancelled`].
    pub outcome: ConnectOutcome,
    /// The time from its start to its end.
    pub elapsed: Duration,
    /// The text of its error, if it failed with one.
    pub error: Option<Arc<str>>,
}

impl AddressTried {
    /// Returns a try without the text of an error.
    #[must_use]
    pub fn new(address: SocketAddr, outcome: ConnectOutcome, elapsed: Duration) -> Self {
        Self {
            address,
            outcome,
            elapsed,
            error: None,
        }
    }

    /// Sets the text of the error. Default: `None`.
    #[must_use]
    pub fn with_error(mut self, error: impl Into<Arc<str>>) -> Self {
        self.error = Some(error.into());
        self
    }
}

/// Receives the steps of one attempt to connect, and the addresses that it tries.
#[derive(Clone, Default)]
pub struct ConnectProgress {
    steps: Option<Arc<dyn Fn(ConnectStep) + Send + Sync>>,
    tries: Option<Arc<dyn Fn(AddressTried) + Send + Sync>>,
}

impl ConnectProgress {
    /// Calls `receive` with each step as it begins.
    #[must_use]
    pub fn new(receive: impl Fn(ConnectStep) + Send + Sync + 'static) -> Self {
        Self {
            steps: Some(Arc::new(receive)),
            tries: None,
        }
    }

    /// Calls `receive` with each address that is tried, where an address of the attempt is a name. The
    /// tries come when all of them have ended, before the end of the attempt. Default: ignored.
    #[must_use]
    pub fn with_tries(mut self, receive: impl Fn(AddressTried) + Send + Sync + 'static) -> Self {
        self.tries = Some(Arc::new(receive));
        self
    }

    /// Returns a receiver that ignores all.
    #[must_use]
    pub fn ignored() -> Self {
        Self::default()
    }

    /// Reports the beginning of a step.
    pub fn begin(&self, step: ConnectStep) {
        if let Some(receive) = &self.steps {
            receive(step);
        }
    }

    /// Reports an address that was tried, and how that ended.
    pub fn tried(&self, tried: AddressTried) {
        if let Some(receive) = &self.tries {
            receive(tried);
        }
    }
}

impl fmt::Debug for ConnectProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectProgress").finish_non_exhaustive()
    }
}
