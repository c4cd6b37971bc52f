//! What a handshake agrees on, and what is kept for the next one.

use std::io;

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use trunkline_connector::tls::{Certificate, Tls, TlsVersion};
use trunkline_connector::{SecurityLevel, TlsInfo};
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{
    Authority, ServerOptions, server_config, server_config_with,
};

use crate::support::{
    BOTH_VERSIONS, NAME, ONLY_TLS12, ONLY_TLS13, address, connect, connect_with, connector, serve,
};

/// A connection has all that a channel, credentials and diagnosis need.
#[test]
fn a_connection_is_described() {
    let authority = Authority::new("Test Root");
    let server = authority.issue(&[NAME]);
    let sim = Sim::new(1);
    serve(&sim, server_config(&server));
    let connected = connect(&sim, &Tls::new().with_ca_pem(authority.pem())).expect("a connection");
    let info = &connected.info;
    assert_eq!(info.peer, address().into());
    assert_eq!(connected.stream.peer_addr(), address().into());
    let local = connected.stream.local_addr();
    assert!(local.is_some_and(|local| local != address().into()));
    assert_eq!(info.security, SecurityLevel::PrivacyAndIntegrity);
    assert_eq!(info.alpn.as_deref(), Some(&b"h2"[..]));
    let tls = TlsInfo::new("TLSv1.3", "TLS13_AES_256_GCM_SHA384", NAME);
    assert_eq!(info.tls.as_deref(), Some(&tls));
    let sent: Vec<&[u8]> = server.chain.iter().map(|der| der.as_ref()).collect();
    assert_eq!(*info.peer_certificates, sent[..]);
    let own = Certificate::from_der(&info.peer_certificates[0]).expect("a certificate");
    assert_eq!(own.subject, "CN=orders.test");
    assert_eq!(own.issuer, "CN=Test Root");
    assert_eq!(own.names, [NAME]);
    assert_eq!(own.not_before.to_string(), "2025-01-01T00:00:00Z");
    assert_eq!(own.not_after.to_string(), "2034-12-31T00:00:00Z");
}

/// The roots can be given in DER too, and several of them.
#[test]
fn all_given_roots_are_trusted() {
    let (one, other) = (Authority::new("One"), Authority::new("Other"));
    let sim = Sim::new(1);
    let server_side = serve(&sim, server_config(&one.issue(&[NAME])));
    let tls = Tls::new()
        .with_ca_pem(Authority::new("Third").pem() + &one.pem())
        .with_ca_der(other.der().to_vec());
    connect(&sim, &tls).expect("a connection");
    server_side.set_config(server_config(&other.issue(&[NAME])));
    connect(&sim, &tls).expect("a connection");
}

/// Both versions, and the cipher suites that ring prefers.
#[test]
fn both_versions_are_spoken() {
    let authority = Authority::new("Test Root");
    let server = authority.issue(&[NAME]);
    for (versions, min, expected) in [
        (
            ONLY_TLS12,
            TlsVersion::Tls12,
            ("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        ),
        (
            ONLY_TLS13,
            TlsVersion::Tls12,
            ("TLSv1.3", "TLS13_AES_256_GCM_SHA384"),
        ),
        (
            BOTH_VERSIONS,
            TlsVersion::Tls13,
            ("TLSv1.3", "TLS13_AES_256_GCM_SHA384"),
        ),
    ] {
        let options = ServerOptions {
            versions,
            ..ServerOptions::default()
        };
        let sim = Sim::new(1);
        serve(&sim, server_config_with(&server, &options));
        let tls = Tls::new()
            .with_ca_pem(authority.pem())
            .with_min_version(min);
        let info = connect(&sim, &tls).expect("a connection").info;
        let tls = info.tls.expect("a description");
        assert_eq!((&*tls.version, &*tls.cipher), expected);
    }
}

/// A second connection of one connector resumes the session of the first, unless that is off.
#[test]
fn sessions_are_resumed() {
    let authority = Authority::new("Test Root");
    let server = authority.issue(&[NAME]);
    for versions in [ONLY_TLS12, ONLY_TLS13] {
        for (off, expected) in [(false, [false, true]), (true, [false, false])] {
            let options = ServerOptions {
                versions,
                ..ServerOptions::default()
            };
            let sim = Sim::new(1);
            serve(&sim, server_config_with(&server, &options));
            let mut tls = Tls::new().with_ca_pem(authority.pem());
            if off {
                tls = tls.without_resumption();
            }
            let connector = connector(&sim, &tls, NAME).expect("valid options");
            let resumed = [(); 2].map(|()| {
                let connected = sim.run(connect_with(&connector)).expect("a connection");
                let tls = connected.info.tls.expect("a description");
                // A resumed session still has the certificates that were checked.
                assert_eq!(connected.info.peer_certificates.len(), 1);
                tls.resumed
            });
            assert_eq!(resumed, expected);
        }
    }
}

/// A stream of any size gets through, also when it is written in one piece, and it ends.
#[test]
fn large_data_passes_both_ways() {
    const LEN: usize = 200_000;
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    serve(&sim, server_config(&authority.issue(&[NAME])));
    let connected = connect(&sim, &Tls::new().with_ca_pem(authority.pem())).expect("a connection");
    let sent: Vec<u8> = (0..LEN).map(|at| (at * 7 % 251) as u8).collect();
    let (mut reader, mut writer) = connected.stream.split();
    let mut received = Vec::new();
    sim.run(async {
        let write = async {
            writer.write_all(&sent).await?;
            writer.close().await
        };
        let read = reader.read_to_end(&mut received);
        let (written, read) = futures_util::future::join(write, read).await;
        written.and(read)
    })
    .expect("all is sent back");
    assert!(received == sent, "{} bytes", received.len());
}

/// A close without `close_notify` is an end: HTTP/2 sees for itself what is cut.
#[test]
fn a_peer_may_close_without_a_word() {
    let authority = Authority::new("Test Root");
    let config = server_config(&authority.issue(&[NAME]));
    let sim = Sim::new(1);
    crate::support::serve_raw(&sim, move |stream| {
        let config = config.clone();
        async move {
            let accepted = futures_rustls::TlsAcceptor::from(config)
                .accept(stream)
                .await;
            let mut stream = accepted.expect("a handshake");
            let mut ping = [0; 4];
            let _ = stream.read_exact(&mut ping).await;
            let _ = stream.write_all(&ping).await;
            let _ = stream.flush().await;
            let (mut stream, _) = stream.into_inner();
            let _ = stream.close().await;
        }
    });
    let tls = Tls::new().with_ca_pem(authority.pem());
    let mut stream = connect(&sim, &tls).expect("a connection").stream;
    let read: io::Result<usize> = sim.run(async { stream.read(&mut [0; 16]).await });
    assert_eq!(read.expect("an end"), 0);
}
