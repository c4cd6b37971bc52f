//! A policy inside another policy.

use std::collections::BTreeSet;

use crate::control::{Action, Control, Published};
use crate::subchannel::SubchannelId;

/// A child policy, and the subchannels that it has created.
///
/// A policy with a few children holds one `Child` for each: it forwards an event for a subchannel
/// to the child that [`owns`](Self::owns) it, through [`handle`](Self::handle), and ends a child
/// with [`remove`](Self::remove). A policy with one child for each endpoint holds an
/// [`EndpointSharding`](crate::EndpointSharding) instead.
#[derive(Debug)]
pub struct Child<P> {
    policy: P,
    subchannels: BTreeSet<SubchannelId>,
}

impl<P> Child<P> {
    /// Creates a child around a policy that has not created a subchannel yet.
    #[must_use]
    pub fn new(policy: P) -> Self {
        Self {
            policy,
            subchannels: BTreeSet::new(),
        }
    }

    /// Returns the policy.
    #[must_use]
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// Returns the policy, for methods that take no [`Control`]. Use [`handle`](Self::handle) for
    /// all others.
    pub fn policy_mut(&mut self) -> &mut P {
        &mut self.policy
    }

    /// Returns whether the child created this subchannel and did not remove it.
    #[must_use]
    pub fn owns(&self, id: SubchannelId) -> bool {
        self.subchannels.contains(&id)
    }

    /// Iterates over the subchannels that the child created and did not remove, sorted.
    pub fn subchannels(&self) -> impl Iterator<Item = SubchannelId> {
        self.subchannels.iter().copied()
    }

    /// Hands an event to the policy. Returns what the policy published, which does not reach the
    /// channel; every other action that it requests does.
    pub fn handle<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut P, &mut Control<'_>) -> R,
    ) -> (R, Option<Published>) {
        let mark = control.mark();
        let result = control.with_child(|control| event(&mut self.policy, control));
        for action in control.requested_since(mark) {
            match action {
                Action::Create { id, .. } => drop(self.subchannels.insert(*id)),
                Action::Remove(id) => drop(self.subchannels.remove(id)),
                Action::Connect(_)
                | Action::LimitConnections { .. }
                | Action::RequestReresolution
                | Action::Watch { .. }
                | Action::Unwatch(_)
                | Action::ReportHealth { .. }
                | Action::ReportLoadsUnsupported { .. }
                | Action::ReportEjection { .. }
                | Action::ReportWeights(_) => {}
            }
        }
        result
    }

    /// Ends the child: removes its subchannels.
    pub fn remove(self, control: &mut Control<'_>) {
        for id in self.subchannels {
            control.remove_subchannel(id);
        }
    }
}
