//! The simulated network.

mod attempt;
mod conn;
mod connect;
mod fate;
mod handle;
mod hosts;
mod kill;
mod listener;
mod path;
mod state;
mod stream;
mod udp;
mod udp_socket;

pub(crate) use conn::SERVER;
pub(crate) use connect::Connect;
pub use fate::{Family, Fate};
pub use handle::Net;
pub(crate) use hosts::lookup;
pub use listener::Listener;
pub(crate) use state::NetState;
pub(crate) use stream::SimStream;
pub(crate) use udp_socket::SimUdp;
pub use udp_socket::UdpListener;
