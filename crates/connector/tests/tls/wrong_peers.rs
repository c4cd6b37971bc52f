//! A peer that is wrong in one way: each error has its kind, and a text that helps.

use std::io;

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use trunkline_connector::tls::{Tls, TlsErrorKind, TlsVersion};
use trunkline_runtime::Stream;
use trunkline_sim::Sim;
use trunkline_testkit::certificates::{Authority, ServerOptions, server_config_with};

use crate::support::{NAME, ONLY_TLS12, address, connect, failure, serve, serve_raw};

/// Checks how a connection to a server fails that answers the first bytes of a client with
/// `answer`, and closes.
fn check_answer(answer: &'static [u8], kind: TlsErrorKind, text: &str) {
    let sim = Sim::new(1);
    serve_raw(&sim, move |mut stream: Box<dyn Stream>| async move {
        let mut hello = [0; 4096];
        let _ = stream.read(&mut hello).await;
        let _ = stream.write_all(answer).await;
        let _ = stream.close().await;
        while !matches!(stream.read(&mut hello).await, Ok(0) | Err(_)) {}
    });
    let result = connect(
        &sim,
        &Tls::new().with_ca_pem(Authority::new("Test Root").pem()),
    );
    assert_eq!(failure(result), (kind, text.to_owned()));
}

/// Checks how a connection to a TLS server with these options fails.
fn check_options(
    options: &ServerOptions,
    change: impl FnOnce(Tls) -> Tls,
    kind: TlsErrorKind,
    text: &str,
) {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    serve(&sim, server_config_with(&authority.issue(&[NAME]), options));
    let result = connect(&sim, &change(Tls::new().with_ca_pem(authority.pem())));
    assert_eq!(failure(result), (kind, text.to_owned()));
}

/// HTTP/2 without TLS begins with the server's SETTINGS.
#[test]
fn http2_without_tls() {
    check_answer(
        b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64",
        TlsErrorKind::Plaintext,
        "the server speaks HTTP/2 without TLS: use a plaintext channel, or the server's TLS port",
    );
}

#[test]
fn http1_without_tls() {
    check_answer(
        b"HTTP/1.1 400 Bad Request\r\nserver: nginx\r\n\r\n",
        TlsErrorKind::Plaintext,
        "the server speaks HTTP without TLS, it sent \"HTTP/1.1 400 Bad Request\": is this the TLS \
         port?",
    );
}

#[test]
fn another_protocol() {
    check_answer(
        b"SSH-2.0-OpenSSH_9.9\r\n",
        TlsErrorKind::Plaintext,
        "the server does not speak TLS, it sent \"SSH-2.0-OpenSSH_9.9\\r\\n\": is this the TLS port?",
    );
}

/// A single byte is enough to see it, and too little for rustls.
#[test]
fn another_protocol_in_one_byte() {
    check_answer(
        b"x",
        TlsErrorKind::Plaintext,
        "the server does not speak TLS, it sent \"x\": is this the TLS port?",
    );
}

#[test]
fn closes_without_an_answer() {
    check_answer(
        b"",
        TlsErrorKind::Closed,
        "the server closed the connection at the start of the TLS handshake, without an answer: \
         does this port serve TLS?",
    );
}

/// The start of a handshake record, without the rest.
#[test]
fn closes_in_the_middle() {
    check_answer(
        b"\x16\x03\x03\0\x50\x02\0",
        TlsErrorKind::Closed,
        "the server closed the connection during the TLS handshake, without a TLS alert",
    );
}

#[test]
fn resets() {
    let sim = Sim::new(1);
    serve_raw(&sim, |mut stream: Box<dyn Stream>| async move {
        let _ = stream.read(&mut [0; 16]).await;
        stream.abort();
    });
    let tls = Tls::new().with_ca_pem(Authority::new("Test Root").pem());
    let result = connect(&sim, &tls);
    let kind = result.as_ref().err().map(io::Error::kind);
    assert_eq!(kind, Some(io::ErrorKind::ConnectionReset));
    let text = "the connection broke during the TLS handshake (connection reset): does this port \
                serve TLS?";
    assert_eq!(failure(result), (TlsErrorKind::Io, text.to_owned()));
}

/// An error of the stream below stays what it is.
#[test]
fn no_listener() {
    let sim = Sim::new(1);
    let tls = Tls::new().with_ca_pem(Authority::new("Test Root").pem());
    let error = connect(&sim, &tls).err().map(|error| error.kind());
    assert_eq!(
        error,
        Some(io::ErrorKind::ConnectionRefused),
        "{}",
        address()
    );
}

#[test]
fn alert_for_the_name() {
    check_answer(
        b"\x15\x03\x03\0\x02\x02\x70",
        TlsErrorKind::Alert,
        "the server does not serve the name that it was asked for (TLS alert unrecognized_name)",
    );
}

#[test]
fn alert_for_no_reason() {
    check_answer(
        b"\x15\x03\x03\0\x02\x02\x50",
        TlsErrorKind::Alert,
        "the server ended the TLS session with the alert internal_error",
    );
}

#[test]
fn nothing_in_common() {
    check_answer(
        b"\x15\x03\x03\0\x02\x02\x28",
        TlsErrorKind::Incompatible,
        "the server and this client have no cipher suite, key exchange or signature scheme in common \
         (TLS alert handshake_failure)",
    );
}

#[test]
fn no_version_in_common() {
    check_answer(
        b"\x15\x03\x03\0\x02\x02\x46",
        TlsErrorKind::Incompatible,
        "the server and this client have no TLS version in common (TLS alert protocol_version): one \
         of the two is limited to an older or a newer one",
    );
}

/// A handshake message that a server never sends first.
#[test]
fn breaks_the_protocol() {
    check_answer(
        b"\x16\x03\x03\0\x04\x0e\0\0\0",
        TlsErrorKind::Protocol,
        "the server broke the TLS protocol: received unexpected handshake message: got \
         ServerHelloDone when expecting ServerHello or HelloRetryRequest",
    );
}

/// A TLS server without ALPN may be a web server, or a proxy that ends TLS.
#[test]
fn without_alpn() {
    let options = ServerOptions {
        alpn: Vec::new(),
        ..ServerOptions::default()
    };
    check_options(
        &options,
        |tls| tls,
        TlsErrorKind::NoAlpn,
        "the server did not choose HTTP/2 (\"h2\") by ALPN, and gRPC requires that: is it a gRPC \
         server, or does a proxy in front of it end TLS?",
    );
}

/// A server that has only other protocols sends an alert.
#[test]
fn with_http1_in_alpn_only() {
    let options = ServerOptions {
        alpn: vec![b"http/1.1".to_vec()],
        ..ServerOptions::default()
    };
    check_options(
        &options,
        |tls| tls,
        TlsErrorKind::NoAlpn,
        "the server did not choose HTTP/2 (\"h2\") by ALPN, and gRPC requires that: is it a gRPC \
         server, or does a proxy in front of it end TLS?",
    );
}

#[test]
fn only_older_versions() {
    let options = ServerOptions {
        versions: ONLY_TLS12,
        ..ServerOptions::default()
    };
    check_options(
        &options,
        |tls| tls.with_min_version(TlsVersion::Tls13),
        TlsErrorKind::Incompatible,
        "the server and this client have no TLS version in common (TLS alert protocol_version): one \
         of the two is limited to an older or a newer one",
    );
}
