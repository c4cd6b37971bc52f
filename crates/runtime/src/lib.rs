#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod options;
mod peer;
mod runtime;
mod stream;
mod timer;
mod udp;

mod default;
#[cfg(any(feature = "async-std", feature = "smol"))]
mod reactor;
#[cfg(any(feature = "async-std", feature = "smol", feature = "tokio"))]
mod socket;

#[cfg(feature = "async-std")]
mod async_std;
#[cfg(feature = "smol")]
mod smol;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "async-std")]
pub use crate::async_std::AsyncStd;
pub use crate::default::default_runtime;
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
