//! Adds the metadata of credentials to a call.

use std::sync::Arc;

use http::header::{CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::{HeaderMap, HeaderName};
use trunkline_connector::SecurityLevel;
use trunkline_runtime::PeerAddr;
use trunkline_status::{Code, Status};

use super::call_credentials::CallCredentials;
use super::request::CredentialsRequest;

/// The credentials of a channel, in the order in which they were set.
#[derive(Clone, Debug, Default)]
pub(crate) struct CredentialsList(Vec<Arc<dyn CallCredentials>>);

impl CredentialsList {
    pub(crate) fn push(&mut self, credentials: Arc<dyn CallCredentials>) {
        self.0.push(credentials);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the strongest protection that one of them requires.
    pub(crate) fn min_security(&self) -> SecurityLevel {
        let levels = self.0.iter().map(|credentials| credentials.min_security());
        levels.max().unwrap_or_default()
    }

    /// Returns these credentials, and then those of one call.
    pub(crate) fn with(&self, own: Option<&Arc<dyn CallCredentials>>) -> Self {
        Self(self.0.iter().chain(own).cloned().collect())
    }

    /// Returns the metadata of all of them, for a call on a connection to `peer`.
    ///
    /// # Errors
    ///
    /// `UNAUTHENTICATED` when the connection is not protected as one of them requires: then none is
    /// asked. Else the status of the first that fails, or `INTERNAL` for metadata that is not
    /// allowed.
    pub(crate) async fn metadata(
        self,
        request: CredentialsRequest,
        peer: PeerAddr,
    ) -> Result<HeaderMap, Status> {
        if request.security() < self.min_security() {
            return Err(Status::new(
                Code::Unauthenticated,
                format!(
                    "the call credentials are not sent over the connection to {peer}, which has too \
                     little protection ({}); use TLS, or credentials that allow plaintext",
                    level(request.security()),
                ),
            ));
        }
        let mut all = HeaderMap::new();
        for credentials in self.0 {
            let metadata = credentials.metadata(&request).await.map_err(restricted)?;
            if let Some(name) = metadata.keys().find(|name| is_reserved(name)) {
                return Err(Status::internal(format!(
                    "the call credentials returned the header `{name}`, which metadata must not have"
                )));
            }
            for (name, value) in &metadata {
                all.append(name, value.clone());
            }
        }
        Ok(all)
    }
}

/// Returns a level in words.
fn level(security: SecurityLevel) -> &'static str {
    match security {
        SecurityLevel::None => "none",
        SecurityLevel::IntegrityOnly => "integrity only",
        SecurityLevel::PrivacyAndIntegrity => "privacy and integrity",
    }
}

/// Returns true for a header that belongs to the protocol, not to metadata.
///
/// Source: [gRPC over HTTP/2, Requests](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
fn is_reserved(name: &HeaderName) -> bool {
    name.as_str().starts_with("grpc-") || [CONTENT_TYPE, HOST, TE, USER_AGENT].contains(name)
}

/// Replaces the codes that only a server may use by `INTERNAL`.
///
/// Source: [gRFC A54](https://github.com/grpc/proposal/blob/master/A54-restrict-control-plane-status-codes.md).
fn restricted(status: Status) -> Status {
    let code = status.code();
    if status.clone().restricted_to_control_plane().code() == code {
        return status;
    }
    Status::internal(format!(
        "the call credentials failed with the status {code}, which is for servers only (a bug in the \
         credentials): {}",
        status.message()
    ))
}
