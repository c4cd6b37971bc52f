//! What all handles to a connection have in common.

use std::sync::Arc;

use crate::state::ConnectionState;

/// Shared by all handles to a connection. When it is dropped, streams that have ended are not kept any
/// more: the driver closes the connection after the last one.
#[derive(Debug)]
pub(crate) struct Handles(Arc<ConnectionState>);

impl Handles {
    pub(crate) fn new(state: Arc<ConnectionState>) -> Self {
        Self(state)
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        self.0.lone_calls.end_handles();
    }
}
