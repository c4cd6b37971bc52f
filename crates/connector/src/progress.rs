//! How far an attempt to connect is.

use std::fmt;
use std::sync::Arc;

/// A step of an attempt to connect, beyond making the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectStep {
    /// A proxy is connected, and was asked for a tunnel.
    Proxy,
    /// There is a stream, and the TLS handshake on it has begun.
    TlsHandshake,
}

/// Receives the steps of one attempt to connect.
#[derive(Clone, Default)]
pub struct ConnectProgress(Option<Arc<dyn Fn(ConnectStep) + Send + Sync>>);

impl ConnectProgress {
    /// Calls `receive` with each step as it begins.
    #[must_use]
    pub fn new(receive: impl Fn(ConnectStep) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(receive)))
    }

    /// Returns a receiver that ignores all steps.
    #[must_use]
    pub fn ignored() -> Self {
        Self(None)
    }

    /// Reports the beginning of a step.
    pub fn begin(&self, step: ConnectStep) {
        if let Some(receive) = &self.0 {
            receive(step);
        }
    }
}

impl fmt::Debug for ConnectProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectProgress").finish_non_exhaustive()
    }
}
