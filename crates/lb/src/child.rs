//! A policy within a policy.

use std::collections::BTreeSet;

use crate::{Action, Control, Published, SubchannelId};

/// A policy within another, and the subchannels that it has made: what every policy with children
/// needs in order to hand events down and to take a child away.
#[derive(Debug)]
pub struct Child<P> {
    policy: P,
    subchannels: BTreeSet<SubchannelId>,
}

impl<P> Child<P> {
    /// A child that has made no subchannel yet.
    #[must_use]
    pub fn new(policy: P) -> Self {
        Self {
            policy,
            subchannels: BTreeSet::new(),
        }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The policy, for what needs no control.
    pub fn policy_mut(&mut self) -> &mut P {
        &mut self.policy
    }

    /// Whether the child made this subchannel and did not remove it.
    #[must_use]
    pub fn owns(&self, id: SubchannelId) -> bool {
        self.subchannels.contains(&id)
    }

    /// The subchannels that the child made and did not remove, sorted.
    pub fn subchannels(&self) -> impl Iterator<Item = SubchannelId> {
        self.subchannels.iter().copied()
    }

    /// Hands an event to the policy, and returns what the policy published instead of letting it
    /// through; everything else that it asks for goes to the channel.
    pub fn handle<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut P, &mut Control<'_>) -> R,
    ) -> (R, Option<Published>) {
        let mark = control.mark();
        let answer = control.with_child(|control| event(&mut self.policy, control));
        for action in control.asked_since(mark) {
            match action {
                Action::Create { id, .. } => drop(self.subchannels.insert(*id)),
                Action::Remove(id) => drop(self.subchannels.remove(id)),
                Action::Connect(_)
                | Action::RequestReresolution
                | Action::Watch { .. }
                | Action::Unwatch(_) => {}
            }
        }
        answer
    }

    /// Ends the child: its subchannels are removed.
    pub fn remove(self, control: &mut Control<'_>) {
        for id in self.subchannels {
            control.remove_subchannel(id);
        }
    }
}
