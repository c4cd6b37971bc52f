//! What is known of watched resources and names.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use trunkline_endpoint::Endpoint;

use super::output::DependencyOutput;
use crate::core::resource_error::ResourceError;
use crate::core::resource_type::ResourceType;

/// A watched resource.
#[derive(Debug)]
pub(super) struct Watched<T> {
    /// Its value or error; `None` before the first one.
    pub(super) current: Option<Result<Arc<T>, ResourceError>>,
    /// Why the value may be out of date.
    pub(super) ambient: Option<ResourceError>,
}

impl<T> Default for Watched<T> {
    fn default() -> Self {
        Self {
            current: None,
            ambient: None,
        }
    }
}

impl<T> Watched<T> {
    /// Handles a new value or error, which replaces everything before it.
    pub(super) fn change(&mut self, current: Result<Arc<T>, ResourceError>) {
        self.current = Some(current);
        self.ambient = None;
    }
}

/// The watched resources of one type, by name.
#[derive(Debug)]
pub(super) struct Watches<T> {
    kind: ResourceType,
    by_name: BTreeMap<Arc<str>, Watched<T>>,
}

impl<T> Watches<T> {
    pub(super) fn new(kind: ResourceType) -> Self {
        Self {
            kind,
            by_name: BTreeMap::new(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Watched<T>> {
        self.by_name.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Watched<T>> {
        self.by_name.get_mut(name)
    }

    /// Returns the value or error of a resource; `None` before the first one.
    pub(super) fn current(&self, name: &str) -> Option<&Result<Arc<T>, ResourceError>> {
        self.get(name)?.current.as_ref()
    }

    /// Watches what is needed and not watched so far.
    pub(super) fn watch<'a>(
        &mut self,
        needed: impl IntoIterator<Item = &'a Arc<str>>,
        outputs: &mut VecDeque<DependencyOutput>,
    ) {
        for name in needed {
            if !self.by_name.contains_key(name) {
                self.by_name.insert(Arc::clone(name), Watched::default());
                outputs.push_back(DependencyOutput::Watch(self.kind, Arc::clone(name)));
            }
        }
    }

    /// Ends the watches of what is not needed.
    pub(super) fn retain(
        &mut self,
        is_needed: impl Fn(&Arc<str>) -> bool,
        outputs: &mut VecDeque<DependencyOutput>,
    ) {
        let kind = self.kind;
        self.by_name.retain(|name, _| {
            let keeps = is_needed(name);
            if !keeps {
                outputs.push_back(DependencyOutput::Unwatch(kind, Arc::clone(name)));
            }
            keeps
        });
    }
}

/// A name that is resolved.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// Its addresses, as one endpoint. They stay when a later resolution fails.
    pub(super) endpoint: Option<Arc<Endpoint>>,
    /// Why the last resolution failed.
    pub(super) error: Option<Arc<str>>,
}

impl Resolved {
    /// Returns whether there is an answer.
    pub(super) fn is_known(&self) -> bool {
        self.endpoint.is_some() || self.error.is_some()
    }
}
