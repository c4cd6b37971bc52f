//! What credentials are asked for.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use http::Uri;
use trunkline_connector::SecurityLevel;
use trunkline_runtime::Runtime;

/// The call that credentials are for, and the connection that it is to be sent on.
///
/// A clone is cheap: a future can own one.
#[derive(Clone)]
pub struct CredentialsRequest {
    /// With a scheme, an authority and a path.
    uri: Uri,
    security: SecurityLevel,
    runtime: Arc<dyn Runtime>,
}

/// The port that is left out of the service's URL, with the colon before it.
const HTTPS_PORT: &str = ":443";

impl CredentialsRequest {
    pub(crate) fn new(uri: Uri, security: SecurityLevel, runtime: Arc<dyn Runtime>) -> Self {
        Self {
            uri,
            security,
            runtime,
        }
    }

    /// Returns the `:authority` of the call.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.uri.authority().map_or("", |own| own.as_str())
    }

    /// Returns the full name of the method: `/package.Service/Method`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.uri.path()
    }

    /// Returns the URL of the service, which is the audience of a JWT:
    /// `https://orders.example.com/package.Service`. Port 443 of `https` is left out.
    ///
    /// Source: [gRFC L81](https://github.com/grpc/proposal/blob/master/L81-custom-audience-in-jwt-creds.md),
    /// `MakeJwtServiceUrl` of gRPC's C core.
    #[must_use]
    pub fn service_url(&self) -> String {
        let scheme = self.uri.scheme_str().unwrap_or("https");
        let mut authority = self.authority();
        if scheme == "https" {
            authority = authority.strip_suffix(HTTPS_PORT).unwrap_or(authority);
        }
        let service = self.method().rsplit_once('/');
        let service = service.map_or("", |(service, _)| service);
        format!("{scheme}://{authority}{service}")
    }

    /// Returns how the connection is protected.
    #[must_use]
    pub fn security(&self) -> SecurityLevel {
        self.security
    }

    /// Returns the time of the channel's clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.runtime.now()
    }

    /// Returns the channel's runtime, for timers and connections of the credentials' own.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }
}

impl fmt::Debug for CredentialsRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsRequest")
            .field("authority", &self.authority())
            .field("method", &self.method())
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use trunkline_sim::Sim;

    use super::*;

    /// The URL of a service has no method, and no port that its scheme implies.
    #[test]
    fn the_audience_is_the_service() {
        let sim = Sim::new(1);
        for (uri, expected) in [
            (
                "https://orders.test/p.Orders/Get",
                "https://orders.test/p.Orders",
            ),
            (
                "https://orders.test:443/p.Orders/Get",
                "https://orders.test/p.Orders",
            ),
            (
                "https://orders.test:8443/p.Orders/Get",
                "https://orders.test:8443/p.Orders",
            ),
            ("https://[::1]:443/p.Orders/Get", "https://[::1]/p.Orders"),
            (
                "http://orders.test:443/p.Orders/Get",
                "http://orders.test:443/p.Orders",
            ),
            ("https://orders.test/Get", "https://orders.test"),
        ] {
            let security = SecurityLevel::PrivacyAndIntegrity;
            let uri = uri.parse().expect("a URI");
            let request = CredentialsRequest::new(uri, security, sim.runtime());
            assert_eq!(request.service_url(), expected);
        }
    }
}
