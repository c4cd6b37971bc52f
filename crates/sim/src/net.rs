//! The simulated network: packets between the code under test and simulated servers.

mod transmit;

mod conn;
mod handshake;
mod udp;

mod connect;
mod freeze;
mod hosts;
mod kill;
mod listener;
mod stream;
mod udp_socket;

mod handle;

pub(crate) use self::connect::Connect;
pub use self::handle::Net;
pub(crate) use self::hosts::lookup;
pub use self::listener::Listener;
pub(crate) use self::stream::SimStream;
pub(crate) use self::udp_socket::SimUdp;
pub use self::udp_socket::UdpListener;
