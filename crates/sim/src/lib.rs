#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those above it.

// What happened in a run.
mod trace;
// The error of a run that does not end.
mod stuck;
// Tasks and the queue of those that are ready.
mod task;
// The state: clock, tasks, events to come, the network's tables.
mod world;
// Polls tasks and moves the clock.
mod executor;
mod timer;
// The packets: handshakes, streams, datagrams, listeners.
mod net;
mod runtime;
// Servers.
mod backend;
#[cfg(feature = "xds")]
pub mod control_plane;
pub mod dns;
// The handle of a simulation: its clock, tasks, network and servers.
mod sim;

pub use crate::backend::{Backend, BackendOptions, CallReply, IncomingBody, Opening, ReceivedCall};
pub use crate::net::{Listener, Net, UdpListener};
pub use crate::sim::Sim;
pub use crate::stuck::{Stuck, StuckKind};
pub use crate::trace::Traced;
pub use crate::world::{ConnectFate, IpVersion};
