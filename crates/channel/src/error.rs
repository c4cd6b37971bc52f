//! The error of building a channel.

use std::error::Error;
use std::fmt;

/// The error of a channel that cannot be built: which option is wrong, and what to do.
#[derive(Debug)]
pub struct BuildError {
    kind: BuildErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The option that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// The target cannot be parsed, or its scheme's resolver rejects it.
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
    /// The proxy to use is not known: an environment variable has no valid URL.
    Proxy,
    /// The TLS options cannot be used: a file, a certificate, a key or the server's name.
    /// [`source`](Error::source) is the `TlsError`.
    Tls,
    /// The call credentials require a protection that the channel's connections do not have.
    Credentials,
    /// Two options contradict each other.
    Conflict,
    /// There is no runtime: none was set, and no runtime's feature is on.
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

    /// Returns the option that is wrong.
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
