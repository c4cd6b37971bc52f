//! TLS handshakes: [gRFC A118](https://github.com/grpc/proposal/blob/master/A118-tls-telemetry.md).

use std::sync::Arc;

use futures_rustls::TlsAcceptor;
use futures_rustls::rustls::ServerConfig;
use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use trunkline_channel::Channel;
use trunkline_connector::tls::Tls;
use trunkline_sim::Sim;
use trunkline_status::Code;
use trunkline_telemetry::{Instrument, LabelKey, instruments};
use trunkline_testkit::certificates::{Authority, server_config};

use crate::world::{GET, SECOND, address, call_within, measured_with, only};

const NAME: &str = "orders.test";

/// What the server does with a connection.
#[derive(Clone)]
enum Server {
    /// Makes the TLS handshake, and sends nothing but its SETTINGS. It closes after this many bytes.
    Tls(Arc<ServerConfig>, usize),
    /// Makes the TLS handshake, and closes without SETTINGS.
    TlsAlone(Arc<ServerConfig>),
    /// Sends this, and nothing more.
    Bytes(&'static [u8]),
    /// Closes after the first byte.
    Close,
}

/// An empty SETTINGS frame.
///
/// Source: [RFC 9113 section 6.5](https://www.rfc-editor.org/rfc/rfc9113#section-6.5).
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

fn start(sim: &Sim, server: Server) {
    let mut listener = sim.net().listen(address(1)).expect("a free address");
    let runtime = sim.runtime();
    sim.spawn("server", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let server = server.clone();
            runtime.spawn(Box::pin(async move {
                let mut buffer = [0; 4096];
                match server {
                    Server::Tls(config, bytes) => {
                        let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await else {
                            return;
                        };
                        let mut left = bytes;
                        let _ = stream.write_all(&SETTINGS).await;
                        let _ = stream.flush().await;
                        while let Ok(read) = stream.read(&mut buffer).await
                            && read > 0
                            && read <= left
                        {
                            left -= read;
                        }
                    }
                    Server::TlsAlone(config) => {
                        let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await else {
                            return;
                        };
                        let _ = stream.read(&mut buffer).await;
                    }
                    Server::Bytes(bytes) => {
                        let _ = stream.write_all(bytes).await;
                        while let Ok(1..) = stream.read(&mut buffer).await {}
                    }
                    Server::Close => {
                        let _ = stream.read(&mut buffer).await;
                    }
                }
            }));
        }
    });
}

/// Makes calls, each with a deadline of one second, and returns the results of the handshakes, with how
/// many had each.
fn handshakes(server: Server, tls: Tls, calls: usize) -> Vec<String> {
    lines(&instruments::TLS_HANDSHAKES, server, tls, calls)
}

/// The same with what another instrument records of them.
fn lines(instrument: &'static Instrument, server: Server, tls: Tls, calls: usize) -> Vec<String> {
    let sim = Sim::new(1);
    start(&sim, server);
    let target = format!("ipv4:{}", address(1));
    let channel = Channel::builder(target)
        .tls(tls.with_server_name(NAME))
        .connect_timeout(SECOND / 2)
        .runtime(sim.runtime());
    let options = only(&[instrument]).with_optional_label(LabelKey::TLS_RESUMED);
    let (channel, sink) = measured_with(channel, options);
    sim.run(async {
        for _ in 0..calls {
            let code = call_within(&channel, GET, b"", Some("600m")).await;
            assert!(matches!(code, Code::Unavailable | Code::DeadlineExceeded));
            sim.sleep(2 * SECOND).await;
        }
    });
    let texts = [
        (instrument.name, ""),
        ("{grpc.tls.handshake.result=", ""),
        ("grpc.target=ipv4:///198.51.100.1:50051, ", ""),
        ("grpc.tls.handshake.resumed=", ""),
        ("}", ":"),
    ];
    let shorten = |line: String| {
        let shorten = |line: String, (old, new): &(&str, &str)| line.replace(old, new);
        texts.iter().fold(line, shorten)
    };
    sink.lines().into_iter().map(shorten).collect()
}

fn trusted() -> (Tls, Authority) {
    let authority = Authority::new("Test Root");
    (Tls::new().with_ca_pem(authority.pem()), authority)
}

/// A handshake that succeeds, and the next one, which continues its session.
#[test]
fn successes_are_counted_with_their_resumption() {
    let (tls, authority) = trusted();
    let server = Server::Tls(server_config(&authority.issue(&[NAME])), 64);
    assert_eq!(
        handshakes(server, tls, 2),
        [
            "SUCCESS, FULL_HANDSHAKE: 1",
            "SUCCESS, RESUMED_HANDSHAKE: 1"
        ]
    );
}

/// A handshake counts as a success also where HTTP/2 fails after it.
#[test]
fn successes_without_a_connection() {
    let (tls, authority) = trusted();
    let server = Server::TlsAlone(server_config(&authority.issue(&[NAME])));
    let found = handshakes(server, tls, 1);
    let is_success = |line: &String| line.starts_with("SUCCESS, ");
    assert!(
        !found.is_empty() && found.iter().all(is_success),
        "{found:?}"
    );
}

/// Checks that all handshakes with this server fail with this result.
#[track_caller]
fn check_failure(server: Server, tls: Tls, result: &str) {
    let found = handshakes(server, tls, 1);
    let expected = format!("{result}, FULL_HANDSHAKE: ");
    assert!(
        found.len() == 1 && found[0].starts_with(&expected),
        "{found:?}"
    );
}

/// The certificate is for another name, or from an authority that is not trusted.
#[test]
fn certificates_that_are_refused() {
    let (tls, authority) = trusted();
    let server = Server::Tls(server_config(&authority.issue(&["stock.test"])), 64);
    check_failure(server, tls.clone(), "CERTIFICATE_HOSTNAME_MISMATCH");
    let other = Authority::new("Other Root");
    let server = Server::Tls(server_config(&other.issue(&[NAME])), 64);
    check_failure(server, tls, "CERTIFICATE_AUTHORITY_INVALID");
}

/// The server does not answer, is no TLS server, or closes the connection.
#[test]
fn handshakes_that_do_not_end() {
    let http = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    for (server, result) in [
        (Server::Bytes(b""), "HANDSHAKE_TIMEOUT"),
        (Server::Bytes(http), "UNEXPECTED_MESSAGE"),
        (Server::Close, "PEER_CONNECTION_CLOSED"),
    ] {
        check_failure(server, trusted().0, result);
    }
}

/// The time of a handshake is recorded however it ends: two round trips for one that succeeds, and until the
/// deadline of the connection attempt for one that never ends.
#[test]
fn the_time_of_a_handshake_is_recorded() {
    let (tls, authority) = trusted();
    let duration = &instruments::TLS_HANDSHAKE_DURATION;
    let server = Server::Tls(server_config(&authority.issue(&[NAME])), 64);
    let succeeded = lines(duration, server, tls.clone(), 1);
    assert_eq!(succeeded, ["SUCCESS, FULL_HANDSHAKE: [0.002]"]);
    let given_up = lines(duration, Server::Bytes(b""), tls, 1);
    let [line] = &*given_up else {
        panic!("{given_up:?}");
    };
    let times = line.strip_prefix("HANDSHAKE_TIMEOUT, FULL_HANDSHAKE: [");
    let times = times.and_then(|times| times.strip_suffix(']'));
    let mut times = times.expect("a list of times").split(", ");
    // The deadline of an attempt is at least half a second, and one that backs off has more.
    assert!(
        times.all(|time| (0.499..2.0).contains(&time.parse::<f64>().expect("seconds"))),
        "{line}"
    );
}
