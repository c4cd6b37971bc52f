//! What a stub resolver must do to be trusted: the client in virtual time against scripted servers,
//! a file for each standard or topic.

mod answers;
mod cache;
mod configuration;
mod costly;
mod flights;
mod loopback;
mod message;
mod names;
mod resolv_conf;
mod rfc5452;
mod rfc5452_core;
mod rfc6891;
mod rfc7766;
mod rfc7766_core;
mod rfc7873;
mod rfc9267;
mod servers;
mod sim;
mod support;
