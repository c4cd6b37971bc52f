//! The state of `pick_first`, and the steps that every event shares.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_backoff::Rng;
use trunkline_status::Status;

use super::address_list::{AddressList, ConnState};
use super::failures::Failures;
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::health::Health;
use crate::health_check::HealthChecker;
use crate::inspection::EndpointNode;
use crate::picker::Pick;
use crate::registry::PolicyOptions;
use crate::subchannel::SubchannelId;

/// Connects to the first address of its list that works, and sends every call there.
///
/// The list is the addresses of the endpoints: endpoints shuffled if the configuration asks for it,
/// each address once, families interleaved. On a *first pass* the addresses are tried in that
/// order: the next attempt starts when the newest one fails, or has run for the attempt delay;
/// earlier attempts go on. The first subchannel that is ready wins, and all others are removed.
/// When every address has failed once, the policy reports `TRANSIENT_FAILURE` with an error that
/// names the addresses. That state is sticky: calls fail until a subchannel is ready. Meanwhile the
/// policy tries every address again, each when its own back-off is over, and never gives up.
///
/// A lost connection makes the policy idle: the next call, or
/// [`exit_idle`](crate::Policy::exit_idle), starts another pass from the head of the list.
///
/// A new list keeps the connection if its address is still listed, and keeps the attempts and
/// back-offs of the addresses that stay. It starts a new pass, unless it has exactly the same
/// addresses. Then the pass in progress goes on, so that a resolver that repeats its list cannot
/// delay the end of the pass for ever.
///
/// Under another policy it may check the health of the connected backend
/// ([`PickFirstConfig::health_checks`](crate::PickFirstConfig)): it is `READY` only while the backend
/// is healthy, `CONNECTING` until the first answer, and else `TRANSIENT_FAILURE`. The connection stays
/// in any case. A backend without a health service counts as healthy. There, too, it is
/// `TRANSIENT_FAILURE` while a policy above [ejects](crate::Policy::handle_ejection) the backend.
///
/// Source:
/// [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md),
/// [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md),
/// [gRFC A62](https://github.com/grpc/proposal/blob/master/A62-pick-first.md),
/// [gRFC A113](https://github.com/grpc/proposal/blob/master/A113-pick-first-weighted-shuffling.md).
#[derive(Debug)]
pub struct PickFirst {
    /// Shuffles the endpoints.
    pub(super) rng: Rng,
    /// How long one attempt runs before the next one starts beside it.
    pub(super) attempt_delay: Duration,
    /// Whether an ejection counts: true under another policy.
    pub(super) obeys_ejections: bool,
    /// The service whose health counts; `None` while health is not checked.
    pub(super) health_service: Option<Arc<str>>,
    /// The addresses in the order to try them, with their subchannels.
    pub(super) list: AddressList,
    /// What the policy is doing.
    pub(super) phase: Phase,
    /// Sticky `TRANSIENT_FAILURE` (gRFC A62): true from the end of a pass in which every address
    /// failed until a subchannel is ready, also while another pass runs.
    pub(super) sticky_failure: bool,
    /// The state that was published last.
    pub(super) published: Option<ConnectivityState>,
    /// The recent failures, for the error of calls.
    pub(super) failures: Failures,
}

/// What the policy is doing.
#[derive(Debug)]
pub(super) enum Phase {
    /// Waiting for a list that can be used. The address list is empty.
    NoList,
    /// Not connected, and waiting for [`exit_idle`](crate::Policy::exit_idle).
    Idle,
    /// Trying the addresses in their order.
    FirstPass(Pass),
    /// Trying all addresses, each when its own back-off is over.
    Steady {
        /// How many attempts have failed since the pass ended.
        failures: usize,
    },
    /// Connected; no other address has a subchannel.
    Ready {
        /// The position of the address that is connected.
        selected: usize,
        /// Whether the resolver dropped the list: the address is not dialled again when its
        /// connection is lost. It is the only one in the list then.
        list_dropped: bool,
        /// The health check over the connection; `None` while health is not checked.
        health: Option<Box<HealthChecker>>,
    },
}

/// The progress of a first pass.
///
/// What happened to an address before the pass reached it does not count: the state of its
/// subchannel is examined when its turn comes. (Otherwise an address that failed and ended its
/// back-off early would be neither tried nor failed, and the pass would never end.)
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// The position of the first address whose turn has not come. The address before it is that of
    /// the newest attempt, unless it was in back-off when its turn came.
    pub(super) next: usize,
    /// How many addresses have failed in this pass.
    pub(super) failed: usize,
    /// When the next attempt starts, unless a failure starts it earlier.
    pub(super) deadline: Option<Instant>,
}

impl PickFirst {
    /// Creates a policy that waits for its first list.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        Self {
            rng: Rng::from_seed(options.seed),
            attempt_delay: options.attempt_delay.get(),
            obeys_ejections: false,
            health_service: None,
            list: AddressList::default(),
            phase: Phase::NoList,
            sticky_failure: false,
            published: None,
            failures: Failures::default(),
        }
    }

    /// Returns the subchannel that calls use: it is connected, and its backend is healthy or not
    /// checked, and not ejected.
    #[must_use]
    pub fn selected(&self) -> Option<SubchannelId> {
        match &self.phase {
            Phase::Ready {
                selected, health, ..
            } if health.as_deref().is_none_or(HealthChecker::is_healthy)
                && !self.is_ejected(*selected) =>
            {
                self.list.id(*selected)
            }
            _ => None,
        }
    }

    /// Adds to `node`, the endpoint that a policy above runs this policy for, whether its backend is
    /// ejected, and what is known of its health.
    #[must_use]
    pub fn describe(&self, mut node: EndpointNode) -> EndpointNode {
        if let Phase::Ready { selected, .. } = self.phase
            && self.is_ejected(selected)
        {
            node = node.with_fact("is_ejected", true);
        }
        match self.health() {
            Some(health) => node.with_fact("health", health.to_string()),
            None => node,
        }
    }

    /// Returns the health of the connected backend; `None` while it is not checked.
    pub(super) fn health(&self) -> Option<&Health> {
        match &self.phase {
            Phase::Ready { health, .. } => health.as_deref().map(HealthChecker::health),
            _ => None,
        }
    }

    /// Returns whether the address is not to be used because a policy above has ejected it.
    pub(super) fn is_ejected(&self, at: usize) -> bool {
        self.obeys_ejections && self.list.is_ejected(at)
    }

    /// Drops the list: no address is left to dial, and calls fail with `error`.
    pub(super) fn fail_without_list(&mut self, error: Status, control: &mut Control<'_>) {
        self.list.clear(control);
        self.phase = Phase::NoList;
        self.sticky_failure = false;
        self.publish(
            ConnectivityState::TransientFailure,
            Pick::Fail(error),
            control,
        );
    }

    /// Uses the subchannel of one address, which is ready, and removes all others.
    pub(super) fn select(&mut self, at: usize, id: SubchannelId, control: &mut Control<'_>) {
        self.list.keep_only(at, control);
        self.list.set_state(at, ConnState::Ready);
        self.sticky_failure = false;
        self.failures.clear();
        self.phase = Phase::Ready {
            selected: at,
            list_dropped: false,
            health: self.start_health_check(id, control),
        };
        self.publish_selected(control);
    }

    /// Publishes `TRANSIENT_FAILURE` with the current errors.
    pub(super) fn publish_failure(&mut self, control: &mut Control<'_>) {
        let error = self.failures.to_status(self.list.len());
        self.publish(
            ConnectivityState::TransientFailure,
            Pick::Fail(error),
            control,
        );
    }

    pub(super) fn publish(
        &mut self,
        state: ConnectivityState,
        pick: Pick,
        control: &mut Control<'_>,
    ) {
        self.published = Some(state);
        control.publish(state, Arc::new(pick));
    }
}
