//! Connections through proxies, over a simulated network.

// What the tests share.
mod world;

mod choice;
mod http_connect;
mod no_proxy;
mod servers;
mod socks;
