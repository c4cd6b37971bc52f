//! The trait of call credentials, and how one call gets its own.

use std::fmt::Debug;
use std::sync::Arc;

use http::HeaderMap;
use trunkline_connector::SecurityLevel;
use trunkline_runtime::BoxFuture;
use trunkline_status::Status;

use super::request::CredentialsRequest;

/// Returns metadata that proves to a server for whom a call is made, such as a token.
///
/// A channel has credentials for all its calls, and a call can have its own
/// ([`WithCallCredentials`]): both are sent. They are asked once for each attempt, when it is known
/// on which connection it is sent. [`BearerToken`](crate::BearerToken) implements the trait for
/// tokens; implement it for anything else:
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use trunkline_channel::{CallCredentials, CredentialsRequest};
/// use trunkline_runtime::BoxFuture;
/// use trunkline_status::Status;
///
/// #[derive(Debug)]
/// struct Tenant(HeaderValue);
///
/// impl CallCredentials for Tenant {
///     fn metadata(&self, _: &CredentialsRequest) -> BoxFuture<Result<HeaderMap, Status>> {
///         let metadata = HeaderMap::from_iter([("x-tenant".parse().unwrap(), self.0.clone())]);
///         Box::pin(std::future::ready(Ok(metadata)))
///     }
/// }
/// ```
pub trait CallCredentials: Debug + Send + Sync {
    /// Returns the metadata for one attempt of a call. It is added to that of the application.
    ///
    /// The deadline of the call bounds the wait, and dropping the future ends it. Names that begin
    /// with `grpc-`, and those that the protocol itself uses, are not allowed: the call fails with
    /// `INTERNAL`. Mark secret values with [`HeaderValue::set_sensitive`](http::HeaderValue::set_sensitive),
    /// so that they stay out of compression tables and of `Debug` output.
    ///
    /// # Errors
    ///
    /// The status with which the call fails: `UNAVAILABLE` if there may be metadata later,
    /// `UNAUTHENTICATED` if not. A code that only a server may use becomes `INTERNAL`.
    ///
    /// Source: [gRFC A54](https://github.com/grpc/proposal/blob/master/A54-restrict-control-plane-status-codes.md).
    fn metadata(&self, request: &CredentialsRequest) -> BoxFuture<Result<HeaderMap, Status>>;

    /// Returns the least protection of a connection over which the metadata may be sent. Over any
    /// other, the call fails with `UNAUTHENTICATED`, and [`metadata`](Self::metadata) is not asked.
    /// Default: [`PrivacyAndIntegrity`](SecurityLevel::PrivacyAndIntegrity), as TLS has it.
    fn min_security(&self) -> SecurityLevel {
        SecurityLevel::PrivacyAndIntegrity
    }
}

/// Credentials of one call, in the extensions of its request (tonic: `request.extensions_mut()`).
/// They are sent in addition to those of the channel.
///
/// ```
/// use trunkline_channel::{BearerToken, WithCallCredentials};
///
/// let mut request = http::Request::new(());
/// let token = BearerToken::new("eyJhbGciOi");
/// request.extensions_mut().insert(WithCallCredentials::new(token));
/// ```
#[derive(Clone, Debug)]
pub struct WithCallCredentials(pub Arc<dyn CallCredentials>);

impl WithCallCredentials {
    /// Returns the extension with these credentials.
    #[must_use]
    pub fn new(credentials: impl CallCredentials + 'static) -> Self {
        Self(Arc::new(credentials))
    }
}
