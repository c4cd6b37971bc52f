//! A reactor of our own, nested in the one of async-io, and `block_on`, which drives it.
//!
//! The reactor is an epoll instance whose sockets are registered once, for edges. Where a thread is in
//! [`block_on`], that thread waits in it, and runs the tasks of this runtime: a call on one connection
//! then switches no threads. Where none is, async-io watches the epoll instance as one more descriptor,
//! and async-std's pool runs the tasks. `Nested` moves between the two, and no task is lost in between.

// From the ground up: a module uses only those above it.

// The reactor.
mod source;
mod sources;
mod timers;

mod reactor;

// What runs on it.
mod root;
mod task;

mod queue;

// When nothing drives it: async-io, and a thread that finds that out.
mod fallback;
mod outer;

// All of these together, once in a process.
mod driving;
mod global;

// What the runtime is made of.
mod block_on;
mod spawn;
mod timer;
mod watched;

pub use block_on::block_on;
pub(crate) use spawn::{spawn, spawn_driver};
pub(crate) use timer::timer;
pub(crate) use watched::Watched;
