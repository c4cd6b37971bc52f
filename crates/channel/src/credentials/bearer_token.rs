//! Bearer tokens.

use std::fmt;
use std::future::{Future, ready};
use std::path::PathBuf;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use trunkline_connector::SecurityLevel;
use trunkline_runtime::BoxFuture;
use trunkline_status::{Code, Status};

use super::call_credentials::CallCredentials;
use super::request::CredentialsRequest;
use super::token_file::{self, TokenFile};

/// A token that is sent with each call as `authorization: Bearer <token>`.
///
/// It is sent over connections that encrypt only, unless [`allow_plaintext`](Self::allow_plaintext)
/// was called. `Debug` does not print it, and no error text has it.
///
/// ```
/// use trunkline_channel::{BearerToken, Channel};
///
/// # let sim = trunkline_sim::Sim::new(1);
/// let token = BearerToken::from_file("/var/run/secrets/tokens/orders");
/// let channel = Channel::builder("dns:///orders.prod.svc")
///     .call_credentials(token.allow_plaintext()) // a mesh encrypts, this channel does not
///     .plaintext()
/// #   .runtime(sim.runtime())
///     .build()?;
/// # Ok::<_, trunkline_channel::BuildError>(())
/// ```
///
/// Source: [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750).
#[must_use]
pub struct BearerToken {
    source: Source,
    min_security: SecurityLevel,
}

type TokenFn = dyn Fn(CredentialsRequest) -> BoxFuture<Result<String, Status>> + Send + Sync;

enum Source {
    Fixed(Result<HeaderValue, Status>),
    File(TokenFile),
    Function(Box<TokenFn>),
}

impl BearerToken {
    fn from_source(source: Source) -> Self {
        Self {
            source,
            min_security: SecurityLevel::PrivacyAndIntegrity,
        }
    }

    /// Returns credentials with a token that never changes. With an empty token, or one that has a
    /// character that no token has, each call fails with `UNAUTHENTICATED`.
    pub fn new(token: impl AsRef<str>) -> Self {
        Self::from_source(Source::Fixed(header(token.as_ref())))
    }

    /// Returns credentials with the token in a file, without the white space around it.
    ///
    /// The file is read again at most once a second, by calls: a replaced file counts from the next
    /// call after a second. While it cannot be read, or has no valid token, the last token is used.
    /// If there never was one, calls fail with `UNAVAILABLE` or `UNAUTHENTICATED`, and name the file.
    /// Reading blocks the thread of a call, because a [`Runtime`](trunkline_runtime::Runtime) has no
    /// threads for work that blocks. So the file has to be local, and it has at most 64 KiB: a read takes
    /// microseconds.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self::from_source(Source::File(TokenFile::new(path.into())))
    }

    /// Returns credentials with the tokens of a function, which is called for each attempt of a
    /// call. A token that can be used again is for the function to keep.
    ///
    /// ```
    /// use trunkline_channel::BearerToken;
    ///
    /// let token = BearerToken::from_fn(|request| async move {
    ///     Ok(format!("signed-for-{}", request.service_url()))
    /// });
    /// ```
    pub fn from_fn<F, T>(token: F) -> Self
    where
        F: Fn(CredentialsRequest) -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, Status>> + Send + 'static,
    {
        Self::from_source(Source::Function(Box::new(move |request| {
            Box::pin(token(request))
        })))
    }

    /// Sends the token over connections without encryption, too: whoever sees the traffic can use
    /// it. For Unix sockets, loopback, and networks that encrypt on another layer.
    pub fn allow_plaintext(mut self) -> Self {
        self.min_security = SecurityLevel::None;
        self
    }
}

fn header(token: &str) -> Result<HeaderValue, Status> {
    token_file::header(token.as_bytes()).map_err(|what| {
        let text = format!("the bearer token is not valid: {what}");
        Status::new(Code::Unauthenticated, text)
    })
}

fn metadata(value: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

impl CallCredentials for BearerToken {
    fn metadata(&self, request: &CredentialsRequest) -> BoxFuture<Result<HeaderMap, Status>> {
        match &self.source {
            Source::Fixed(value) => Box::pin(ready(value.clone().map(metadata))),
            Source::File(file) => Box::pin(ready(file.header(request.now()).map(metadata))),
            Source::Function(token) => {
                let token = token(request.clone());
                Box::pin(async move { header(&token.await?).map(metadata) })
            }
        }
    }

    fn min_security(&self) -> SecurityLevel {
        self.min_security
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source: &dyn fmt::Debug = match &self.source {
            Source::Fixed(_) => &"a fixed token",
            Source::File(file) => file,
            Source::Function(_) => &"a function",
        };
        f.debug_struct("BearerToken")
            .field("source", source)
            .field("min_security", &self.min_security)
            .finish()
    }
}
