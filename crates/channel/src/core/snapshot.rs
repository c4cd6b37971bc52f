//! What calls see of a channel.

use std::fmt::{self, Write};
use std::sync::Arc;

use http::HeaderMap;
use trunkline_endpoint::Address;
use trunkline_lb::{AttemptOutcome, ConnectivityState, Pick, PickRequest, Picker};
use trunkline_resolver::ResolveError;
use trunkline_service_config::{ConfigSelector, RetryThrottling};
use trunkline_status::{Code, Status};

use crate::core::connections::Connections;
use crate::core::failure::{ConnectPhase, ConnectionLost};

/// Everything that a call needs to choose a connection, as of one moment.
///
/// A subchannel id that the picker returns is looked up in `connections`. If the subchannel has
/// lost its connection, the call waits for the next snapshot.
#[derive(Debug)]
pub(crate) struct Snapshot<C> {
    pub(crate) state: ConnectivityState,
    pub(crate) picker: Arc<dyn Picker>,
    pub(crate) connections: Connections<C>,
    /// The most connections that a subchannel opens.
    pub(crate) max_connections: usize,
    pub(crate) selector: Arc<dyn ConfigSelector>,
    /// When the calls of the channel are not retried any more, by the service config in force.
    pub(crate) throttling: Option<RetryThrottling>,
    /// True once the resolver has returned a list.
    pub(crate) is_resolved: bool,
    pub(crate) resolver_error: Option<ResolveError>,
    /// What the resolver waits for, as text. `None` if it names nothing, or has returned a list.
    pub(crate) resolver_waits: Option<Arc<str>>,
    /// Attempts that run or are held back, while the channel is not READY.
    pub(crate) pending: Vec<Pending>,
}

/// A connection attempt that calls may be waiting for.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) address: Address,
    /// The step that the attempt is at; `None` while it is held back, because the last connection
    /// was lost before it answered a call.
    pub(crate) phase: Option<ConnectPhase>,
    /// The loss of the last connection.
    pub(crate) last_lost: Option<ConnectionLost>,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.address)?;
        match (&self.phase, &self.last_lost) {
            (Some(phase), None) => phase.fmt(f),
            (Some(phase), Some(lost)) => write!(f, "{phase}; the last connection: {lost}"),
            (None, None) => {
                f.write_str("lost before it answered any call, waiting to connect again")
            }
            (None, Some(lost)) => write!(
                f,
                "lost before it answered any call ({lost}), waiting to connect again"
            ),
        }
    }
}

/// Whether calls can be made now.
#[derive(Debug)]
pub(crate) enum Readiness {
    Ready,
    /// A call would wait for a connection.
    Waiting,
    /// A call would make the channel leave idleness.
    Idle,
    /// A call would fail with this status, unless it waits for readiness.
    Failed(Status),
}

impl<C> Snapshot<C> {
    /// Returns the snapshot of a channel that has not started.
    pub(crate) fn not_started(selector: Arc<dyn ConfigSelector>) -> Self {
        Self {
            state: ConnectivityState::Idle,
            picker: Arc::new(Pick::Queue),
            connections: Connections::new(),
            max_connections: 1,
            selector,
            throttling: None,
            is_resolved: false,
            resolver_error: None,
            resolver_waits: None,
            pending: Vec::new(),
        }
    }

    /// Returns the snapshot of a channel that is closed: every call fails with `status`.
    pub(crate) fn shut_down(status: Status, selector: Arc<dyn ConfigSelector>) -> Self {
        Self {
            state: ConnectivityState::Shutdown,
            picker: Arc::new(Pick::Drop(status)),
            ..Self::not_started(selector)
        }
    }

    /// Returns whether calls can be made now.
    pub(crate) fn readiness(&self) -> Readiness {
        match self.state {
            ConnectivityState::Ready => return Readiness::Ready,
            ConnectivityState::Connecting => return Readiness::Waiting,
            _ => {}
        }
        let metadata = HeaderMap::new();
        match self.picker.pick(&PickRequest::new("", &metadata)) {
            // This is no call: it may lack what the policy needs of one, such as a hash.
            Pick::Fail(_) | Pick::Drop(_) if self.state == ConnectivityState::Idle => {
                Readiness::Idle
            }
            Pick::Fail(status) | Pick::Drop(status) => Readiness::Failed(status),
            Pick::ExitIdle => Readiness::Idle,
            Pick::Queue => Readiness::Waiting,
            Pick::Subchannel(id) | Pick::SubchannelAndExitIdle(id) => {
                // A picker with a tracker is notified of the end of each pick.
                if let Some(tracker) = self.picker.tracker() {
                    let status = Status::new(Code::Cancelled, "no call followed the pick");
                    tracker.attempt_ended(id, &AttemptOutcome::new(&status));
                }
                Readiness::Waiting
            }
        }
    }

    /// Returns what a call that waits with this snapshot waits for, as text.
    pub(crate) fn waiting_for(&self, target: &str) -> String {
        let mut text = String::new();
        if !self.pending.is_empty() {
            text.push_str("waiting for a connection");
            for (at, pending) in self.pending.iter().enumerate() {
                let joint = if at == 0 { ": " } else { "; " };
                let _ = write!(text, "{joint}{pending}");
            }
        } else if self.is_resolved {
            text.push_str("waiting for a connection");
        } else {
            let _ = write!(text, "waiting for {target} to be resolved");
            if let Some(waits) = &self.resolver_waits {
                let _ = write!(text, " ({waits})");
            }
        }
        if let Some(error) = &self.resolver_error {
            let _ = write!(text, "; the resolver reports: {error}");
        }
        text
    }
}
