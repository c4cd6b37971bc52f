//! What callers see of a channel.

use std::fmt::Write;
use std::sync::Arc;

use trunkline_endpoint::Address;
use trunkline_lb::{AttemptTracker, ConnectivityState, Pick, PickRequest, Picker};
use trunkline_resolver::ResolveError;
use trunkline_service_config::ServiceConfig;
use trunkline_status::Status;

use crate::core::Phase;
use crate::core::connections::Slots;

/// All that a call needs to choose a connection, as it was at one moment.
///
/// A subchannel id of the picker is looked up in the slots beside it. It may have no connection
/// there any more: then the call waits for the next snapshot.
#[derive(Debug)]
pub(crate) struct Snapshot<C> {
    pub(crate) state: ConnectivityState,
    pub(crate) picker: Arc<dyn Picker>,
    pub(crate) slots: Slots<C>,
    pub(crate) config: Arc<ServiceConfig>,
    /// Whether the resolver gave a list yet.
    pub(crate) is_resolved: bool,
    pub(crate) resolver_error: Option<ResolveError>,
    /// Attempts that run, while no connection is ready.
    pub(crate) pending: Vec<Pending>,
}

/// An attempt that runs.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) address: Address,
    pub(crate) phase: Phase,
}

impl<C> Snapshot<C> {
    /// What is seen before the channel was used.
    pub(crate) fn idle(config: Arc<ServiceConfig>) -> Self {
        Self {
            state: ConnectivityState::Idle,
            picker: Arc::new(WaitPicker),
            slots: Slots::new(),
            config,
            is_resolved: false,
            resolver_error: None,
            pending: Vec::new(),
        }
    }

    /// What is seen once the channel is closed.
    pub(crate) fn shut_down(status: Status) -> Self {
        Self {
            state: ConnectivityState::Shutdown,
            picker: Arc::new(DropPicker(status)),
            ..Self::idle(Arc::default())
        }
    }

    /// What a call that waits with this snapshot waits for.
    pub(crate) fn waiting_for(&self, target: &str) -> String {
        let mut text = String::new();
        if !self.pending.is_empty() {
            text.push_str("waiting for a connection");
            for (at, Pending { address, phase }) in self.pending.iter().enumerate() {
                let joint = if at == 0 { ": " } else { "; " };
                let _ = write!(text, "{joint}{address}: {phase}");
            }
        } else if self.is_resolved {
            text.push_str("waiting for a connection");
        } else {
            let _ = write!(text, "waiting for {target} to be resolved");
        }
        if let Some(error) = &self.resolver_error {
            let _ = write!(text, "; the resolver said: {error}");
        }
        text
    }
}

/// Lets calls wait.
#[derive(Debug)]
pub(crate) struct WaitPicker;

impl Picker for WaitPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        Pick::Queue
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        None
    }
}

/// Ends all calls.
#[derive(Debug)]
struct DropPicker(Status);

impl Picker for DropPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        Pick::Drop(self.0.clone())
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        None
    }
}
