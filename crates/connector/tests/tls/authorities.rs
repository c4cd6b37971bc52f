//! The authority of a call against the certificate of its connection.
//!
//! Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).

use std::net::SocketAddr;

use trunkline_connector::tls::Tls;
use trunkline_connector::{ConnectionInfo, SecurityLevel};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{Authority, server_config};

use crate::support::{connect_for, serve};

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
        assert_eq!(info.validate_authority(covered), Ok(()), "{covered}");
    }
    let names = "its names are \"orders.test\", \"*.svc.test\", \"192.0.2.1\"";
    for foreign in [
        "billing.test",
        "a.b.svc.test",
        "192.0.2.2",
        "[2001:db8::1]:443",
    ] {
        let reason = format!("the server's certificate does not cover it, {names}");
        assert_eq!(info.validate_authority(foreign), Err(reason), "{foreign}");
    }
}

/// The name of the override was checked, so calls may have it even if the certificate had others.
#[test]
fn without_tls_every_authority_is_allowed() {
    let peer = SocketAddr::from(([192, 0, 2, 1], 80));
    let plain = ConnectionInfo::new(peer.into());
    assert_eq!(plain.validate_authority("billing.test"), Ok(()));
    let unknown = plain.with_security(SecurityLevel::PrivacyAndIntegrity);
    let reason = "the connector cannot check it".to_owned();
    assert_eq!(unknown.validate_authority("billing.test"), Err(reason));
}
