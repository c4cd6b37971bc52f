//! Sockets and timers over async-io, whose reactor async-std and smol share.

// From the ground up: a module uses only those above it.
mod clock;

pub(crate) mod timer;

#[cfg(target_os = "linux")]
pub(crate) mod far_timer;

// What the sockets need of a reactor.
pub(crate) mod watch;

mod stream;

pub(crate) mod connect;
pub(crate) mod udp;

// Makes a `Runtime` of all of these.
mod shell;

pub(crate) use clock::now;
pub(crate) use shell::impl_runtime;
