//! Conversion of the DNS client's errors into those of a resolver.

use std::net::SocketAddr;

use trunkline_dns::{LookupError, LookupErrorKind, ServerOutcome};

use crate::{ResolveError, ResolveErrorKind};

/// Returns the same error as a resolver's, with the original as its source.
pub(super) fn from_lookup(error: LookupError) -> ResolveError {
    convert(kind(error.kind()), error, |text| text.to_owned())
}

/// Returns an error of this kind with the original as its source. `wrap` makes its text of the
/// original's text, and its summary of the original's summary.
pub(super) fn convert(
    kind: ResolveErrorKind,
    error: LookupError,
    wrap: impl Fn(&str) -> String,
) -> ResolveError {
    let mut converted = ResolveError::new(kind, wrap(&error.to_string()))
        .with_summary(wrap(&error.summary()))
        .with_name(error.name());
    if let Some(server) = deciding_server(&error) {
        converted = converted.with_server(server);
    }
    converted.with_source(error)
}

/// Returns the kind of a resolver's error for the kind of a lookup's.
pub(super) fn kind(kind: LookupErrorKind) -> ResolveErrorKind {
    match kind {
        LookupErrorKind::NotFound => ResolveErrorKind::NotFound,
        LookupErrorKind::NoData => ResolveErrorKind::NoData,
        LookupErrorKind::Deadline => ResolveErrorKind::Deadline,
        LookupErrorKind::InvalidName => ResolveErrorKind::InvalidName,
        // `Unavailable`, and kinds that a later version of the client adds: those may be temporary.
        _ => ResolveErrorKind::Unavailable,
    }
}

/// Returns the server of the last attempt that ended before the lookup did, else that of the last
/// attempt.
fn deciding_server(error: &LookupError) -> Option<SocketAddr> {
    let attempts = error.attempts();
    attempts
        .iter()
        .rfind(|attempt| attempt.outcome != ServerOutcome::Abandoned)
        .or_else(|| attempts.last())
        .map(|attempt| attempt.server)
}
