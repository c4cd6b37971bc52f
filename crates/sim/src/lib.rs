#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod backend;
pub mod dns;
mod executor;
mod net;
mod runtime;
mod sim;
mod stuck;
mod timer;
mod trace;
mod world;

pub use crate::backend::{Backend, Opening, Reply};
pub use crate::net::{Family, Fate, Listener, Net, UdpListener};
pub use crate::sim::Sim;
pub use crate::stuck::{Stuck, StuckKind};
pub use crate::trace::Traced;
