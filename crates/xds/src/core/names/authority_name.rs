//! Names of authorities.

use std::fmt;
use std::sync::Arc;

/// The part of the resources that one ordered list of servers has.
///
/// Prints as the name, `#old` for [`Old`](Self::Old), as in the label `grpc.xds.authority`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthorityName {
    /// That of names which are no `xdstp:` URI; its servers are the top level's.
    Old,
    /// A key of `authorities` in the bootstrap; empty for `xdstp:` names without an authority.
    Named(Arc<str>),
}

impl fmt::Display for AuthorityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Old => f.write_str("#old"),
            Self::Named(name) => f.write_str(name),
        }
    }
}
