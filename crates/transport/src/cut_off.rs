//! The end of a connection by this side, with the calls on it.

use std::sync::OnceLock;
use std::task::Waker;

use trunkline_runtime::Lock;
use trunkline_status::Status;

/// Whether this side ends a connection with the calls on it.
#[derive(Debug, Default)]
pub(crate) struct CutOff {
    /// The status of the calls; `None` while the connection is not to be ended.
    status: OnceLock<Status>,
    /// Wakes the driver.
    driver: Lock<Option<Waker>>,
}

impl CutOff {
    /// Ends the connection. Its calls end with `status`.
    pub(crate) fn set(&self, status: Status) {
        let _ = self.status.set(status);
        let driver = self.driver.lock().take();
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Returns the status of the calls, if the connection is to be ended.
    pub(crate) fn status(&self) -> Option<&Status> {
        self.status.get()
    }

    /// Sets the waker of the driver. Afterwards the driver calls [`status`](Self::status).
    pub(crate) fn set_driver(&self, waker: Waker) {
        let old = self.driver.lock().replace(waker);
        drop(old);
    }
}
