#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those above it.

// The types in the trait's signatures.
mod identity;
mod options;
mod peer;
mod stream;
mod timer;
mod udp;

// The trait.
mod runtime;

// For the I/O shells of other crates, over any runtime.
mod alarm;
mod lock;

// The kernel's timers.
#[cfg(all(
    target_os = "linux",
    any(feature = "async-std", feature = "smol", feature = "tokio")
))]
mod far_timer;

// The sockets of all runtimes below, before they are registered with a reactor.
#[cfg(any(feature = "async-std", feature = "smol", feature = "tokio"))]
mod socket;

// async-io, which async-std and smol share.
#[cfg(any(feature = "async-std", feature = "smol"))]
mod reactor;

// Our own reactor in async-io's, and `block_on`.
#[cfg(all(target_os = "linux", feature = "async-std"))]
mod nested;

// The runtimes, one for each feature.
#[cfg(feature = "async-std")]
mod async_std;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "tokio")]
mod tokio;

// Chooses one of them.
mod default;
mod into_runtime;

pub use crate::alarm::Alarm;
#[cfg(feature = "async-std")]
pub use crate::async_std::AsyncStd;
pub use crate::default::default_runtime;
pub use crate::identity::RuntimeId;
pub use crate::into_runtime::IntoRuntime;
pub use crate::lock::Lock;
#[cfg(all(target_os = "linux", feature = "async-std"))]
pub use crate::nested::block_on;
pub use crate::options::{TcpOptions, UdpOptions};
pub use crate::peer::{PeerAddr, UnixAddr};
pub use crate::runtime::{BoxFuture, Runtime};
#[cfg(feature = "smol")]
pub use crate::smol::Smol;
pub use crate::stream::Stream;
pub use crate::timer::{Sleep, Timer};
#[cfg(feature = "tokio")]
pub use crate::tokio::Tokio;
pub use crate::udp::{Received, UdpSocket};
#[cfg(all(not(target_os = "linux"), feature = "async-std"))]
pub use ::async_std::task::block_on;
