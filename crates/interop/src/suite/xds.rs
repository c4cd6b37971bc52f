//! Channels of ours beside those of grpc-go, with one control plane: go-control-plane. It is no part of
//! gRPC's suite.

// From the ground up.
mod process;
mod resources;

mod backend;
mod clients;
mod plane;
mod traffic;

mod counted;
mod link;
mod started;
mod steps;

// The parts.
pub(crate) mod beside;
pub(crate) mod churn;
pub(crate) mod csds;
pub(crate) mod mesh;
pub(crate) mod partition;
pub(crate) mod soak;
