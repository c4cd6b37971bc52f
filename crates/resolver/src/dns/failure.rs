//! From the DNS client's errors to a resolver's.

use trunkline_dns::{LookupError, LookupErrorKind};

use crate::{ResolveError, ResolveErrorKind};

/// The same error; the original is its source.
pub(super) fn from_lookup(error: LookupError) -> ResolveError {
    ResolveError::new(kind(error.kind()), error.to_string()).with_source(error)
}

pub(super) fn kind(kind: LookupErrorKind) -> ResolveErrorKind {
    match kind {
        LookupErrorKind::NotFound => ResolveErrorKind::NotFound,
        LookupErrorKind::NoData => ResolveErrorKind::NoData,
        LookupErrorKind::Deadline => ResolveErrorKind::Deadline,
        LookupErrorKind::InvalidName => ResolveErrorKind::InvalidName,
        // What a later version of the client adds may heal for all that is known here.
        _ => ResolveErrorKind::Unavailable,
    }
}
