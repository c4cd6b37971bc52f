//! A policy whose updates and calls get what xDS gives to them, for checks that know nothing of it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::Attributes;
use trunkline_lb::{
    AttemptTracker, Control, OldList, Pick, PickRequest, Picker, Policy, PolicyNode, Published,
    Update, forward_events,
};
use trunkline_status::Status;

/// Hands each event to a policy. Changes its updates, and gives its picker calls with attributes.
pub(crate) struct Adapted {
    policy: Box<dyn Policy>,
    change: fn(Update) -> Update,
    call: Attributes,
}

impl Adapted {
    pub(crate) fn new(policy: impl Policy + 'static, change: fn(Update) -> Update) -> Self {
        Self {
            policy: Box::new(policy),
            change,
            call: Attributes::new(),
        }
    }

    /// Sets the attributes of calls. Default: none.
    pub(crate) fn with_call(mut self, attributes: Attributes) -> Self {
        self.call = attributes;
        self
    }

    fn forward<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut dyn Policy, &mut Control<'_>) -> R,
    ) -> R {
        let policy = &mut *self.policy;
        let (result, published) = control.with_child(|control| event(policy, control));
        if let Some(Published { state, picker }) = published {
            let call = self.call.clone();
            control.publish(state, Arc::new(AdaptedPicker { picker, call }));
        }
        result
    }
}

impl fmt::Debug for Adapted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.policy.fmt(f)
    }
}

impl Policy for Adapted {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let update = (self.change)(update);
        self.forward(control, |policy, control| {
            policy.handle_update(update, control)
        })
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.forward(control, |policy, control| {
            policy.handle_resolver_error(error, old, control);
        });
    }

    forward_events!(through forward);

    fn poll_timeout(&self) -> Option<Instant> {
        self.policy.poll_timeout()
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |policy, control| policy.settle(control));
    }

    fn reset_backoff(&mut self) {
        self.policy.reset_backoff();
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        self.policy.inspect(now)
    }
}

#[derive(Debug)]
struct AdaptedPicker {
    picker: Arc<dyn Picker>,
    call: Attributes,
}

impl Picker for AdaptedPicker {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        self.picker.pick(&request.with_attributes(&self.call))
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        self.picker.tracker()
    }
}
