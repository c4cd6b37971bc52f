//! Clusters.

// From the ground up: a module uses only those above it.

mod values;

// The parts of the message.
mod kind;
mod labels;
mod limits;
mod outliers;
mod policy;

mod decode;

pub use self::values::{Cluster, ClusterKind, LoadReporting};
