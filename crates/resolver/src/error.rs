//! Why a name has no endpoints.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Why a name has no endpoints.
///
/// The text names the name, the servers that were asked, and what each of them did. Each fact that
/// a program may need is also available as a value: the kind, the name, the server, the source.
///
/// Two errors are equal when kind and text are.
///
/// # Examples
///
/// ```
/// use trunkline_resolver::{ResolveError, ResolveErrorKind};
///
/// let error = ResolveError::new(
///     ResolveErrorKind::Unavailable,
///     "the directory has no answer for orders: 192.0.2.1:389 did not answer in time",
/// )
/// .with_summary("the directory has no answer for orders")
/// .with_name("orders")
/// .with_server("192.0.2.1:389".parse()?);
/// assert!(!error.is_authoritative());
/// assert_eq!(error.name(), Some("orders"));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ResolveError(Arc<Facts>);

#[derive(Clone, Debug)]
struct Facts {
    kind: ResolveErrorKind,
    /// The whole text.
    message: Arc<str>,
    /// The text without the attempts; `None` where it is the whole text.
    summary: Option<Arc<str>>,
    name: Option<Arc<str>>,
    server: Option<SocketAddr>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kind of a [`ResolveError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResolveErrorKind {
    /// The name does not exist; the answer is authoritative (NXDOMAIN).
    NotFound,
    /// The name exists and has no addresses; the answer is authoritative.
    NoData,
    /// No server gave a definite answer. A later attempt may succeed.
    Unavailable,
    /// The resolution took too long.
    Deadline,
    /// The name can never be resolved.
    InvalidName,
}

impl ResolveError {
    /// Returns an error with this text, which callers of the channel read.
    pub fn new(kind: ResolveErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Facts {
            kind,
            message: message.into(),
            summary: None,
            name: None,
            server: None,
            source: None,
        }))
    }

    /// Sets the error that caused this one; [`source`](Error::source) returns it, for downcasting.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.facts().source = Some(Arc::new(source));
        self
    }

    /// Sets the text without the attempts, see [`summary`](Self::summary).
    #[must_use]
    pub fn with_summary(mut self, summary: impl Into<Arc<str>>) -> Self {
        self.facts().summary = Some(summary.into());
        self
    }

    /// Sets the name that was looked up.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.facts().name = Some(name.into());
        self
    }

    /// Sets the server that decided the failure.
    #[must_use]
    pub fn with_server(mut self, server: SocketAddr) -> Self {
        self.facts().server = Some(server);
        self
    }

    /// Returns the kind of failure.
    #[must_use]
    pub fn kind(&self) -> ResolveErrorKind {
        self.0.kind
    }

    /// Returns the text without the attempts: shorter than the whole text, for a program that
    /// prints the attempts of the [`source`](Error::source) itself. The whole text where no summary
    /// was set.
    #[must_use]
    pub fn summary(&self) -> &str {
        self.0.summary.as_deref().unwrap_or(&self.0.message)
    }

    /// Returns the name that was looked up, as it was asked for; `None` where the failure concerns
    /// no name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns the server that decided the failure: the one that gave the authoritative answer, or
    /// the last one that failed. `None` where no server was asked.
    #[must_use]
    pub fn server(&self) -> Option<SocketAddr> {
        self.0.server
    }

    /// Returns whether it is certain that the name has no addresses at present: true for
    /// [`NotFound`](ResolveErrorKind::NotFound) and [`NoData`](ResolveErrorKind::NoData).
    #[must_use]
    pub fn is_authoritative(&self) -> bool {
        matches!(
            self.0.kind,
            ResolveErrorKind::NotFound | ResolveErrorKind::NoData
        )
    }

    /// Returns the facts for a change; copies them first where a clone of this error shares them.
    fn facts(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.0)
    }
}

impl PartialEq for ResolveError {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind == other.0.kind && self.0.message == other.0.message
    }
}

impl Eq for ResolveError {}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for ResolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
