//! Which children an endpoint belongs to.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_endpoint::{AttributeKey, Attributes, Endpoint};

/// The way of an endpoint through a tree of policies: the name of a child of the top policy, then
/// the name of a child of that child, and so on. An attribute of endpoints; the type is its own key.
///
/// Each policy with several named children removes the first name, and hands the endpoint to the
/// child with that name ([`endpoints_by_child`]). A policy with one child leaves the path as it is.
///
/// ```
/// use trunkline_endpoint::{Attributes, Endpoint};
/// use trunkline_lb::testing::endpoints;
/// use trunkline_lb::{HierarchyPath, endpoints_by_child};
///
/// let path = HierarchyPath::new(["europe", "zone a"]);
/// let attributes = Attributes::new().with::<HierarchyPath>(path);
/// let list = endpoints("192.0.2.1:443").remove(0).with_attributes(attributes);
/// let by_child = endpoints_by_child(&[list]);
/// let rest = by_child["europe"][0].attributes().get::<HierarchyPath>();
/// assert_eq!(rest, Some(&HierarchyPath::new(["zone a"])));
/// ```
///
/// Source: [gRFC A56](https://github.com/grpc/proposal/blob/master/A56-priority-lb-policy.md),
/// "hierarchical address".
#[derive(Clone, Debug)]
pub struct HierarchyPath {
    /// Shared by the paths of all levels.
    names: Arc<[Arc<str>]>,
    /// How many of `names` were removed.
    removed: usize,
}

impl HierarchyPath {
    /// Creates a path from the names of children, that of the top policy's child first.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            removed: 0,
        }
    }

    /// Returns the names, the first one of the next level.
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        &self.names[self.removed..]
    }

    /// Returns the first name and the path without it; `None` if the path is empty.
    #[must_use]
    pub fn split_first(&self) -> Option<(&Arc<str>, Self)> {
        let first = self.names().first()?;
        let rest = Self {
            names: Arc::clone(&self.names),
            removed: self.removed + 1,
        };
        Some((first, rest))
    }
}

impl PartialEq for HierarchyPath {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl AttributeKey for HierarchyPath {
    type Value = Self;
    const NAME: &'static str = "hierarchy path";
    const IDENTIFIES_CONNECTION: bool = false;
}

/// Groups endpoints by the first name of their [`HierarchyPath`], which is removed from it. The
/// groups keep the order of the list.
///
/// An endpoint without a path, or with an empty one, belongs to no child, and is left out.
#[must_use]
pub fn endpoints_by_child(endpoints: &[Endpoint]) -> BTreeMap<Arc<str>, Vec<Endpoint>> {
    let mut groups: BTreeMap<Arc<str>, Vec<Endpoint>> = BTreeMap::new();
    // The endpoints of a child follow each other mostly, with equal attributes: then they share those
    // that they get.
    let mut last: Option<(&Attributes, &Arc<str>, Attributes)> = None;
    for endpoint in endpoints {
        let before = endpoint.attributes();
        let (name, attributes) = match &last {
            Some((same, name, attributes)) if *same == before => (*name, attributes.clone()),
            _ => {
                let path = before.get::<HierarchyPath>();
                let Some((name, rest)) = path.and_then(HierarchyPath::split_first) else {
                    continue;
                };
                let attributes = if rest.names().is_empty() {
                    before.without::<HierarchyPath>()
                } else {
                    before.with::<HierarchyPath>(rest)
                };
                last = Some((before, name, attributes.clone()));
                (name, attributes)
            }
        };
        let endpoint = endpoint.clone().with_attributes(attributes);
        match groups.get_mut(name) {
            Some(group) => group.push(endpoint),
            None => drop(groups.insert(Arc::clone(name), vec![endpoint])),
        }
    }
    groups
}
