//! Sockets, made from plain-data options: the part that the runtimes of this crate share. Each of
//! them registers the std socket that it gets from here with its own reactor.
//!
//! A custom runtime makes its own sockets: it implements `connect_tcp`, `connect_unix` and
//! `connect_udp` of the trait [`Runtime`](crate::Runtime), in `runtime.rs`.

// From the ground up: a module uses only those in the groups above it.
mod create;
mod error;
mod interface;
mod system;

mod tcp;
mod udp;
#[cfg(unix)]
mod unix;

pub(crate) use interface::interface_index;
pub(crate) use system::{fill_entropy, lookup};
pub(crate) use tcp::{finish_tcp, reset_on_close, start_tcp};
pub(crate) use udp::{connect_udp, receive, source_address};
#[cfg(unix)]
pub(crate) use unix::{finish_unix, start_unix};
