//! A certificate that is wrong in one way: each error has its kind, and a text that names the
//! certificate and what is wrong with it.
//!
//! Source: [RFC 5280 section 6](https://www.rfc-editor.org/rfc/rfc5280#section-6),
//! [RFC 9525 section 6](https://www.rfc-editor.org/rfc/rfc9525#section-6).

use trunkline_connector::tls::{Tls, TlsErrorKind};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::rcgen::{
    self, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, NameConstraints, date_time_ymd,
};
use trunkline_testkit::certificates::{Authority, Issued, server_config};

use crate::support::{NAME, check, connect, connect_for, failure, serve};

/// The moment at which a simulation starts is in the text: 2026-01-01.
#[test]
fn expired() {
    let authority = Authority::new("Test Root");
    let server = authority.issue_with(&[NAME], |params| {
        params.not_after = date_time_ymd(2025, 12, 31);
    });
    check(
        &authority,
        &server,
        TlsErrorKind::Expired,
        "the server's certificate \"CN=orders.test\" expired at 2025-12-31T00:00:00Z, and it is \
         2026-01-01T00:00:00Z now: renew it, or check the clock",
    );
}

/// The clock is the runtime's: a certificate expires in virtual time.
#[test]
fn expires_in_virtual_time() {
    let authority = Authority::new("Test Root");
    let server = authority.issue_with(&[NAME], |params| {
        params.not_after = date_time_ymd(2026, 1, 2);
    });
    let mut sim = Sim::new(1);
    sim.limit_time(std::time::Duration::from_secs(3 * 24 * 3600));
    serve(&sim, server_config(&server));
    let tls = Tls::new().with_ca_pem(authority.pem()).without_resumption();
    connect(&sim, &tls).expect("a connection before it expires");
    sim.run(sim.sleep(std::time::Duration::from_secs(24 * 3600 + 1)));
    let (kind, text) = failure(connect(&sim, &tls));
    assert_eq!(kind, TlsErrorKind::Expired);
    assert!(
        text.contains("expired at 2026-01-02T00:00:00Z, and it is 2026-01-02T00:00:"),
        "{text}"
    );
}

#[test]
fn not_valid_yet() {
    let authority = Authority::new("Test Root");
    let server = authority.issue_with(&[NAME], |params| {
        params.not_before = date_time_ymd(2026, 1, 2);
    });
    check(
        &authority,
        &server,
        TlsErrorKind::NotYetValid,
        "the server's certificate \"CN=orders.test\" is not valid before 2026-01-02T00:00:00Z, and \
         it is 2026-01-01T00:00:00Z now: check the clocks",
    );
}

#[test]
fn for_another_name() {
    let authority = Authority::new("Test Root");
    check(
        &authority,
        &authority.issue(&["billing.test"]),
        TlsErrorKind::WrongName,
        "the server's certificate \"CN=billing.test\" is not for \"orders.test\": its name is \
         \"billing.test\"",
    );
}

/// All kinds of names are listed, but not hundreds of them.
#[test]
fn for_many_other_names() {
    let authority = Authority::new("Test Root");
    let mut names = vec![
        "a.test".to_owned(),
        "192.0.2.1".to_owned(),
        "2001:db8::1".to_owned(),
    ];
    names.extend((0..20).map(|n| format!("host-{n}.test")));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check(
        &authority,
        &authority.issue(&names),
        TlsErrorKind::WrongName,
        "the server's certificate \"CN=a.test\" is not for \"orders.test\": its names are \
         \"a.test\", \"192.0.2.1\", \"2001:db8::1\", \"host-0.test\", \"host-1.test\", \
         \"host-2.test\", \"host-3.test\", \"host-4.test\" and 15 more",
    );
}

/// A wildcard matches one label.
#[test]
fn for_a_wildcard_that_does_not_match() {
    let authority = Authority::new("Test Root");
    check(
        &authority,
        &authority.issue(&["*.orders.test"]),
        TlsErrorKind::WrongName,
        "the server's certificate \"CN=*.orders.test\" is not for \"orders.test\": its name is \
         \"*.orders.test\"",
    );
}

/// The common name is not a name of the server.
#[test]
fn without_a_name() {
    let authority = Authority::new("Test Root");
    let server = authority.issue_with(&[], |params| {
        params.distinguished_name.push(DnType::CommonName, NAME);
    });
    check(
        &authority,
        &server,
        TlsErrorKind::WrongName,
        "the server's certificate \"CN=orders.test\" is not for \"orders.test\": it has no names \
         (a name in its subject does not count)",
    );
}

/// An address in the target needs an address in the certificate.
#[test]
fn for_a_name_and_not_for_the_address() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    serve(&sim, server_config(&authority.issue(&[NAME])));
    let tls = Tls::new().with_ca_pem(authority.pem());
    let result = connect_for(&sim, &tls, "198.51.100.1:443");
    assert_eq!(
        failure(result),
        (
            TlsErrorKind::WrongName,
            "the server's certificate \"CN=orders.test\" is not for \"198.51.100.1\": its name is \
             \"orders.test\""
                .to_owned()
        )
    );
}

#[test]
fn from_an_unknown_authority() {
    let server = Authority::new("Other Root").issue(&[NAME]);
    check(
        &Authority::new("Test Root"),
        &server,
        TlsErrorKind::UnknownIssuer,
        "the server's certificate \"CN=orders.test\" was issued by \"CN=Other Root\", which is not \
         among the given root, and the server sent no certificate that leads to one of them",
    );
}

#[test]
fn self_signed() {
    check(
        &Authority::new("Test Root"),
        &Issued::self_signed(&[NAME]),
        TlsErrorKind::UnknownIssuer,
        "the server's certificate \"CN=orders.test\" is self-signed, and not among the given root",
    );
}

/// The usual mistake of an operator: the server has its own certificate, and not the chain.
#[test]
fn without_the_intermediate() {
    let root = Authority::new("Test Root");
    let mut server = root
        .intermediate("Test Intermediate", |_| {})
        .issue(&[NAME]);
    server.chain.truncate(1);
    check(
        &root,
        &server,
        TlsErrorKind::UnknownIssuer,
        "the server's certificate \"CN=orders.test\" was issued by \"CN=Test Intermediate\", which \
         is not among the given root, and the server sent no certificate that leads to one of them",
    );
}

/// With a chain, the text names where it ends.
#[test]
fn whose_chain_ends_elsewhere() {
    let other = Authority::new("Other Root");
    let server = other
        .intermediate("Other Intermediate", |_| {})
        .issue(&[NAME]);
    check(
        &Authority::new("Test Root"),
        &server,
        TlsErrorKind::UnknownIssuer,
        "the server's certificate \"CN=orders.test\" was issued by \"CN=Other Root\", which is not \
         among the given root, and the server sent no certificate that leads to one of them",
    );
}

#[test]
fn whose_intermediate_has_expired() {
    let root = Authority::new("Test Root");
    let intermediate = root.intermediate("Test Intermediate", |params| {
        params.not_after = date_time_ymd(2025, 12, 31);
    });
    check(
        &root,
        &intermediate.issue(&[NAME]),
        TlsErrorKind::Expired,
        "an issuer's certificate in the server's chain, \"CN=Test Intermediate\" expired at \
         2025-12-31T00:00:00Z, and it is 2026-01-01T00:00:00Z now: renew it, or check the clock",
    );
}

/// As `openssl req -x509` makes it.
#[test]
fn of_an_authority() {
    let authority = Authority::new("Test Root");
    check(
        &authority,
        &authority.as_issued(),
        TlsErrorKind::BadCertificate,
        "the server's certificate \"CN=Test Root\" is that of a certificate authority (CA:TRUE), \
         which cannot be a server's",
    );
}

#[test]
fn for_clients() {
    let authority = Authority::new("Test Root");
    let server = authority.issue_with(&[NAME], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    check(
        &authority,
        &server,
        TlsErrorKind::BadCertificate,
        "the server's certificate \"CN=orders.test\" is not for servers: its extended key usage \
         lacks serverAuth",
    );
}

#[test]
fn with_another_key() {
    let authority = Authority::new("Test Root");
    let mut server = authority.issue(&[NAME]);
    server.key = authority.issue(&[NAME]).key;
    check(
        &authority,
        &server,
        TlsErrorKind::BadCertificate,
        "a signature does not fit the server's certificate: the server's certificate and key, or \
         two certificates of its chain, do not belong together",
    );
}

#[test]
fn outside_of_the_constraints_of_its_issuer() {
    let root = Authority::new("Test Root");
    let intermediate = root.intermediate("Test Intermediate", |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("billing.test".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    });
    check(
        &root,
        &intermediate.issue(&[NAME]),
        TlsErrorKind::BadCertificate,
        "the server's certificate \"CN=orders.test\" cannot be used: NameConstraintViolation",
    );
}

#[test]
fn that_is_no_certificate() {
    let authority = Authority::new("Test Root");
    let mut server = authority.issue(&[NAME]);
    server.chain = vec![b"no certificate".to_vec().into()];
    check(
        &authority,
        &server,
        TlsErrorKind::BadCertificate,
        "the server's certificate cannot be read: it is no X.509 certificate",
    );
}

/// What a certificate contains never reaches a terminal or a log raw.
#[test]
fn with_texts_that_could_do_harm() {
    let server = Authority::new("Other Root").issue_with(&[NAME], |params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "evil\u{1b}[31m\u{202e}\nname, O=Bank");
    });
    check(
        &Authority::new("Test Root"),
        &server,
        TlsErrorKind::UnknownIssuer,
        "the server's certificate \"CN=evil\\u{1b}[31m\\u{202e}\\nname\\, O=Bank\" was issued by \
         \"CN=Other Root\", which is not among the given root, and the server sent no certificate \
         that leads to one of them",
    );
}
