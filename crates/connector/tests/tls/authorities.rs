//! The authority of a call against the certificate of its connection.
//!
//! Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).

use std::net::SocketAddr;

use trunkline_connector::tls::Tls;
use trunkline_connector::{AuthorityErrorKind, ConnectionInfo, SecurityLevel};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{Authority, server_config};

use crate::support::{connect_for, serve};

/// Returns the kind and the text of an error; `None` where the authority may be used.
fn refused(info: &ConnectionInfo, authority: &str) -> Option<(AuthorityErrorKind, String)> {
    let error = info.validate_authority(authority).err()?;
    Some((error.kind(), error.to_string()))
}

/// A call may name each host that the certificate is for, with any port.
#[test]
fn a_certificate_covers_its_names() {
    let authority = Authority::new("Test Root");
    let server = authority.issue(&["orders.test", "*.svc.test", "192.0.2.1"]);
    let sim = Sim::new(1);
    serve(&sim, server_config(&server));
    let tls = Tls::new().with_ca_pem(authority.pem());
    let info = connect_for(&sim, &tls, "orders.test:443")
        .expect("a connection")
        .info;
    for covered in [
        "orders.test",
        "Orders.Test:1",
        "a.svc.test:443",
        "192.0.2.1:50051",
    ] {
        assert_eq!(refused(&info, covered), None, "{covered}");
    }
    let names = "its names are \"orders.test\", \"*.svc.test\", \"192.0.2.1\"";
    for foreign in [
        "billing.test",
        "a.b.svc.test",
        "192.0.2.2",
        "[2001:db8::1]:443",
    ] {
        let reason = format!("the server's certificate does not cover it, {names}");
        let expected = Some((AuthorityErrorKind::NotProved, reason));
        assert_eq!(refused(&info, foreign), expected, "{foreign}");
    }
    let (kind, text) = refused(&info, "a b").expect("no name of a host");
    assert_eq!(kind, AuthorityErrorKind::InvalidName);
    assert!(
        text.starts_with("`a b` is not a name that a certificate can have"),
        "{text}"
    );
}

/// The name of the override was checked, so calls may have it even if the certificate had others.
#[test]
fn without_tls_every_authority_is_allowed() {
    let peer = SocketAddr::from(([192, 0, 2, 1], 80));
    let plain = ConnectionInfo::new(peer.into());
    assert_eq!(refused(&plain, "billing.test"), None);
    let unknown = plain.with_security(SecurityLevel::PrivacyAndIntegrity);
    let reason = "the connector cannot check it".to_owned();
    let expected = Some((AuthorityErrorKind::Unchecked, reason));
    assert_eq!(refused(&unknown, "billing.test"), expected);
}
