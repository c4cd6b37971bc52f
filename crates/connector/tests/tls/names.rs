//! Which name is checked: the authority's host, or the one that was set.

use std::path::Path;
use std::sync::Arc;

use trunkline_connector::tls::{Tls, TlsConnector, TlsErrorKind};
use trunkline_connector::{Connector, DirectConnector};
use trunkline_endpoint::{Address, Location};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{Authority, server_config};

use crate::support::{connect_for, connect_with, connector, failure, serve};

/// The host of an authority in all its forms, and the override.
#[test]
fn the_host_of_the_authority_is_checked() {
    let authority = Authority::new("Test Root");
    let names = ["orders.test", "*.svc.test", "192.0.2.1", "2001:db8::1"];
    let server = authority.issue(&names);
    let sim = Sim::new(1);
    serve(&sim, server_config(&server));
    let tls = Tls::new().with_ca_pem(authority.pem());
    for (given, checked) in [
        ("orders.test", "orders.test"),
        ("orders.test:443", "orders.test"),
        ("ORDERS.test.:443", "ORDERS.test"),
        ("billing.svc.test:50051", "billing.svc.test"),
        ("192.0.2.1:443", "192.0.2.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("user@orders.test:1", "orders.test"),
    ] {
        let info = connect_for(&sim, &tls, given).expect(given).info;
        assert_eq!(info.tls.expect("a description").server_name, checked);
    }
    let named = tls.with_server_name("orders.test");
    for authority in ["elsewhere.test:443", "%2Ftmp%2Fsocket"] {
        let info = connect_for(&sim, &named, authority).expect(authority).info;
        assert_eq!(info.tls.expect("a description").server_name, "orders.test");
    }
}

/// An authority that no certificate can have is refused before anything is dialled.
#[test]
fn a_name_that_cannot_be_checked_is_an_error() {
    let sim = Sim::new(1);
    let tls = Tls::new().with_ca_pem(Authority::new("Test Root").pem());
    let error = connector(&sim, &tls, "%2Ftmp%2Fsocket").expect_err("no name");
    assert_eq!(error.kind(), TlsErrorKind::ServerName);
    assert_eq!(
        error.to_string(),
        "`%2Ftmp%2Fsocket` is not a name that a certificate can have (invalid dns name): set the one \
         to check with `Tls::with_server_name`"
    );
}

/// Where servers are named by their addresses, each must prove its own.
#[test]
fn an_ip_address_is_checked() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let server_side = serve(&sim, server_config(&authority.issue(&["198.51.100.1"])));
    let tls = Tls::new().with_ca_pem(authority.pem());
    let direct = Arc::new(DirectConnector::new(sim.runtime()));
    let connector = TlsConnector::for_ip_addresses(direct, &tls, sim.runtime());
    let connector = connector.expect("valid options");
    let info = sim
        .run(connect_with(&connector))
        .expect("a connection")
        .info;
    assert_eq!(info.tls.expect("a description").server_name, "198.51.100.1");

    server_side.set_config(server_config(&authority.issue(&["198.51.100.2"])));
    let (kind, _) = failure(sim.run(connect_with(&connector)));
    assert_eq!(kind, TlsErrorKind::WrongName);

    let socket = Address::new(Location::Unix(Path::new("/run/orders").into()));
    let (kind, text) = failure(sim.run(connector.connect(&socket)));
    assert_eq!(kind, TlsErrorKind::ServerName);
    assert_eq!(
        text,
        "unix:/run/orders is no IP address that a certificate can have: set the name to check with \
         `Tls::with_server_name`"
    );
}
