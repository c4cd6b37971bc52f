//! Why a resource cannot be used, or may be out of date.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trunkline_status::Code;

/// Why a resource is not there, or may be out of date.
///
/// `Display` prints the reason as it follows the resource in the error of a call: `does not exist:
/// deleted by the server`.
///
/// Source: [gRFC A88](https://github.com/grpc/proposal/blob/master/A88-xds-data-error-handling.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceError {
    /// What happened.
    pub kind: ResourceErrorKind,
}

/// What happened to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceErrorKind {
    /// The server deleted it: a response with the whole state does not have it.
    Deleted,
    /// The server did not send it within this time.
    NotSent(Duration),
    /// As [`NotSent`](Self::NotSent), from a server whose silence is no proof that the resource does
    /// not exist (`resource_timer_is_transient_error`).
    TimedOut(Duration),
    /// The server sent it, and it is invalid. The text has a line for each fault.
    Invalid(Arc<str>),
    /// The server sent an error in its place (xRFC TP3).
    Received {
        /// The code of the error.
        code: Code,
        /// The server's text.
        message: Arc<str>,
    },
    /// No server could be asked. The text names each server, and why.
    Unreachable(Arc<str>),
    /// Its name is no name of such a resource: the text has the name and the reason.
    InvalidName(Arc<str>),
}

impl ResourceError {
    /// Returns whether the error is about the resource itself, and not about the way to it: the
    /// resource was deleted, is invalid, or the server answered NOT_FOUND or PERMISSION_DENIED.
    ///
    /// Only such an error can take away a resource that is in use, and only where the server has the
    /// feature `fail_on_data_errors`.
    #[must_use]
    pub fn is_data_error(&self) -> bool {
        match &self.kind {
            ResourceErrorKind::Deleted
            | ResourceErrorKind::NotSent(_)
            | ResourceErrorKind::Invalid(_)
            | ResourceErrorKind::InvalidName(_) => true,
            ResourceErrorKind::Received { code, .. } => {
                matches!(code, Code::NotFound | Code::PermissionDenied)
            }
            ResourceErrorKind::TimedOut(_) | ResourceErrorKind::Unreachable(_) => false,
        }
    }
}

impl From<ResourceErrorKind> for ResourceError {
    fn from(kind: ResourceErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ResourceErrorKind::Deleted => f.write_str("does not exist: deleted by the server"),
            ResourceErrorKind::NotSent(time) | ResourceErrorKind::TimedOut(time) => {
                write!(f, "was not sent within {} s", time.as_secs_f64())
            }
            ResourceErrorKind::Invalid(faults) => {
                let first = faults.lines().next().unwrap_or_default();
                write!(f, "is invalid: {first}")
            }
            ResourceErrorKind::Received { code, message } => {
                write!(f, "was refused by the server: {code}: {message}")
            }
            ResourceErrorKind::Unreachable(why) => write!(f, "cannot be had: {why}"),
            ResourceErrorKind::InvalidName(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ResourceError {}
