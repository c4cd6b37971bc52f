//! The texts of calls that fail because of a resource.

use std::fmt;
use std::sync::Arc;

use crate::core::resource_error::ResourceError;
use crate::core::resource_type::ResourceType;

/// The most clusters that the error of an aggregate names.
const NAMED: usize = 3;

/// Makes the texts of one client: each ends with its node.
#[derive(Debug)]
pub(super) struct ErrorText {
    /// `xDS node "id"`.
    node: Arc<str>,
}

impl ErrorText {
    pub(super) fn new(node_id: &str) -> Self {
        Self {
            node: format!("xDS node {node_id:?}").into(),
        }
    }

    /// Returns the note of a cluster: what of it may be out of date, and the node.
    pub(super) fn note(&self, ambient: &[String]) -> Arc<str> {
        if ambient.is_empty() {
            return Arc::clone(&self.node);
        }
        self.text(ambient.join("; "))
    }

    /// Returns a text about something else.
    pub(super) fn text(&self, what: impl fmt::Display) -> Arc<str> {
        format!("{what}; {}", self.node).into()
    }

    /// Returns the text about a resource that cannot be used.
    pub(super) fn resource(
        &self,
        kind: ResourceType,
        name: &str,
        error: &ResourceError,
    ) -> Arc<str> {
        self.text(About(kind, name, error))
    }

    /// Returns the text about an aggregate of which no cluster can be used, each with its reason.
    pub(super) fn no_leaf(&self, aggregate: &str, skipped: &[(Arc<str>, String)]) -> Arc<str> {
        let named = skipped.iter().take(NAMED);
        let named: Vec<String> = named.map(|(name, why)| format!("{name:?} {why}")).collect();
        let more = match skipped.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let why = match named.join(", ") {
            none if none.is_empty() => String::new(),
            named => format!(" ({named}{more})"),
        };
        self.text(format_args!(
            "aggregate cluster {aggregate:?} has no usable cluster{why}"
        ))
    }
}

/// A resource and its error, such as `cluster "orders" does not exist: deleted by the server`.
pub(super) struct About<'a>(
    pub(super) ResourceType,
    pub(super) &'a str,
    pub(super) &'a ResourceError,
);

impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(kind, name, error) = self;
        write!(f, "{kind} {name:?} {error}")
    }
}
