//! The configuration of `priority`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use trunkline_service_config::json::{Object, boolean, list, object, optional, required, string};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyParsers};

/// The configuration of [`Priority`](crate::Priority): its children, in the order of their priority.
///
/// In a service config:
///
/// ```json
/// {
///   "children": {
///     "primary": { "config": [{ "round_robin": {} }] },
///     "reserve": { "config": [{ "round_robin": {} }], "ignoreReresolutionRequests": true }
///   },
///   "priorities": ["primary", "reserve"]
/// }
/// ```
///
/// Each child is named once in `priorities`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PriorityConfig {
    /// The children, the one to prefer first. None by default: then all calls fail.
    pub children: Vec<PriorityChild>,
}

/// One child of a [`PriorityConfig`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PriorityChild {
    /// The name, which the endpoints of the child have in their paths
    /// ([`HierarchyPath`](crate::HierarchyPath)).
    pub name: Arc<str>,
    /// The policy of the child.
    pub child_policy: PolicyChoice,
    /// Whether the requests of the child for re-resolution have no effect. False by default.
    pub ignore_reresolution_requests: bool,
}

impl PriorityConfig {
    /// Adds a child, with a lower priority than those before it.
    #[must_use]
    pub fn with_child(mut self, child: PriorityChild) -> Self {
        self.children.push(child);
        self
    }

    /// Reads the JSON of a service config.
    pub(super) fn parse(config: &Value, policies: &dyn PolicyParsers) -> Result<Self, ConfigError> {
        if config.is_null() {
            return Ok(Self::default());
        }
        let config = object(config)?;
        let mut named = optional(config, "children", |children| {
            let children = object(children)?.iter();
            let children = children.map(|(name, child)| {
                let child = parse_child(name, object(child)?, policies);
                Ok((&**name, child.map_err(|error| error.within(name.as_str()))?))
            });
            children.collect::<Result<BTreeMap<&str, PriorityChild>, ConfigError>>()
        })?
        .unwrap_or_default();
        let children = optional(config, "priorities", |names| {
            list(names, |name| {
                let name = string(name)?;
                named.remove(name).ok_or_else(|| {
                    ConfigError::new(format!(
                        "{name:?} is no child of `children`, or comes twice in this list"
                    ))
                })
            })
        })?
        .unwrap_or_default();
        if let Some(name) = named.keys().next() {
            let error = ConfigError::new("this child is missing in the list `priorities`");
            return Err(error.within(*name).within("children"));
        }
        Ok(Self { children })
    }
}

impl PriorityChild {
    /// Creates a child whose requests for re-resolution have their effect.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, child_policy: PolicyChoice) -> Self {
        Self {
            name: name.into(),
            child_policy,
            ignore_reresolution_requests: false,
        }
    }

    /// Sets whether the requests of the child for re-resolution have no effect. Default: false.
    #[must_use]
    pub fn with_ignore_reresolution_requests(mut self, ignore: bool) -> Self {
        self.ignore_reresolution_requests = ignore;
        self
    }
}

fn parse_child(
    name: &str,
    child: &Object,
    policies: &dyn PolicyParsers,
) -> Result<PriorityChild, ConfigError> {
    let choice = required(child, "config", |list| PolicyChoice::parse(list, policies))?;
    let ignore = optional(child, "ignoreReresolutionRequests", boolean)?;
    let child = PriorityChild::new(name, choice);
    Ok(child.with_ignore_reresolution_requests(ignore.unwrap_or_default()))
}
