//! How many children are in each state.

use crate::connectivity::ConnectivityState;

/// The number of children in each state.
#[derive(Debug, Default)]
pub(super) struct Counts {
    ready: usize,
    connecting: usize,
    /// Always 0 where idle children do not stay idle.
    idle: usize,
    failing: usize,
}

impl Counts {
    pub(super) fn add(&mut self, state: ConnectivityState) {
        *self.of_mut(state) += 1;
    }

    pub(super) fn remove(&mut self, state: ConnectivityState) {
        *self.of_mut(state) -= 1;
    }

    /// Returns the number of children in this state.
    pub(super) fn of(&self, state: ConnectivityState) -> usize {
        match state {
            ConnectivityState::Ready => self.ready,
            ConnectivityState::Connecting => self.connecting,
            ConnectivityState::Idle => self.idle,
            ConnectivityState::TransientFailure | ConnectivityState::Shutdown => self.failing,
        }
    }

    /// A child that is shut down cannot get calls, as one that fails.
    fn of_mut(&mut self, state: ConnectivityState) -> &mut usize {
        match state {
            ConnectivityState::Ready => &mut self.ready,
            ConnectivityState::Connecting => &mut self.connecting,
            ConnectivityState::Idle => &mut self.idle,
            ConnectivityState::TransientFailure | ConnectivityState::Shutdown => &mut self.failing,
        }
    }

    /// Returns the state of all children together.
    pub(super) fn state(&self) -> ConnectivityState {
        if self.ready > 0 {
            ConnectivityState::Ready
        } else if self.connecting > 0 {
            ConnectivityState::Connecting
        } else if self.idle > 0 {
            ConnectivityState::Idle
        } else {
            ConnectivityState::TransientFailure
        }
    }
}
