//! Why a connection cannot be used for an authority.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The reason why a call with an authority of its own cannot be sent on a connection.
///
/// ```
/// use trunkline_connector::{AuthorityError, AuthorityErrorKind};
///
/// let error = AuthorityError::new(AuthorityErrorKind::NotProved, "the mesh has proved another domain");
/// assert_eq!(error.kind(), AuthorityErrorKind::NotProved);
/// assert_eq!(error.to_string(), "the mesh has proved another domain");
/// ```
#[derive(Clone, Debug)]
pub struct AuthorityError {
    kind: AuthorityErrorKind,
    message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kind of an [`AuthorityError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthorityErrorKind {
    /// The server has proved to be other hosts.
    NotProved,
    /// No server can prove to be this host: it is not a name that a certificate can have.
    InvalidName,
    /// The connector cannot check what the server has proved.
    Unchecked,
}

impl AuthorityError {
    /// Creates an error. The message gives the reason, and names what the server has proved.
    #[must_use]
    pub fn new(kind: AuthorityErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the error that this one was made from.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> AuthorityErrorKind {
        self.kind
    }
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for AuthorityError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn Error + 'static))
    }
}
