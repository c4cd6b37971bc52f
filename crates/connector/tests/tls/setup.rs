//! Options that cannot work are errors when the connector is made, with texts that contain no key.

use std::error::Error;
use std::sync::Arc;

use futures_rustls::rustls::{self, RootCertStore};
use trunkline_connector::tls::{NameCheck, RootCertificates, Tls, TlsErrorKind};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{Authority, server_config};

use crate::support::{NAME, connect, connector, failure, serve};

fn check(tls: &Tls, kind: TlsErrorKind, text: &str) {
    let error = connector(&Sim::new(1), tls, NAME).expect_err("an error");
    assert_eq!((error.kind(), error.to_string()), (kind, text.to_owned()));
}

#[test]
fn roots() {
    check(
        &Tls::new().with_ca_pem("nothing"),
        TlsErrorKind::Roots,
        "the given PEM has no certificate in PEM (`BEGIN CERTIFICATE`)",
    );
    let none = RootCertificates::from_der(Vec::<Vec<u8>>::new());
    check(
        &Tls::new().with_roots(none.expect("no certificate is wrong")),
        TlsErrorKind::Roots,
        "there is no root certificate to trust: give at least one, or leave the roots out for those of \
         the platform",
    );
    check(
        &Tls::new().with_ca_pem("-----BEGIN CERTIFICATE-----\nAAAA"),
        TlsErrorKind::Roots,
        "the given PEM is not valid PEM",
    );
    check(
        &Tls::new().with_ca_der(*b"nothing"),
        TlsErrorKind::Roots,
        "a certificate in the given DER cannot be a root: invalid peer certificate: BadEncoding",
    );
    check(
        &Tls::new().with_ca_file("/nowhere/ca.pem"),
        TlsErrorKind::Roots,
        "/nowhere/ca.pem cannot be read: No such file or directory (os error 2)",
    );
}

#[test]
fn identities() {
    let authority = Authority::new("Test Root");
    let (one, other) = (authority.issue(&["one"]), authority.issue(&["other"]));
    let tls = Tls::new().with_ca_pem(authority.pem());
    for (chain, key, text) in [
        (
            one.chain_pem(),
            other.key_pem(),
            "the key in the given PEM is not that of the first certificate in the given PEM",
        ),
        (
            one.chain_pem(),
            one.chain_pem(),
            "the given PEM has a certificate and no private key: are certificate and key swapped?",
        ),
        (
            one.chain_pem(),
            String::new(),
            "the given PEM has no private key in PEM (`BEGIN PRIVATE KEY`)",
        ),
        (
            one.chain_pem(),
            one.key_pem().replace("PRIVATE", "ENCRYPTED PRIVATE"),
            "the private key in the given PEM is encrypted: decrypt it, with `openssl pkcs8`, for \
             example",
        ),
        (
            one.key_pem(),
            one.key_pem(),
            "the given PEM has no certificate in PEM (`BEGIN CERTIFICATE`)",
        ),
    ] {
        check(
            &tls.clone().with_identity_pem(chain, key),
            TlsErrorKind::Identity,
            text,
        );
    }
    check(
        &tls.with_identity_files("/nowhere/client.pem", "/nowhere/client.key"),
        TlsErrorKind::Identity,
        "/nowhere/client.pem cannot be read: No such file or directory (os error 2)",
    );
}

/// `Debug` of the options and of a connector has no part of a key.
#[test]
fn keys_are_not_printed() {
    let authority = Authority::new("Test Root");
    let client = authority.issue(&["client.test"]);
    let tls = Tls::new()
        .with_ca_pem(authority.pem())
        .with_identity_pem(client.chain_pem(), client.key_pem());
    let connector = connector(&Sim::new(1), &tls, NAME).expect("valid options");
    let printed = format!("{tls:?} {connector:?}");
    let key = client.key_pem();
    for line in key.lines().filter(|line| !line.starts_with('-')) {
        assert!(!printed.contains(line), "{printed}");
    }
    // Nor as the numbers of its bytes, in DER or in PEM.
    for bytes in [client.key.secret_der(), key.as_bytes()] {
        let numbers = format!("{:?}", &bytes[40..80]);
        let numbers = numbers.trim_matches(['[', ']']);
        assert!(!printed.contains(numbers), "{printed}");
    }
}

/// A check of names that accepts each certificate.
#[derive(Debug)]
struct AcceptAll;

impl NameCheck for AcceptAll {
    fn check(&self, _: &[u8], _: Option<&str>) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

/// A configuration of rustls is used as it is, with HTTP/2 in its ALPN.
#[test]
fn own_configurations() {
    let authority = Authority::new("Test Root");
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let sim = Sim::new(1);
    let server_side = serve(&sim, server_config(&authority.issue(&[NAME])));
    let tls = Tls::from_config(config.clone());
    connect(&sim, &tls).expect("a connection");
    server_side.set_config(server_config(&authority.issue(&["billing.test"])));
    let (kind, text) = failure(connect(&sim, &tls));
    assert_eq!(kind, TlsErrorKind::WrongName);
    assert_eq!(
        text,
        "the server's certificate is not for \"orders.test\": its names cannot be read"
    );
    for both in [
        tls.clone().with_platform_roots(),
        tls.with_name_check(AcceptAll),
    ] {
        check(
            &both,
            TlsErrorKind::Config,
            "a configuration of rustls has its own roots, client certificate, provider and check of \
             names: drop it, or drop the others",
        );
    }
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    check(
        &Tls::from_config(config),
        TlsErrorKind::Config,
        "the ALPN protocols in the configuration of rustls lack `h2`, which gRPC requires",
    );
}

/// The bundled roots do not include that of a test; the text counts them.
#[test]
fn bundled_roots() {
    let sim = Sim::new(1);
    serve(
        &sim,
        server_config(&Authority::new("Other Root").issue(&[NAME])),
    );
    let (kind, text) = failure(connect(&sim, &Tls::new().with_bundled_roots()));
    assert_eq!(kind, TlsErrorKind::UnknownIssuer);
    assert!(
        text.contains("which is not among the 1") && text.contains(" bundled roots"),
        "{text}"
    );
}
