//! Client certificates: wanted, given, refused.
//!
//! Source: [RFC 8446 section 4.4.2.4](https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2.4).

use futures_rustls::rustls::SupportedProtocolVersion;
use trunkline_connector::tls::{Tls, TlsErrorKind};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::rcgen::date_time_ymd;
use trunkline_testkit::certificates::{Authority, Issued, ServerOptions, server_config_with};

use crate::support::{NAME, ONLY_TLS12, ONLY_TLS13, connect, failure, serve};

/// Both versions: with TLS 1.3 the server refuses a client after the client's handshake is done.
const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [ONLY_TLS13, ONLY_TLS12];

/// Connects to a server that requires a certificate of `authority`.
fn try_identity(
    authority: &Authority,
    version: &'static [&'static SupportedProtocolVersion],
    identity: Option<&Issued>,
) -> std::io::Result<trunkline_connector::Connected> {
    let mut options = ServerOptions::default();
    options.versions = version;
    options.client_authority = Some(authority.der());
    let sim = Sim::new(1);
    serve(
        &sim,
        server_config_with(&authority.issue(&[NAME]), &options),
    );
    let mut tls = Tls::new().with_ca_pem(authority.pem());
    if let Some(identity) = identity {
        tls = tls.with_identity_pem(identity.chain_pem(), identity.key_pem());
    }
    connect(&sim, &tls)
}

#[test]
fn given() {
    let authority = Authority::new("Test Root");
    let client = authority.issue(&["client.test"]);
    for version in VERSIONS {
        try_identity(&authority, version, Some(&client)).expect("a connection");
    }
}

#[test]
fn wanted() {
    let authority = Authority::new("Test Root");
    for (version, alert) in VERSIONS
        .into_iter()
        .zip(["certificate_required", "certificate_required"])
    {
        let result = try_identity(&authority, version, None);
        let text = format!(
            "the server requires a client certificate, and this client has none (TLS alert {alert})"
        );
        assert_eq!(
            failure(result),
            (TlsErrorKind::ClientCertificateWanted, text)
        );
    }
}

#[test]
fn refused_for_its_issuer() {
    let client = Authority::new("Other Root").issue(&["client.test"]);
    for version in VERSIONS {
        let result = try_identity(&Authority::new("Test Root"), version, Some(&client));
        let text = "the server refused the client certificate \"CN=client.test\", issued by \
                    \"CN=Other Root\", valid from 2025-01-01T00:00:00Z to 2034-12-31T00:00:00Z (TLS \
                    alert unknown_ca: its issuer is unknown there)";
        let expected = (TlsErrorKind::ClientCertificateRefused, text.to_owned());
        assert_eq!(failure(result), expected);
    }
}

/// The server has the real time, which is after that of every simulation.
#[test]
fn refused_because_it_has_expired() {
    let authority = Authority::new("Test Root");
    let client = authority.issue_with(&["client.test"], |params| {
        params.not_after = date_time_ymd(2025, 6, 1);
    });
    for version in VERSIONS {
        let result = try_identity(&authority, version, Some(&client));
        let text = "the server refused the client certificate \"CN=client.test\", issued by \
                    \"CN=Test Root\", valid from 2025-01-01T00:00:00Z to 2025-06-01T00:00:00Z (TLS \
                    alert certificate_expired: it is not valid at this time)";
        let expected = (TlsErrorKind::ClientCertificateRefused, text.to_owned());
        assert_eq!(failure(result), expected);
    }
}
