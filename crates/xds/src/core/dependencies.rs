//! From a target to all resources that its calls need.
//!
//! A [`DependencyManager`] watches the listener of a target, the route configuration that it names, the
//! clusters of the routes, and their endpoints. It publishes an [`XdsConfig`](super::XdsConfig) when all
//! of them have their values or their errors.
//!
//! Source: [gRFC A74](https://github.com/grpc/proposal/blob/master/A74-xds-config-tears.md).

// From the ground up: a module uses only those above it.
mod error_text;
mod output;

// What is known, and what of it is new.
mod changed;
mod watched;

mod known;

// What follows from it.
mod outage;

mod reach;

mod leaves;

mod entries;

mod assembly;

mod manager;

pub use self::manager::DependencyManager;
pub use self::output::{Awaited, DependencyOutput, HostName, RoutingFailure};
