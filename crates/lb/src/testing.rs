//! Tests for policies: a channel without I/O, checks of the rules that every policy keeps, and a
//! simulation of the queues that a policy causes.
//!
//! Put a policy of your own into a [`FakeChannel`] to test what it does, and through
//! [`check_policy`] to check that it keeps the contract of [`Policy`](crate::Policy). Put a policy
//! with children through [`check_parent`] too: it checks that the policy forwards every event.
//!
//! This policy runs one child, and counts the updates:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Instant;
//!
//! use trunkline_lb::testing::{FakeChannel, check_parent, check_policy};
//! use trunkline_lb::{
//!     Child, Control, OldList, PickFirst, PickFirstConfig, Policy, PolicyNode, PolicyOptions,
//!     Published, SubchannelId, SubchannelState, Update, WatchEvent, WatchId,
//! };
//! use trunkline_status::Status;
//!
//! #[derive(Debug)]
//! struct Counter {
//!     child: Child<Box<dyn Policy>>,
//!     updates: usize,
//! }
//!
//! impl Counter {
//!     fn new(policy: Box<dyn Policy>) -> Self {
//!         Self { child: Child::new(policy), updates: 0 }
//!     }
//!
//!     /// Hands an event to the child, and publishes what the child publishes.
//!     fn forward<R>(
//!         &mut self,
//!         control: &mut Control<'_>,
//!         event: impl FnOnce(&mut dyn Policy, &mut Control<'_>) -> R,
//!     ) -> R {
//!         let (result, published) = self.child.handle(control, |policy, control| {
//!             event(&mut **policy, control)
//!         });
//!         if let Some(Published { state, picker }) = published {
//!             control.publish(state, picker);
//!         }
//!         result
//!     }
//! }
//!
//! impl Policy for Counter {
//!     fn handle_update(
//!         &mut self,
//!         update: Update,
//!         control: &mut Control<'_>,
//!     ) -> Result<(), Status> {
//!         self.updates += 1;
//!         self.forward(control, |child, control| child.handle_update(update, control))
//!     }
//!
//!     fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
//!         self.forward(control, |child, control| {
//!             child.handle_resolver_error(error, old, control)
//!         })
//!     }
//!
//!     fn handle_subchannel(
//!         &mut self,
//!         id: SubchannelId,
//!         state: SubchannelState,
//!         control: &mut Control<'_>,
//!     ) {
//!         if self.child.owns(id) {
//!             self.forward(control, |child, control| {
//!                 child.handle_subchannel(id, state, control)
//!             })
//!         }
//!     }
//!
//!     fn handle_watch(
//!         &mut self,
//!         watch: WatchId,
//!         id: SubchannelId,
//!         event: WatchEvent,
//!         control: &mut Control<'_>,
//!     ) {
//!         if self.child.owns(id) {
//!             self.forward(control, |child, control| {
//!                 child.handle_watch(watch, id, event, control)
//!             })
//!         }
//!     }
//!
//!     fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
//!         if self.child.owns(id) {
//!             self.forward(control, |child, control| {
//!                 child.handle_ejection(id, ejected, control)
//!             })
//!         }
//!     }
//!
//!     fn handle_timeout(&mut self, control: &mut Control<'_>) {
//!         self.forward(control, |child, control| child.handle_timeout(control))
//!     }
//!
//!     fn poll_timeout(&self) -> Option<Instant> {
//!         self.child.policy().poll_timeout()
//!     }
//!
//!     fn exit_idle(&mut self, control: &mut Control<'_>) {
//!         self.forward(control, |child, control| child.exit_idle(control))
//!     }
//!
//!     fn settle(&mut self, control: &mut Control<'_>) {
//!         self.forward(control, |child, control| child.settle(control))
//!     }
//!
//!     fn reset_backoff(&mut self) {
//!         self.child.policy_mut().reset_backoff()
//!     }
//!
//!     fn inspect(&self, now: Instant) -> PolicyNode {
//!         let child = self.child.policy().inspect(now);
//!         PolicyNode::new("counter", child.state)
//!             .with_fact("updates", self.updates)
//!             .with_child(child)
//!     }
//! }
//!
//! fn over_pick_first(options: &PolicyOptions) -> Counter {
//!     Counter::new(Box::new(PickFirst::new(options)))
//! }
//!
//! // What it does.
//! let mut channel = FakeChannel::new(over_pick_first(&PolicyOptions::new(1)));
//! channel.update("192.0.2.1:443 192.0.2.2:443")?;
//! channel.fail("192.0.2.1:443");
//! channel.ready("192.0.2.2:443");
//! assert_eq!(channel.picked(), "192.0.2.2:443");
//! assert_eq!(channel.policy.updates, 1);
//!
//! // The contract.
//! check_policy(Arc::new(PickFirstConfig::default()), |options| {
//!     Box::new(over_pick_first(options))
//! });
//! check_parent(Arc::new(()), |child| {
//!     Box::new(Counter::new(child.build(&PolicyOptions::new(1))))
//! });
//! # Ok::<(), Status>(())
//! ```

// The channel and the children with which the checks run a policy.
mod fake_channel;
mod recording_child;

mod parent_check;
mod policy_check;
mod queues;

pub use self::fake_channel::{FakeChannel, FakeSubchannel, address, endpoints, pick, refused};
pub use self::parent_check::check_parent;
pub use self::policy_check::check_policy;
pub use self::queues::{QueueLengths, QueueModel};
pub use self::recording_child::CHILD_NAME;
