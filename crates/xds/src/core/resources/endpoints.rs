//! The endpoints of a cluster.

// From the ground up: a module uses only those above it.

mod values;
mod weights;

// One endpoint, and the list of those of a locality.
mod reader;

mod build;

mod locality;

mod decode;

pub use self::values::{ClusterEndpoints, DropCategory, LocalityEndpoints};
