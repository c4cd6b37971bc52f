//! The choice of a call's route and cluster.

// From the ground up: a module uses only those above it.

mod fault_injection;
mod request_hash;

mod options;

mod action;

mod explanation;
mod route_selector;

pub use self::explanation::{ClusterShare, Explanation, RouteExplanation, RouteVerdict, explain};
pub use self::fault_injection::ActiveFaults;
pub use self::options::SelectorOptions;
pub use self::route_selector::RouteSelector;
