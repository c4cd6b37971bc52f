//! The choice of a call's route and cluster.

// From the ground up: a module uses only those above it.

mod request_hash;

mod action;

mod explanation;
mod route_selector;

pub use self::explanation::{ClusterShare, Explanation, RouteExplanation, RouteVerdict, explain};
pub use self::route_selector::{RouteSelector, SelectorOptions};
