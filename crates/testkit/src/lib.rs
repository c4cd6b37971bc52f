#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those above it.

pub mod certificates;
pub mod closed;
pub mod load;
pub mod proto;
// gRPC servers in processes of their own; uses `proto`.
pub mod backend;
pub mod dns;
// A gRPC server over TLS; uses `proto`.
pub mod tls_server;
