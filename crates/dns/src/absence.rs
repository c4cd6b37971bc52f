//! What a reply without records shows.

use std::sync::Arc;

use crate::Name;

/// What a reply without records shows about the name beyond that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Absence {
    /// The CNAME chain: the name of the question, then each name that the one before is an alias
    /// of, at least two. It is the last one that has no records, or does not exist. Empty where the
    /// name is no alias.
    pub aliases: Arc<[Name]>,
    /// True when there is an SRV record with the target ".", which declares the service absent
    /// (RFC 2782).
    pub is_declared: bool,
}
