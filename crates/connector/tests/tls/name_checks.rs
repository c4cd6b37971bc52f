//! A check of the user's in place of the host name's.

use std::error::Error;
use std::sync::{Arc, Mutex};

use trunkline_connector::tls::{NameCheck, Tls, TlsConnector, TlsErrorKind};
use trunkline_connector::{AuthorityErrorKind, Connector, DirectConnector};
use trunkline_endpoint::Address;
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{Authority, server_config};

use crate::support::{address, connect, connect_with, failure, serve};

/// The server names that a check got.
type Sent = Arc<Mutex<Vec<Option<String>>>>;

/// Accepts one certificate.
#[derive(Debug, Default)]
struct Pinned {
    certificate: Vec<u8>,
    sent: Sent,
}

impl NameCheck for Pinned {
    fn check(
        &self,
        certificate: &[u8],
        server_name: Option<&str>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut sent = self.sent.lock().expect("no panic");
        sent.push(server_name.map(str::to_owned));
        if certificate == self.certificate {
            return Ok(());
        }
        Err("the certificate is another one".into())
    }
}

/// A certificate for another host is accepted if the check accepts it, and no name is sent. An authority
/// is proved by the certificate only.
#[test]
fn the_check_replaces_that_of_the_host() {
    let authority = Authority::new("Test Root");
    let server = authority.issue(&["workload.test"]);
    let sim = Sim::new(1);
    serve(&sim, server_config(&server));
    let pinned = Pinned {
        certificate: server.chain[0].to_vec(),
        ..Pinned::default()
    };
    let sent = Arc::clone(&pinned.sent);
    let tls = Tls::new()
        .with_ca_pem(authority.pem())
        .with_name_check(pinned);
    let info = connect(&sim, &tls).expect("the right server").info;
    assert_eq!(*sent.lock().expect("no panic"), [None]);
    let validate = |authority| info.validate_authority(authority).map_err(|e| e.kind());
    assert_eq!(validate("workload.test"), Ok(()));
    for other in ["orders.test", "198.51.100.1"] {
        assert_eq!(validate(other), Err(AuthorityErrorKind::NotProved));
    }
}

/// What the check refuses is the failure of the handshake, with the text of the check.
#[test]
fn a_refused_certificate_is_an_error() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(2);
    serve(&sim, server_config(&authority.issue(&["orders.test"])));
    let tls = Tls::new()
        .with_ca_pem(authority.pem())
        .with_name_check(Pinned::default());
    assert_eq!(
        failure(connect(&sim, &tls)),
        (
            TlsErrorKind::WrongName,
            "the certificate is another one".to_owned()
        )
    );
}

/// The chain must lead to a root: the check is not asked about a certificate of another authority.
#[test]
fn the_roots_are_in_force() {
    let server = Authority::new("Another Root").issue(&["orders.test"]);
    let sim = Sim::new(3);
    serve(&sim, server_config(&server));
    let pinned = Pinned {
        certificate: server.chain[0].to_vec(),
        ..Pinned::default()
    };
    let sent = Arc::clone(&pinned.sent);
    let tls = Tls::new()
        .with_ca_pem(Authority::new("Test Root").pem())
        .with_name_check(pinned);
    let (kind, _) = failure(connect(&sim, &tls));
    assert_eq!(kind, TlsErrorKind::UnknownIssuer);
    assert!(sent.lock().expect("no panic").is_empty());
}

/// The name of the address is sent, else the one that was set.
#[test]
fn the_name_of_the_address_is_sent() {
    let authority = Authority::new("Test Root");
    let server = authority.issue(&["workload.test"]);
    let sim = Sim::new(4);
    serve(&sim, server_config(&server));
    let pinned = Pinned {
        certificate: server.chain[0].to_vec(),
        ..Pinned::default()
    };
    let sent = Arc::clone(&pinned.sent);
    let tls = Tls::new()
        .with_ca_pem(authority.pem())
        .with_name_check(pinned)
        .with_server_name("default.test")
        .with_trusted_address_names();
    let direct = Arc::new(DirectConnector::new(sim.runtime()));
    let connector = TlsConnector::for_ip_addresses(direct, &tls, sim.runtime());
    let connector = connector.expect("valid options");
    sim.run(connect_with(&connector)).expect("a connection");
    let named = Address::new(address()).with_server_name("one.test");
    sim.run(connector.connect(&named)).expect("a connection");
    let expected = ["default.test", "one.test"].map(|name| Some(name.to_owned()));
    assert_eq!(*sent.lock().expect("no panic"), expected);
}
