//! How `random_subsetting` handles events.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_status::Status;

use super::config::RandomSubsettingConfig;
use super::subset::subset;
use crate::control::Control;
use crate::forward::forward_events;
use crate::graceful_switch::GracefulSwitch;
use crate::inspection::PolicyNode;
use crate::policy::{OldList, Policy, Update};
use crate::registry::PolicyOptions;

/// Gives its child policy a random part of the endpoints, so that a service with many clients and
/// many backends does not have a connection from each client to each backend.
///
/// The part differs from client to client, and the clients spread evenly over the backends where
/// there are many of both. A client keeps its part: a backend that comes or goes changes at most one
/// of it. Where there are no more endpoints than
/// [`subset_size`](RandomSubsettingConfig::subset_size), the child gets all.
///
/// Source: [gRFC A68](https://github.com/grpc/proposal/blob/master/A68-random-subsetting.md).
#[derive(Debug)]
pub struct RandomSubsetting {
    /// Makes the choice of this client differ from that of others.
    seed: u64,
    /// The child: its subchannels and pickers are those of this policy.
    child: GracefulSwitch,
    /// The number of endpoints in the last list, and of those that the child got.
    listed: usize,
    used: usize,
}

impl RandomSubsetting {
    /// Creates a policy that waits for its first list. The configurations of its updates name child
    /// policies of [`PolicyOptions::policies`].
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        let mut rng = Rng::from_seed(options.seed);
        let seed = rng.next_seed();
        let mut options = options.clone();
        options.seed = rng.next_seed();
        Self {
            seed,
            child: GracefulSwitch::new(&options),
            listed: 0,
            used: 0,
        }
    }
}

impl Policy for RandomSubsetting {
    /// Fails with `INTERNAL` if the configuration is that of another policy.
    fn handle_update(
        &mut self,
        mut update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        let config: &dyn Any = &*update.config;
        let Some(config) = config.downcast_ref::<RandomSubsettingConfig>() else {
            let text = "the configuration of random_subsetting is that of another policy";
            return Err(Status::internal(text));
        };
        let size = usize::try_from(config.subset_size).unwrap_or(usize::MAX);
        self.listed = update.endpoints.len();
        update.endpoints = subset(&update.endpoints, size, self.seed);
        self.used = update.endpoints.len();
        update.config = Arc::clone(&config.child) as _;
        self.child.handle_update(update, control)
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.child.handle_resolver_error(error, old, control);
    }

    forward_events!(to child);

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.child.exit_idle(control);
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.child.settle(control);
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let child = self.child.inspect(now);
        let node = PolicyNode::new("random_subsetting_experimental", child.state);
        node.with_fact("listed_endpoints", self.listed)
            .with_fact("used_endpoints", self.used)
            .with_child(child)
    }
}
