//! What the clones of a channel, its calls and its control task share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use event_listener::{Event as Changed, EventListener};
use http::HeaderValue;
use http::uri::{Authority, Scheme};
use trunkline_connector::{AuthorityError, ConnectionInfo};
use trunkline_runtime::Runtime;
use trunkline_service_config::MethodConfig;
use trunkline_transport::{Connection, ReplayBudget};

use crate::call_timer::CallTimer;
use crate::core::snapshot::Snapshot;
use crate::credentials::CredentialsList;
use crate::observer::observers::Observers;
use crate::open_calls::OpenCalls;
use crate::queue::CallQueue;
use crate::record::SpareCall;
use crate::throttle::RetryThrottle;

/// Identifies a channel of this process. An id is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ChannelId(u64);

impl ChannelId {
    /// Returns the next id; the first is 1.
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Returns the id as a number: the first channel of a process has 1.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Prints the number.
impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the clones of a channel, its calls and its control task share.
pub(crate) struct ChannelShared {
    pub(crate) id: ChannelId,
    /// The target as the application gave it.
    pub(crate) target: Arc<str>,
    /// The target with its scheme.
    pub(crate) canonical: String,
    pub(crate) scheme: Scheme,
    /// The authority that the application set, or else the target's.
    pub(crate) authority: Authority,
    /// True when the application set the authority, which then replaces that of every address.
    pub(crate) is_authority_set: bool,
    pub(crate) user_agent: HeaderValue,
    /// The credentials of all calls.
    pub(crate) credentials: CredentialsList,
    /// The most attempts of a call whose method is retried or hedged; below 2 if neither is done.
    pub(crate) max_attempts: u32,
    /// What calls may keep of their requests so that they can be sent again.
    pub(crate) replay_budget: ReplayBudget,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) observers: Observers,
    pub(crate) message_limits: MessageLimits,
    /// The calls that have begun and not ended.
    pub(crate) open_calls: OpenCalls<SpareCall>,
    /// The calls that wait until they can be sent.
    pub(crate) queue: Arc<CallQueue>,
    /// The timeout of a call for which neither its caller nor the configuration sets one.
    pub(crate) call_timeout: Option<Duration>,
    /// Whether a call waits for readiness for which neither its caller nor the configuration decides
    /// that.
    pub(crate) wait_for_ready: bool,
    /// Wakes calls at their deadlines.
    pub(crate) call_timer: CallTimer,
    pub(crate) current: Current,
}

/// The most bytes that one message of a call may have, after compression; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MessageLimits {
    pub(crate) request: Option<u32>,
    pub(crate) response: Option<u32>,
}

impl MessageLimits {
    /// Returns the lower one of each limit and that of a method's configuration.
    pub(crate) fn with(self, method: &MethodConfig) -> Self {
        let lower = |own: Option<u32>, other| own.into_iter().chain(other).min();
        Self {
            request: lower(self.request, method.max_request_message_bytes),
            response: lower(self.response, method.max_response_message_bytes),
        }
    }
}

/// The snapshot that calls use now, and the notification of the next one.
pub(crate) struct Current {
    snapshot: ArcSwap<Snapshot<Connection>>,
    changed: Changed,
    /// The token bucket of the service config in force; `None` if that has no throttling.
    throttle: ArcSwapOption<RetryThrottle>,
}

impl Current {
    pub(crate) fn new(first: Snapshot<Connection>) -> Self {
        Self {
            throttle: ArcSwapOption::from_pointee(first.throttling.map(RetryThrottle::new)),
            snapshot: ArcSwap::from_pointee(first),
            changed: Changed::new(),
        }
    }
}

impl ChannelShared {
    /// Returns the `:authority` of a call whose connection is to an address with the authority
    /// `of_address`. The first of these that exists: the one that the application set, the
    /// address's, the target's.
    pub(crate) fn authority<'a>(&'a self, of_address: Option<&'a Authority>) -> &'a Authority {
        match of_address {
            Some(own) if !self.is_authority_set => own,
            _ => &self.authority,
        }
    }

    /// Checks that a call with this authority can be sent on a connection.
    ///
    /// # Errors
    ///
    /// The reason, when the server has not proved that it is that authority. The channel's own was
    /// checked when the connection was made.
    ///
    /// Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).
    pub(crate) fn check_authority(
        &self,
        authority: &Authority,
        info: &ConnectionInfo,
    ) -> Result<(), AuthorityError> {
        // Most calls have the channel's own. The comparison of texts is for the others.
        if std::ptr::eq(authority, &raw const self.authority) || *authority == self.authority {
            return Ok(());
        }
        info.validate_authority(authority.as_str())
    }

    /// Returns the current snapshot. Takes no lock and moves no reference count.
    pub(crate) fn snapshot(&self) -> Guard<Arc<Snapshot<Connection>>> {
        self.current.snapshot.load()
    }

    /// Replaces the snapshot, and wakes the calls that wait for a new one.
    pub(crate) fn publish(&self, snapshot: Snapshot<Connection>) {
        let throttle = &self.current.throttle;
        let throttling = snapshot.throttling;
        // A new config with the same throttling keeps the tokens.
        if throttle.load().as_ref().map(|own| own.config()) != throttling {
            throttle.store(throttling.map(|config| Arc::new(RetryThrottle::new(config))));
        }
        self.current.snapshot.store(Arc::new(snapshot));
        self.current.changed.notify(usize::MAX);
    }

    /// Returns the token bucket that calls with a retry or hedging policy share; `None` if the
    /// service config in force has no throttling.
    pub(crate) fn throttle(&self) -> Option<Arc<RetryThrottle>> {
        self.current.throttle.load_full()
    }

    /// Wakes all that listen, without a new snapshot.
    pub(crate) fn notify(&self) {
        self.current.changed.notify(usize::MAX);
    }

    /// Returns a listener for the next [`publish`](Self::publish) from now on.
    pub(crate) fn listen(&self) -> EventListener {
        self.current.changed.listen()
    }
}
