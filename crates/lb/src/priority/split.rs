//! The parts of an update, one for each child.

use std::any::Any;
use std::collections::BTreeMap;

use trunkline_endpoint::{Endpoint, PriorityGroup};
use trunkline_status::Status;

use super::config::{PriorityChild, PriorityConfig};
use super::groups::PriorityGroupsConfig;
use crate::children::endpoints_by_child;
use crate::errors::zero_addresses;
use crate::policy::Update;

/// What an update means for one child.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) child: PriorityChild,
    /// The child's part of the list. Its configuration is not used: that of `child` is.
    pub(super) update: Update,
}

/// What an update means for all children.
#[derive(Debug)]
pub(super) struct Split {
    /// The child to prefer first.
    pub(super) parts: Vec<Part>,
    /// The error of calls if there are no parts.
    pub(super) if_empty: Status,
    /// Whether an update without parts is refused.
    pub(super) refuses_empty: bool,
}

impl Split {
    /// Splits an update with one of the two configurations.
    pub(super) fn new(update: &Update) -> Result<Self, Status> {
        let config: &dyn Any = &*update.config;
        if let Some(config) = config.downcast_ref::<PriorityConfig>() {
            Ok(Self::by_name(config, update))
        } else if let Some(config) = config.downcast_ref::<PriorityGroupsConfig>() {
            Ok(Self::by_group(config, update))
        } else {
            Err(Status::internal(
                "the configuration is not that of priority_experimental or priority_groups",
            ))
        }
    }

    /// Splits by the names in the endpoints' paths.
    fn by_name(config: &PriorityConfig, update: &Update) -> Self {
        let mut by_child = endpoints_by_child(&update.endpoints);
        let parts = config.children.iter().map(|child| {
            let endpoints = by_child.remove(&child.name).unwrap_or_default();
            Part::new(child.clone(), endpoints, update)
        });
        Self {
            parts: parts.collect(),
            if_empty: Status::unavailable("priority policy has empty priority list"),
            refuses_empty: false,
        }
    }

    /// Splits by the endpoints' groups.
    fn by_group(config: &PriorityGroupsConfig, update: &Update) -> Self {
        let mut groups: BTreeMap<u32, Vec<Endpoint>> = BTreeMap::new();
        for endpoint in &*update.endpoints {
            let number = endpoint.attributes().get::<PriorityGroup>().copied();
            let group = groups.entry(number.unwrap_or_default()).or_default();
            group.push(endpoint.clone());
        }
        let parts = groups.into_iter().map(|(number, endpoints)| {
            let child = PriorityChild::new(number.to_string(), config.child_policy.clone());
            Part::new(child, endpoints, update)
        });
        Self {
            parts: parts.collect(),
            if_empty: zero_addresses(&update.resolution_note),
            refuses_empty: true,
        }
    }
}

impl Part {
    fn new(child: PriorityChild, endpoints: Vec<Endpoint>, whole: &Update) -> Self {
        let mut update = whole.clone();
        update.endpoints = endpoints.into();
        Self { child, update }
    }
}
