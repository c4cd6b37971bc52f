//! The control path: one task per channel, and one for each connection attempt and watch.
//!
//! From the ground up: the events that the control task receives, the attempts and watches that
//! send them, the inbox in which they arrive, and the task.
//!
//! The loss of a connection, by a GOAWAY for example, reaches the policy in three steps. The
//! transport calls `on_lost`, which `attempt` gave it. The task receives `ControlEvent::Lost`. The
//! core's `handle_lost` notifies the policy that the subchannel is idle.

pub(crate) mod event;

mod attempt;
pub(crate) mod inbox;
mod watch;

pub(crate) mod task;
