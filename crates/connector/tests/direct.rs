//! Which addresses a direct connector reaches, and what it reports about a stream.

use std::io;
use std::net::SocketAddr;

use trunkline_connect::ConnectError;
use trunkline_connector::{Connected, Connector, DirectConnector, SecurityLevel};
use trunkline_endpoint::{Address, Location};
use trunkline_sim::Sim;

fn peer() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 50051))
}

fn connect(sim: &Sim, location: impl Into<Location>) -> io::Result<Connected> {
    let connector = DirectConnector::new(sim.runtime());
    sim.run(connector.connect(&Address::new(location)))
}

fn name(host: &str) -> Location {
    Location::Name {
        host: host.into(),
        port: 50051,
    }
}

/// A stream without TLS has a peer, no protection, no ALPN and no certificates.
#[test]
fn a_plain_stream_is_described() {
    let sim = Sim::new(1);
    let _backend = sim.backend(peer());
    for location in [Location::from(peer()), name("198.51.100.1")] {
        let connected = connect(&sim, location).expect("a stream");
        assert_eq!(connected.info.peer, connected.stream.peer_addr());
        assert_eq!(connected.info.peer, peer().into());
        assert_eq!(connected.info.security, SecurityLevel::None);
        assert_eq!(connected.info.alpn, None);
        assert!(connected.info.peer_certificates.is_empty());
    }
}

/// A refused connection keeps its kind, whether an address or a name was dialled. For a name the
/// error is the one of the race, with every attempt.
#[test]
fn errors_keep_their_kind_and_source() {
    let sim = Sim::new(1);
    let error = connect(&sim, peer()).expect_err("no listener");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let error = connect(&sim, name("198.51.100.1")).expect_err("no listener");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let inner = error.get_ref().expect("an error inside");
    let inner = inner.downcast_ref::<ConnectError>().expect("of the race");
    assert_eq!(inner.report().attempts().len(), 1);
    assert_eq!(inner.to_string(), error.to_string());
}

/// The levels are ordered from the weakest to the strongest.
#[test]
fn security_levels_are_ordered() {
    assert!(SecurityLevel::None < SecurityLevel::IntegrityOnly);
    assert!(SecurityLevel::IntegrityOnly < SecurityLevel::PrivacyAndIntegrity);
}
