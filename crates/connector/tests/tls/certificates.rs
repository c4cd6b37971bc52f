//! What a certificate contains, as text.
//!
//! Source: [RFC 5280 section 4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1),
//! [RFC 4514](https://www.rfc-editor.org/rfc/rfc4514).

use trunkline_connector::tls::Certificate;
use trunkline_testkit::certificates::rcgen::string::Ia5String;
use trunkline_testkit::certificates::rcgen::{DistinguishedName, DnType, SanType};
use trunkline_testkit::certificates::{Authority, Issued};

fn read(issued: &Issued) -> Certificate {
    Certificate::from_der(&issued.chain[0]).expect("a certificate")
}

/// The most specific part comes first; separators have a backslash, unknown attributes a number.
#[test]
fn distinguished_names() {
    let issued = Authority::new("Root, \"Inc.\"").issue_with(&[], |params| {
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, "DE");
        name.push(DnType::OrganizationName, "Exämple; a+b");
        name.push(DnType::CustomDnType(vec![2, 5, 4, 12]), "title");
        name.push(DnType::CommonName, "o'clock");
        params.distinguished_name = name;
    });
    let certificate = read(&issued);
    assert_eq!(
        certificate.subject,
        "CN=o'clock,2.5.4.12=title,O=Exämple\\; a\\+b,C=DE"
    );
    assert_eq!(certificate.issuer, "CN=Root\\, \\\"Inc.\\\"");
}

/// All kinds of names that a server or a workload can have.
#[test]
fn alternative_names() {
    let issued =
        Authority::new("Root").issue_with(&["a.test", "192.0.2.1", "2001:db8::1"], |params| {
            let text = |text: &str| Ia5String::try_from(text).expect("ASCII");
            let names = &mut params.subject_alt_names;
            names.push(SanType::URI(text("spiffe://test/orders")));
            names.push(SanType::Rfc822Name(text("ops@orders.test")));
            names.push(SanType::DnsName(text("*.svc.test")));
        });
    assert_eq!(
        read(&issued).names,
        [
            "a.test",
            "192.0.2.1",
            "2001:db8::1",
            "spiffe://test/orders",
            "ops@orders.test",
            "*.svc.test"
        ]
    );
}

/// Anything else than a certificate is none, also each part of one.
#[test]
fn other_bytes_are_no_certificate() {
    let der = &Authority::new("Root").issue(&["a.test"]).chain[0];
    assert!((0..der.len()).all(|len| Certificate::from_der(&der[..len]).is_none()));
}
