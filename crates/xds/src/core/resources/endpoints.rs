//! The endpoints of a cluster.

use std::sync::Arc;

use trunkline_endpoint::Endpoint;

use super::fraction::Fraction;
use super::locality::LocalityName;

/// The endpoints of a cluster, by priority and locality.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterEndpoints {
    /// Their name.
    pub name: Arc<str>,
    /// The localities of each priority, the highest priority first. No priority is empty.
    pub priorities: Vec<Vec<LocalityEndpoints>>,
    /// The calls that are dropped, in the order in which they are drawn.
    pub drops: Vec<DropCategory>,
}

/// The endpoints of one locality.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalityEndpoints {
    /// The locality.
    pub name: Arc<LocalityName>,
    /// Its share of the calls, relative to the other localities of its priority; at least 1.
    pub weight: u32,
    /// The endpoints that can be used, in the control plane's order. Each has a
    /// [`Weight`](trunkline_endpoint::Weight) among all endpoints of its priority, its
    /// [`Locality`](trunkline_endpoint::Locality), and where they are known its
    /// [`HashKey`](trunkline_lb::HashKey) and host name.
    pub endpoints: Arc<[Endpoint]>,
    /// How many endpoints the control plane sent, those that cannot be used included.
    pub all: usize,
}

/// A share of calls that is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropCategory {
    /// The name of the category.
    pub category: Arc<str>,
    /// Its share of the calls.
    pub share: Fraction,
}
