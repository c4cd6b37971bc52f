#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod options;
mod peer;
mod runtime;
mod stream;
mod timer;
mod udp;

pub use crate::options::{TcpOptions, UdpOptions};
pub use crate::peer::{PeerAddr, UnixAddr};
pub use crate::runtime::{BoxFuture, Runtime};
pub use crate::stream::Stream;
pub use crate::timer::{Sleep, Timer};
pub use crate::udp::{Received, UdpSocket};
