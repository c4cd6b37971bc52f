//! A policy for tests: its children get the same endpoints, so each backend has several holders.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use trunkline_lb::{
    ConnectivityState, Control, NamedChildren, OldList, Pick, Policy, PolicyFactory, PolicyNode,
    PolicyOptions, Update, forward_events,
};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyConfig, PolicyParsers};
use trunkline_status::Status;

/// Makes policies with the children that their configuration names: `{"a": [{"round_robin": {}}]}`. The first
/// one by name gets the calls.
#[derive(Debug)]
pub(crate) struct TwiceFactory;

#[derive(Debug, PartialEq)]
struct TwiceConfig(Vec<(Arc<str>, PolicyChoice)>);

impl PolicyFactory for TwiceFactory {
    fn name(&self) -> &str {
        "twice"
    }

    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        let children = config.as_object().into_iter().flatten();
        let children = children.map(|(name, child)| {
            let choice = PolicyChoice::parse(child, policies)?;
            Ok((Arc::from(name.as_str()), choice))
        });
        Ok(Arc::new(TwiceConfig(children.collect::<Result<_, _>>()?)))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(Twice {
            children: NamedChildren::new(options),
        })
    }
}

#[derive(Debug)]
struct Twice {
    children: NamedChildren,
}

impl Twice {
    fn publish(&self, control: &mut Control<'_>) {
        match self.children.iter().next() {
            Some((_, child)) => control.publish(child.state(), Arc::clone(child.picker())),
            None => control.publish(ConnectivityState::Connecting, Arc::new(Pick::Queue)),
        }
    }
}

impl Policy for Twice {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let config: &dyn Any = &*update.config;
        let TwiceConfig(children) = config.downcast_ref().expect("the policy's own");
        for (name, choice) in children {
            self.children
                .handle_update(name, choice, update.clone(), control)?;
        }
        let is_named = |name: &str| children.iter().any(|(own, _)| **own == *name);
        self.children.retain(is_named, control);
        Ok(())
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.children.handle_resolver_error(&error, old, control);
    }

    forward_events!(to children);

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.children.exit_idle(control);
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        if self.children.settle(control) {
            self.publish(control);
        }
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let state = self.children.iter().next().map(|(_, child)| child.state());
        let state = state.unwrap_or(ConnectivityState::Connecting);
        PolicyNode::new("twice", state).with_children(self.children.inspect(now))
    }
}
