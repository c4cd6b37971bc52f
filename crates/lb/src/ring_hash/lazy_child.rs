//! A pick_first that sleeps until it is needed.

use std::sync::Arc;
use std::time::Instant;

use trunkline_status::Status;

use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::forward::forward_events;
use crate::inspection::{EndpointNode, PolicyNode};
use crate::pick_first::PickFirst;
use crate::picker::Pick;
use crate::policy::{OldList, Policy, Update};
use crate::registry::PolicyOptions;
use crate::subchannel::SubchannelId;

/// A pick_first that is idle, and has no subchannel, until it first leaves idleness. From then on it
/// is a pick_first like any other. It is that from its first update on where another policy of the channel
/// is connected to its endpoint: that connection, which it shares, would be closed when that policy ends.
#[derive(Debug)]
pub(super) struct LazyChild {
    policy: PickFirst,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It has not left idleness yet.
    Asleep {
        /// What pick_first gets when it does; `None` before the first update, and when the resolver
        /// has dropped the list.
        update: Option<Update>,
    },
    /// pick_first has the list.
    Awake,
}

impl LazyChild {
    pub(super) fn new(options: &PolicyOptions) -> Self {
        Self {
            policy: PickFirst::new(options),
            stage: Stage::Asleep { update: None },
        }
    }

    /// Returns the subchannel that calls use, if it is ready.
    pub(super) fn selected(&self) -> Option<SubchannelId> {
        self.policy.selected()
    }

    /// Adds what pick_first knows of its backend.
    pub(super) fn describe(&self, node: EndpointNode) -> EndpointNode {
        self.policy.describe(node)
    }
}

impl Policy for LazyChild {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        match &mut self.stage {
            Stage::Asleep { update: waiting } => {
                if waiting.is_none() && PickFirst::finds_connection(&update, control) {
                    self.stage = Stage::Awake;
                    return self.policy.handle_update(update, control);
                }
                *waiting = Some(update);
                control.publish(ConnectivityState::Idle, Arc::new(Pick::ExitIdle));
                Ok(())
            }
            Stage::Awake => self.policy.handle_update(update, control),
        }
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        if let Stage::Asleep { update } = &mut self.stage {
            match (old, &update) {
                // The list stays, so there is something to connect to.
                (OldList::Keep, Some(_)) => return,
                (OldList::Keep, None) => {}
                (OldList::DropList, _) => *update = None,
            }
        }
        // Without a list, pick_first fails with the error.
        self.policy.handle_resolver_error(error, old, control);
    }

    forward_events!(to policy);

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        match &mut self.stage {
            Stage::Asleep { update } => {
                let Some(update) = update.take() else {
                    return;
                };
                self.stage = Stage::Awake;
                let accepted = self.policy.handle_update(update, control);
                debug_assert!(accepted.is_ok(), "the endpoint of a child has an address");
            }
            Stage::Awake => self.policy.exit_idle(control),
        }
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.policy.settle(control);
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let mut node = self.policy.inspect(now);
        if let Stage::Asleep { update: Some(_) } = self.stage {
            node.state = ConnectivityState::Idle;
        }
        node
    }
}
