//! How `xds_wrr_locality_experimental` handles events.

use std::any::Any;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::Endpoint;
use trunkline_lb::{
    Control, GracefulSwitch, HierarchyPath, OldList, Policy, PolicyNode, PolicyOptions, Update,
    WeightedTargetConfig, forward_events,
};
use trunkline_status::Status;

use super::config::WrrLocalityConfig;
use crate::policies::locality::EndpointLocality;
use crate::policies::names::{WEIGHTED_TARGET, WRR_LOCALITY};

/// Shares calls among the localities of the endpoints, by their weights
/// ([`EndpointLocality`](crate::policies::EndpointLocality)), with one policy for each locality.
///
/// It is `weighted_target_experimental` with a target for each locality. The target's name is the first
/// of the endpoint's [`HierarchyPath`], the locality in the form that metrics use. Where endpoints of
/// one locality have several weights, the first counts. An endpoint without a locality gets no calls.
///
/// Source: [gRFC A52](https://github.com/grpc/proposal/blob/master/A52-xds-custom-lb-policies.md).
#[derive(Debug)]
pub struct WrrLocality {
    /// The child: its subchannels and pickers are those of this policy.
    child: GracefulSwitch,
    /// The name of the child's policy.
    weighted_target: Arc<str>,
    /// The number of localities in the last list.
    localities: usize,
}

impl WrrLocality {
    /// Creates a policy that waits for its first list. Its children are of
    /// [`PolicyOptions::policies`], `weighted_target_experimental` among them.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        Self {
            child: GracefulSwitch::new(options),
            weighted_target: WEIGHTED_TARGET.into(),
            localities: 0,
        }
    }
}

/// Returns the weight of each locality, by the name of its target.
fn weights(endpoints: &[Endpoint]) -> BTreeMap<Arc<str>, NonZeroU32> {
    let mut weights: BTreeMap<Arc<str>, NonZeroU32> = BTreeMap::new();
    let mut last: Option<&Arc<str>> = None;
    for endpoint in endpoints {
        let attributes = endpoint.attributes();
        let path = attributes.get::<HierarchyPath>();
        let Some(name) = path.and_then(|path| path.names().first()) else {
            continue;
        };
        // The endpoints of a locality follow each other, and share its name.
        if last.is_some_and(|last| Arc::ptr_eq(last, name)) || weights.contains_key(name) {
            continue;
        }
        if let Some(locality) = attributes.get::<EndpointLocality>() {
            let weight = NonZeroU32::new(locality.weight).unwrap_or(NonZeroU32::MIN);
            weights.insert(Arc::clone(name), weight);
            last = Some(name);
        }
    }
    weights
}

impl Policy for WrrLocality {
    /// Fails with `INTERNAL` if the configuration is that of another policy.
    fn handle_update(
        &mut self,
        mut update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        let config: &dyn Any = &*update.config;
        let Some(config) = config.downcast_ref::<WrrLocalityConfig>() else {
            let text = format!("the configuration is not that of {WRR_LOCALITY}");
            return Err(Status::internal(text));
        };
        let weights = weights(&update.endpoints);
        self.localities = weights.len();
        let mut targets = WeightedTargetConfig::default();
        for (name, weight) in weights {
            targets = targets.with_target(name, weight, config.child_policy.clone());
        }
        update.config = Arc::new(targets);
        let name = &self.weighted_target;
        self.child.handle_named_update(name, update, control)
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
        PolicyNode::new(WRR_LOCALITY, child.state)
            .with_fact("localities", self.localities)
            .with_child(child)
    }
}
