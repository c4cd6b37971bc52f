//! A policy for tests: its children get the same endpoints, so each backend has several holders.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use trunkline_lb::{
    ConnectivityState, Control, NamedChildren, OldList, Pick, Policy, PolicyFactory, PolicyNode,
    PolicyOptions, SubchannelId, SubchannelState, Update, WatchEvent, WatchId,
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
        Box::new(Twice(NamedChildren::new(options)))
    }
}

#[derive(Debug)]
struct Twice(NamedChildren);

impl Twice {
    fn publish(&self, control: &mut Control<'_>) {
        match self.0.iter().next() {
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
            self.0
                .handle_update(name, choice, update.clone(), control)?;
        }
        let is_named = |name: &str| children.iter().any(|(own, _)| **own == *name);
        self.0.retain(is_named, control);
        Ok(())
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.0.handle_resolver_error(&error, old, control);
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        self.0.handle_subchannel(id, state, control);
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        self.0.handle_watch(watch, id, event, control);
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.0.handle_ejection(id, ejected, control);
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        self.0.handle_timeout(control);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.0.exit_idle(control);
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        if self.0.settle(control) {
            self.publish(control);
        }
    }

    fn reset_backoff(&mut self) {
        self.0.reset_backoff();
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let state = self.0.iter().next().map(|(_, child)| child.state());
        let state = state.unwrap_or(ConnectivityState::Connecting);
        PolicyNode::new("twice", state).with_children(self.0.inspect(now))
    }
}
