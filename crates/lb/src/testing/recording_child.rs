//! A child policy that records its events.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::PathAndQuery;
use serde_json::Value;
use trunkline_service_config::{ConfigError, PolicyConfig, PolicyParsers};
use trunkline_status::Status;

use crate::attempt::{AttemptOutcome, AttemptTracker};
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::inspection::{EndpointNode, PolicyNode};
use crate::picker::{Pick, PickRequest, Picker};
use crate::policy::{OldList, Policy, Update};
use crate::registry::{PolicyFactory, PolicyOptions};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{Watch, WatchEvent, WatchId};

/// The name of the recording child in a service config.
pub const CHILD_NAME: &str = "recording_child";

/// The fact of a child's node that is its place in the records.
pub(super) const CHILD_NUMBER: &str = "number";

/// The path of a child's watch.
pub(super) const WATCH_PATH: &str = "/test.Service/Watch";

/// How long after an update a child wants to be woken.
pub(super) const WAKE_AFTER: Duration = Duration::from_secs(1);

/// What one child has recorded.
#[derive(Debug, Default)]
pub(super) struct ChildRecord {
    pub(super) updates: usize,
    /// The service of the last update whose health is to be checked.
    pub(super) health_check: Option<Arc<str>>,
    pub(super) resolver_errors: Vec<OldList>,
    pub(super) states: Vec<(SubchannelId, SubchannelState)>,
    pub(super) watch_events: Vec<WatchEvent>,
    pub(super) ejections: Vec<(SubchannelId, bool)>,
    pub(super) timeouts: usize,
    pub(super) exit_idles: usize,
    pub(super) backoff_resets: usize,
    /// The ends of attempts that the child's tracker was notified of.
    pub(super) attempts: Vec<SubchannelId>,
    /// Whether the child has handled an event and has not settled since.
    pub(super) is_unsettled: bool,
    /// When the child wants to be woken.
    pub(super) deadline: Option<Instant>,
    /// The subchannels that the child owns, or owned when it was removed.
    pub(super) subchannels: BTreeSet<SubchannelId>,
    /// Whether the parent has removed the child.
    pub(super) is_removed: bool,
}

/// The records of all children that one factory has created, in the order of their creation.
#[derive(Clone, Debug, Default)]
pub(super) struct Records(Arc<Mutex<Vec<ChildRecord>>>);

impl Records {
    /// Returns the records. Do not call the policy while the guard exists.
    pub(super) fn lock(&self) -> MutexGuard<'_, Vec<ChildRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates recording children.
#[derive(Debug)]
pub(super) struct RecordingFactory(pub(super) Records);

impl PolicyFactory for RecordingFactory {
    fn name(&self) -> &str {
        CHILD_NAME
    }

    fn parse_config(
        &self,
        _: &Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(()))
    }

    fn build(&self, _: &PolicyOptions) -> Box<dyn Policy> {
        let mut records = self.0.lock();
        records.push(ChildRecord::default());
        Box::new(RecordingChild {
            records: self.0.clone(),
            number: records.len() - 1,
            subchannel: None,
            watch: None,
            state: SubchannelState::Idle,
            has_news: false,
        })
    }
}

/// A child with one subchannel, for the first address of its list. It publishes the state of the
/// subchannel when it settles, and watches the subchannel while that is ready.
#[derive(Debug)]
struct RecordingChild {
    records: Records,
    /// Its place in the records.
    number: usize,
    subchannel: Option<SubchannelId>,
    watch: Option<WatchId>,
    state: SubchannelState,
    /// Whether there is something to publish.
    has_news: bool,
}

impl RecordingChild {
    /// Records something.
    fn record<R>(&self, change: impl FnOnce(&mut ChildRecord) -> R) -> R {
        change(&mut self.records.lock()[self.number])
    }

    /// Records an event, after which the child has to settle.
    fn record_event(&self, change: impl FnOnce(&mut ChildRecord)) {
        self.record(|record| {
            record.is_unsettled = true;
            change(record);
        });
    }

    fn check_owner(&self, id: SubchannelId) {
        assert_eq!(
            self.subchannel,
            Some(id),
            "a child got an event of a subchannel that it does not own"
        );
    }
}

impl Policy for RecordingChild {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let deadline = control.now() + WAKE_AFTER;
        if self.subchannel.is_none() {
            let mut addresses = update.endpoints.iter().flat_map(|one| one.addresses());
            let Some(address) = addresses.next() else {
                self.record_event(|record| record.updates += 1);
                return Err(Status::unavailable("no address"));
            };
            let id = control.create_subchannel(address.clone());
            control.connect(id);
            self.subchannel = Some(id);
            self.state = SubchannelState::Connecting;
            self.has_news = true;
            self.record(|record| record.subchannels.insert(id));
        }
        self.record_event(|record| {
            record.updates += 1;
            record.health_check = update.health_check;
            record.deadline = Some(deadline);
        });
        Ok(())
    }

    fn handle_resolver_error(&mut self, _: Status, old: OldList, _: &mut Control<'_>) {
        self.record_event(|record| record.resolver_errors.push(old));
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        self.check_owner(id);
        if state == SubchannelState::Ready {
            let path = PathAndQuery::from_static(WATCH_PATH);
            self.watch = Some(control.watch(id, Watch::new(path, Bytes::new())));
        }
        self.state = state.clone();
        self.has_news = true;
        self.record_event(|record| record.states.push((id, state)));
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        _: &mut Control<'_>,
    ) {
        self.check_owner(id);
        assert_eq!(
            self.watch,
            Some(watch),
            "a child got an event of a watch that it did not start"
        );
        self.record_event(|record| record.watch_events.push(event));
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, _: &mut Control<'_>) {
        self.check_owner(id);
        self.record_event(|record| record.ejections.push((id, ejected)));
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        if self.poll_timeout().is_some_and(|due| due <= control.now()) {
            self.record_event(|record| {
                record.timeouts += 1;
                record.deadline = None;
            });
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.record(|record| record.deadline)
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.record_event(|record| record.exit_idles += 1);
        if let (Some(id), SubchannelState::Idle) = (self.subchannel, &self.state) {
            control.connect(id);
        }
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.record(|record| record.is_unsettled = false);
        let Some(id) = self.subchannel else {
            return;
        };
        if !std::mem::take(&mut self.has_news) {
            return;
        }
        let (state, pick) = match self.state.clone() {
            SubchannelState::Idle => (ConnectivityState::Idle, Pick::ExitIdle),
            SubchannelState::Connecting => (ConnectivityState::Connecting, Pick::Queue),
            SubchannelState::Ready => (ConnectivityState::Ready, Pick::Subchannel(id)),
            SubchannelState::TransientFailure(error) => {
                (ConnectivityState::TransientFailure, Pick::Fail(error))
            }
        };
        let records = self.records.clone();
        let number = self.number;
        let picker = RecordingPicker {
            records,
            number,
            pick,
        };
        control.publish(state, Arc::new(picker));
    }

    fn reset_backoff(&mut self) {
        self.record_event(|record| record.backoff_resets += 1);
    }

    fn inspect(&self, _: Instant) -> PolicyNode {
        let state = match self.state {
            SubchannelState::Idle => ConnectivityState::Idle,
            SubchannelState::Connecting => ConnectivityState::Connecting,
            SubchannelState::Ready => ConnectivityState::Ready,
            SubchannelState::TransientFailure(_) => ConnectivityState::TransientFailure,
        };
        let endpoints = self.subchannel.into_iter();
        let endpoints = endpoints
            .map(|id| EndpointNode::of_addresses(&[], state).with_subchannels([id]))
            .collect();
        PolicyNode::new(CHILD_NAME, state)
            .with_fact(CHILD_NUMBER, self.number)
            .with_endpoints(endpoints)
    }
}

impl Drop for RecordingChild {
    fn drop(&mut self) {
        self.record(|record| record.is_removed = true);
    }
}

/// The picker of a recording child: makes one choice, and records the ends of attempts.
#[derive(Debug)]
struct RecordingPicker {
    records: Records,
    /// The place of the child in the records.
    number: usize,
    pick: Pick,
}

impl Picker for RecordingPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        self.pick.clone()
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        Some(self)
    }
}

impl AttemptTracker for RecordingPicker {
    fn attempt_ended(&self, id: SubchannelId, _: &AttemptOutcome<'_>) {
        assert_eq!(
            self.pick,
            Pick::Subchannel(id),
            "a tracker was notified of an attempt that its picker did not choose"
        );
        self.records.lock()[self.number].attempts.push(id);
    }
}
