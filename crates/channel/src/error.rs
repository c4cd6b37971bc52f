//! Why a channel cannot be built.

use std::error::Error;
use std::fmt;

/// Why a channel cannot be built: which part of what was asked for, and what to do about it.
#[derive(Debug)]
pub struct BuildError {
    kind: BuildErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Which part of what was asked for is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// The target cannot be parsed, or does not fit its scheme.
    Target,
    /// No resolver is registered for the target's scheme.
    Scheme,
    /// The authority cannot be sent over HTTP/2.
    Authority,
    /// The user agent cannot be sent in a header.
    UserAgent,
    /// The default service config is invalid.
    ServiceConfig,
    /// Neither `.plaintext()` nor `.tls(..)` was chosen.
    Security,
    /// There is no runtime: none was given, and none is compiled in.
    Runtime,
}

impl BuildError {
    pub(crate) fn new(kind: BuildErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Which part of what was asked for is wrong.
    #[must_use]
    pub fn kind(&self) -> BuildErrorKind {
        self.kind
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
