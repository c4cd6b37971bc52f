//! Why a name has no endpoints.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a name has no endpoints: names the name, who was asked, and what they said.
#[derive(Clone, Debug)]
pub struct ResolveError {
    kind: ResolveErrorKind,
    message: Arc<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What sort of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResolveErrorKind {
    /// The name does not exist, says who must know (NXDOMAIN).
    NotFound,
    /// The name exists and has no addresses, says who must know.
    NoData,
    /// Nobody who knows could be asked; this may heal.
    Unavailable,
    /// It took too long.
    Deadline,
    /// The name can never be resolved.
    InvalidName,
}

impl ResolveError {
    /// An error with this text.
    pub fn new(kind: ResolveErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// With the error that it comes from, which can be had again by downcasting
    /// [`source`](Error::source).
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> ResolveErrorKind {
        self.kind
    }

    /// Whether it is certain that the name has no addresses (now).
    #[must_use]
    pub fn is_authoritative(&self) -> bool {
        matches!(
            self.kind,
            ResolveErrorKind::NotFound | ResolveErrorKind::NoData
        )
    }
}

impl PartialEq for ResolveError {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.message == other.message
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ResolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
