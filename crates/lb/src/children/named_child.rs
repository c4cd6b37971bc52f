//! One child with a name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crate::child::Child;
use crate::connectivity::ConnectivityState;
use crate::control::{Control, Published};
use crate::graceful_switch::GracefulSwitch;
use crate::inspection::ChildNode;
use crate::picker::{Pick, Picker};
use crate::policy::Policy;
use crate::subchannel::SubchannelId;

/// One of the children of [`NamedChildren`](crate::NamedChildren).
///
/// Its state is `CONNECTING` until it publishes another one.
#[derive(Debug)]
pub struct NamedChild {
    pub(super) child: Child<GracefulSwitch>,
    /// What the child published last.
    published: Published,
    /// The picker of the last failure, if the child has not been ready or idle since.
    failure: Option<Arc<dyn Picker>>,
    /// When the state became `CONNECTING` the last time.
    connecting_since: Instant,
    /// Whether the requests of the child for re-resolution have no effect.
    pub(super) ignores_reresolution: bool,
    /// Whether the child was put aside: it only keeps its connections.
    pub(super) is_aside: bool,
    /// The subchannels that the child, while it is aside, has requested to connect.
    withheld: BTreeSet<SubchannelId>,
    /// Whether the child has handled an event and has not settled since.
    pub(super) is_unsettled: bool,
    /// Whether the resolver has dropped the list of the child, and it has no other yet.
    pub(super) is_dropped: bool,
    /// Whether the child has the first list after a dropped one, and has not settled since. The lack
    /// of a list is no failure that lasts until the child is ready: this list ends it.
    pub(super) ends_failure: bool,
}

impl NamedChild {
    /// Creates a child that has not been given an update yet.
    pub(super) fn new(switch: GracefulSwitch, now: Instant) -> Self {
        Self {
            child: Child::new(switch),
            published: Published {
                state: ConnectivityState::Connecting,
                picker: Arc::new(Pick::Queue),
            },
            failure: None,
            connecting_since: now,
            ignores_reresolution: false,
            is_aside: false,
            withheld: BTreeSet::new(),
            is_unsettled: false,
            is_dropped: false,
            ends_failure: false,
        }
    }

    /// Returns the state that the child published last.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        self.published.state
    }

    /// Returns the picker that the child published last.
    #[must_use]
    pub fn picker(&self) -> &Arc<dyn Picker> {
        &self.published.picker
    }

    /// Returns true from `TRANSIENT_FAILURE` until the child is ready or idle again, also while it
    /// connects.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failure.is_some()
    }

    /// Returns the state as it counts for the state of several children together: a failure is
    /// sticky.
    ///
    /// It lasts until the child is ready, as gRPC's client channel specification has it, or idle: a
    /// child that is idle connects when a call comes, so calls must reach it.
    #[must_use]
    pub fn sticky_state(&self) -> ConnectivityState {
        if self.is_failing() {
            ConnectivityState::TransientFailure
        } else {
            self.state()
        }
    }

    /// Returns the picker that belongs to the [`sticky_state`](Self::sticky_state).
    #[must_use]
    pub fn sticky_picker(&self) -> &Arc<dyn Picker> {
        self.failure.as_ref().unwrap_or_else(|| self.picker())
    }

    /// Returns since when the child has been connecting, without a failure since it was ready,
    /// idle or created; `None` in any other state.
    #[must_use]
    pub fn connecting_since(&self) -> Option<Instant> {
        let is_connecting = self.state() == ConnectivityState::Connecting && !self.is_failing();
        is_connecting.then_some(self.connecting_since)
    }

    /// Iterates over the subchannels that the child owns, sorted.
    pub fn subchannels(&self) -> impl Iterator<Item = SubchannelId> {
        self.child.subchannels()
    }

    /// Returns the switch that runs the child's policy.
    #[must_use]
    pub fn switch(&self) -> &GracefulSwitch {
        self.child.policy()
    }

    /// Describes the child, whose name is `name`.
    #[must_use]
    pub fn inspect(&self, name: &str, now: Instant) -> ChildNode {
        let child = ChildNode::new(name.to_owned(), self.switch().inspect(now));
        if self.is_failing() && self.state() != ConnectivityState::TransientFailure {
            child.with_fact("is_failing", true)
        } else {
            child
        }
    }

    /// Returns when the child wants to be woken.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.child.policy().poll_timeout()
    }

    /// Hands an event to the child. Returns the result, and whether the child published something.
    pub(super) fn run<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>) -> R,
    ) -> (R, bool) {
        let mark = control.mark();
        let (result, published) = self.child.handle(control, event);
        if self.ignores_reresolution || self.is_aside {
            control.retract_reresolution(mark);
        }
        if self.is_aside {
            self.withheld.extend(control.retract_connects(mark));
        }
        let has_published = published.is_some();
        if let Some(published) = published {
            self.record(published, control.now());
        }
        (result, has_published)
    }

    /// Connects what the child has requested to connect while it was aside.
    pub(super) fn connect_withheld(&mut self, control: &mut Control<'_>) {
        for id in std::mem::take(&mut self.withheld) {
            if self.child.owns(id) {
                control.connect(id);
            }
        }
    }

    /// Records what the child published.
    fn record(&mut self, published: Published, now: Instant) {
        match published.state {
            ConnectivityState::TransientFailure => {
                self.failure = Some(Arc::clone(&published.picker));
            }
            ConnectivityState::Connecting => {
                if self.ends_failure {
                    self.failure = None;
                }
                if self.state() != ConnectivityState::Connecting {
                    self.connecting_since = now;
                }
            }
            ConnectivityState::Ready | ConnectivityState::Idle | ConnectivityState::Shutdown => {
                self.failure = None;
            }
        }
        self.published = published;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::registry::PolicyOptions;

    /// Returns a child after it has published these states, one a second from its creation on, with
    /// the seconds for which it has been connecting.
    fn after(states: &[ConnectivityState]) -> (NamedChild, Option<u64>) {
        #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
        let created = Instant::now();
        let mut now = created;
        let mut child = NamedChild::new(GracefulSwitch::new(&PolicyOptions::new(1)), created);
        for state in states {
            now += Duration::from_secs(1);
            let picker: Arc<dyn Picker> = Arc::new(Pick::Queue);
            let published = Published {
                state: *state,
                picker,
            };
            child.record(published, now);
        }
        let since = child.connecting_since();
        let secs = since.map(|since| now.duration_since(since).as_secs());
        (child, secs)
    }

    /// The failover timer of gRFC A56 starts when a child is created, and when it changes to
    /// CONNECTING after it was READY or IDLE more recently than TRANSIENT_FAILURE. Another CONNECTING
    /// does not start it again.
    #[test]
    fn how_long_it_has_been_connecting() {
        use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
        let check = |states: &[ConnectivityState], secs| assert_eq!(after(states).1, secs);
        check(&[], Some(0));
        check(&[Connecting, Connecting], Some(2));
        check(&[Ready], None);
        check(&[Ready, Connecting, Connecting], Some(1));
        check(&[TransientFailure, Connecting], None);
        check(&[TransientFailure, Idle, Connecting, Connecting], Some(1));
        check(&[TransientFailure, Ready, Connecting], Some(0));
    }

    /// A failure is sticky: it lasts until READY, or IDLE here, with its picker.
    #[test]
    fn sticky_failure() {
        use ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
        let sticky = |states: &[ConnectivityState]| after(states).0.sticky_state();
        assert_eq!(sticky(&[]), Connecting);
        assert_eq!(sticky(&[TransientFailure, Connecting]), TransientFailure);
        assert_eq!(sticky(&[TransientFailure, Connecting, Ready]), Ready);
        assert_eq!(sticky(&[TransientFailure, Idle]), Idle);
        let (child, _) = after(&[TransientFailure, Connecting]);
        assert_eq!(child.state(), Connecting);
        assert!(!Arc::ptr_eq(child.sticky_picker(), child.picker()));
    }
}
