//! Client certificates: wanted, given, refused.
//!
//! Source: [RFC 8446 section 4.4.2.4](https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2.4).

use futures_rustls::TlsAcceptor;
use futures_rustls::rustls::SupportedProtocolVersion;
use trunkline_connector::tls::{Tls, TlsErrorKind};
use trunkline_runtime::Stream;
use trunkline_sim::Sim;
use trunkline_testkit::certificates::rcgen::date_time_ymd;
use trunkline_testkit::certificates::{Authority, Issued, ServerOptions, server_config_with};

use crate::support::{NAME, ONLY_TLS12, ONLY_TLS13, connect, failure, serve, serve_raw};

/// Both versions: with TLS 1.3 the server refuses a client after the client's handshake is done.
const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [ONLY_TLS13, ONLY_TLS12];

/// Connects to a server that requires a certificate of `authority`.
fn try_identity(
    authority: &Authority,
    version: &'static [&'static SupportedProtocolVersion],
    identity: Option<&Issued>,
) -> std::io::Result<trunkline_connector::Connected> {
    let options = ServerOptions {
        versions: version,
        client_authority: Some(authority.der()),
        ..ServerOptions::default()
    };
    let sim = Sim::new(1);
    serve(
        &sim,
        server_config_with(&authority.issue(&[NAME]), &options),
    );
    connect(&sim, &tls(authority, identity))
}

/// Returns the options of a client that trusts `authority`.
fn tls(authority: &Authority, identity: Option<&Issued>) -> Tls {
    let tls = Tls::new().with_ca_pem(authority.pem());
    match identity {
        None => tls,
        Some(identity) => tls.with_identity_pem(identity.chain_pem(), identity.key_pem()),
    }
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

/// How a server ends a connection after the handshake, without an alert.
type End = fn(Box<dyn Stream>);

/// Connects to a server that asks for a certificate of `authority`, and ends the connection after the
/// handshake without an alert, as servers on BoringSSL do when they refuse one.
fn try_silent(
    authority: &Authority,
    identity: Option<&Issued>,
    end: End,
) -> std::io::Result<trunkline_connector::Connected> {
    let options = ServerOptions {
        client_authority: Some(authority.der()),
        accepts_no_certificate: true,
        ..ServerOptions::default()
    };
    let config = server_config_with(&authority.issue(&[NAME]), &options);
    let sim = Sim::new(1);
    serve_raw(&sim, move |stream| {
        let acceptor = TlsAcceptor::from(config.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                end(stream.into_inner().0);
            }
        }
    });
    connect(&sim, &tls(authority, identity))
}

/// A close and a reset.
const ENDS: [End; 2] = [drop, |stream| stream.abort()];

#[test]
fn wanted_in_silence() {
    let authority = Authority::new("Test Root");
    for end in ENDS {
        let text = "the server closed the connection after the TLS handshake, without a TLS alert: it \
                    asked for a client certificate, and this client has none";
        let expected = (TlsErrorKind::Closed, text.to_owned());
        assert_eq!(failure(try_silent(&authority, None, end)), expected);
    }
}

#[test]
fn refused_in_silence() {
    let authority = Authority::new("Test Root");
    let client = authority.issue(&["client.test"]);
    for end in ENDS {
        let text = "the server closed the connection after the TLS handshake, without a TLS alert: it \
                    asked for a client certificate, and may have refused \"CN=client.test\", issued \
                    by \"CN=Test Root\", valid from 2025-01-01T00:00:00Z to 2034-12-31T00:00:00Z";
        let expected = (TlsErrorKind::Closed, text.to_owned());
        assert_eq!(
            failure(try_silent(&authority, Some(&client), end)),
            expected
        );
    }
}
