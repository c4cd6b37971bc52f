//! The control path: one task per channel, and one for each connection attempt and watch.
//!
//! From the ground up: the closing of the channel, the events that the control task receives, what tasks hold so that they can be waited
//! for and cancelled, the losses, attempts and watches that send events, the inbox in which they arrive, the lines of calls that wait,
//! what the resolver reports to the observer, and the task.
//!
//! `loss` describes how the loss of a connection, by a GOAWAY for example, reaches the policy.

pub(crate) mod closing;

pub(crate) mod event;

mod attempt;
mod held;
pub(crate) mod inbox;
mod lines;
mod live;
mod loss;
pub(crate) mod resolver_metrics;
mod watch;

pub(crate) mod task;
