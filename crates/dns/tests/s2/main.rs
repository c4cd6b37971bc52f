//! The behaviours that a stub resolver must have to be trusted, by their numbers in the
//! specification's section 2, each in virtual time against scripted servers.

mod answers;
mod anti_spoofing;
mod cache;
mod config;
mod hostile;
mod loopback;
mod message;
mod names;
mod servers;
mod sim;
mod support;
mod transport;
