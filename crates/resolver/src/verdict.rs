//! The channel's answer to a resolution.

use std::error::Error;
use std::fmt;

use crate::ResolveError;

/// Whether the channel can use a resolution.
///
/// What a rejection does to calls depends on its [kind](RejectionKind), and on whether the channel
/// has accepted a resolution since it left idleness. It never fails a call that has been sent.
///
/// | kind | the channel has accepted a resolution | it has not |
/// |---|---|---|
/// | [`Failed`](RejectionKind::Failed), not [authoritative] | calls use its endpoints as before | calls fail |
/// | `Failed`, authoritative | calls use its connections until they are lost; none is made again, and then calls fail | calls fail |
/// | [`ServiceConfigKept`](RejectionKind::ServiceConfigKept) | calls use the new endpoints and the earlier service config | not possible |
/// | [`ServiceConfigMissing`](RejectionKind::ServiceConfigMissing) | not possible | calls fail |
/// | [`Endpoints`](RejectionKind::Endpoints) | the connections are closed, and calls fail | calls fail |
///
/// "Calls fail" means: with UNAVAILABLE and the reason in the text of the rejection, until the
/// channel accepts a resolution. A call that is wait-for-ready waits for that, up to its deadline.
///
/// [authoritative]: ResolveError::is_authoritative
///
/// Source: [gRPC's naming document](https://github.com/grpc/grpc/blob/master/doc/naming.md), gRFC A21
/// (the service config), gRFC A62 (an empty list). That connections survive an authoritative error
/// is our addition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The channel uses it.
    Accepted,
    /// The channel cannot use it, or cannot use a part of it: resolve again, with back-off.
    Rejected(Rejection),
}

impl Verdict {
    /// Returns whether the channel uses the whole resolution.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        *self == Self::Accepted
    }

    /// Returns why the channel cannot use the resolution; `None` if it uses the whole.
    #[must_use]
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Accepted => None,
            Self::Rejected(rejection) => Some(rejection),
        }
    }
}

/// Why a channel cannot use a resolution. `Display` prints the text that calls fail with.
///
/// # Examples
///
/// ```
/// use trunkline_resolver::{Rejection, RejectionKind, ResolveError, ResolveErrorKind, Verdict};
///
/// let error = ResolveError::new(ResolveErrorKind::Unavailable, "the fleet is at sea");
/// let verdict = Verdict::Rejected(Rejection::new(RejectionKind::Failed, error));
/// let rejection = verdict.rejection().expect("a rejection");
/// assert_eq!(rejection.kind(), RejectionKind::Failed);
/// assert_eq!(rejection.to_string(), "the fleet is at sea");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    kind: RejectionKind,
    error: ResolveError,
}

/// The part of a resolution that a channel cannot use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The resolution is an error: there is nothing to use.
    Failed,
    /// The service config is invalid. The channel uses the endpoints, with the service config that
    /// it had before.
    ServiceConfigKept,
    /// The service config is invalid, and no earlier resolution had a valid one. The channel does
    /// not use the endpoints.
    ServiceConfigMissing,
    /// The load-balancing policy cannot use the endpoints, for example because there are none.
    Endpoints,
}

impl Rejection {
    /// Returns a rejection of this part of a resolution, because of this error.
    #[must_use]
    pub fn new(kind: RejectionKind, error: ResolveError) -> Self {
        Self { kind, error }
    }

    /// Returns the part that cannot be used.
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// Returns the error. For [`Failed`](RejectionKind::Failed) it is that of the resolution.
    #[must_use]
    pub fn error(&self) -> &ResolveError {
        &self.error
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}
