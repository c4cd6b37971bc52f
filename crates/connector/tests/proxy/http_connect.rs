//! HTTP CONNECT: RFC 9110 section 9.3.6, and proxies that do not keep to it.

use std::io::ErrorKind;
use std::time::Duration;

use trunkline_connector::{Connector, SecurityLevel};
use trunkline_sim::Sim;

use crate::world::{
    Step, all, answer, connect, connector, exchange, failure, named, proxy_addr, start,
};

const URL: &str = "http://192.0.2.8:3128";

#[track_caller]
fn check(script: Vec<Step>, expected_kind: ErrorKind, expected: &str) {
    let sim = Sim::new(1);
    start(&sim, script);
    let (kind, text) = failure(connect(&sim, URL));
    assert_eq!((kind, &*text), (expected_kind, expected));
    assert!(sim.elapsed() < Duration::from_secs(16));
}

/// The proxy gets the name, which is not looked up. Bytes that come with the answer's head belong to
/// the tunnel, and are not lost.
#[test]
fn a_tunnel_is_made() {
    let sim = Sim::new(1);
    let script = [
        Step::Read,
        Step::Write(b"HTTP/1.1 200 OK\r\n\r\nfirst ".to_vec()),
        Step::Echo,
    ];
    let seen = start(&sim, script);
    let connected = connect(&sim, URL).expect("a tunnel");
    assert_eq!(connected.info.peer, proxy_addr().into());
    assert_eq!(connected.info.security, SecurityLevel::None);
    exchange(&sim, connected, b"then this", b"first then this");
    let seen = String::from_utf8(seen.lock().expect("no panic").clone()).expect("text");
    assert!(
        seen.starts_with("CONNECT orders.test:443 HTTP/1.1\r\nHost: orders.test:443\r\n"),
        "{seen}"
    );
}

/// The proxy's own name is looked up on this side.
#[test]
fn the_name_of_a_proxy_is_looked_up() {
    let sim = Sim::new(1);
    sim.net().set_host("proxy.test", [proxy_addr().ip()]);
    start(
        &sim,
        [
            Step::Read,
            Step::Write(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
            Step::Echo,
        ],
    );
    let connected = connect(&sim, "http://proxy.test:3128").expect("a tunnel");
    exchange(&sim, connected, b"ping", b"ping");
}

/// An answer may come byte by byte.
#[test]
fn a_slow_answer_is_read() {
    let sim = Sim::new(1);
    let bytes = b"HTTP/1.1 200 OK\r\nVia: 1.1 slow\r\n\r\nab";
    let mut script = vec![Step::Read];
    script.extend(bytes.iter().map(|byte| Step::Write(vec![*byte])));
    script.push(Step::Echo);
    start(&sim, script);
    let connected = connect(&sim, URL).expect("a tunnel");
    exchange(&sim, connected, b"c", b"abc");
}

/// A refusal quotes the status line and the start of the body.
#[test]
fn refusals_are_quoted() {
    check(
        answer(
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 26\r\n\r\n<p>orders.test: no route\r\n",
        ),
        ErrorKind::ConnectionRefused,
        "the proxy http://192.0.2.8:3128 did not connect to orders.test:443: it answered \
         \"HTTP/1.1 502 Bad Gateway\" with \"orders.test: no route\"",
    );
    check(
        answer(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"),
        ErrorKind::PermissionDenied,
        "the proxy http://192.0.2.8:3128 did not connect to orders.test:443: it answered \
         \"HTTP/1.1 407 Proxy Authentication Required\"; give a user and a password in its URL (it \
         accepts: Basic; only Basic can be sent)",
    );
}

/// The body of a refusal is waited for no longer than a second, and read no further than its limit.
#[test]
fn a_refusal_without_end_is_cut() {
    let head = b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec();
    let begun = |body: Step| vec![Step::Read, Step::Write(head.clone()), body, Step::Hang];
    check(
        begun(Step::Write(b"by policy".to_vec())),
        ErrorKind::PermissionDenied,
        "the proxy http://192.0.2.8:3128 did not connect to orders.test:443: it answered \
         \"HTTP/1.1 403 Forbidden\" with \"by policy\"",
    );
    let text = format!(
        "the proxy http://192.0.2.8:3128 did not connect to orders.test:443: it answered \
         \"HTTP/1.1 403 Forbidden\" with \"{}...\"",
        "no ".repeat(67).trim_end()
    );
    check(
        begun(Step::Flood(b"no ".to_vec())),
        ErrorKind::PermissionDenied,
        &text,
    );
}

/// Whatever a proxy sends in place of an answer, the attempt ends, and its error quotes it.
#[test]
fn answers_that_are_none_are_refused() {
    let proxy = "the proxy http://192.0.2.8:3128";
    check(
        answer(b"SSH-2.0-OpenSSH_9.6\r\n"),
        ErrorKind::InvalidData,
        &format!("{proxy} did not send an HTTP/1 response; it sent: \"SSH-2.0-OpenSSH_9.6\""),
    );
    check(
        vec![
            Step::Read,
            Step::Write(b"HTTP/1.1 200 OK\r\n".to_vec()),
            Step::Flood(b"x: y\r\n".to_vec()),
        ],
        ErrorKind::InvalidData,
        &format!("{proxy} sent a response head of more than 16384 bytes"),
    );
    check(
        vec![Step::Read],
        ErrorKind::UnexpectedEof,
        &format!("{proxy} closed the connection before it answered"),
    );
    check(
        answer(b"HTTP/1.1 20"),
        ErrorKind::UnexpectedEof,
        &format!("{proxy} closed the connection before it answered"),
    );
    check(
        vec![Step::Hang],
        ErrorKind::TimedOut,
        &format!("{proxy} did not answer in 15s for orders.test:443"),
    );
}

/// A proxy that cannot be reached is told apart from one that refuses; the kind is the network's.
#[test]
fn an_unreachable_proxy_is_named() {
    let sim = Sim::new(1);
    let (kind, text) = failure(connect(&sim, URL));
    assert_eq!(kind, ErrorKind::ConnectionRefused);
    let expected = "the proxy http://192.0.2.8:3128 cannot be reached: ";
    assert!(text.starts_with(expected), "{text}");
}

/// A user and a password are sent as Basic authentication (RFC 7617), and are in no text.
#[test]
fn credentials_are_sent_and_never_printed() {
    let sim = Sim::new(1);
    let seen = start(
        &sim,
        answer(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
    );
    let proxy = all("http://Aladdin:open%20sesame@192.0.2.8:3128");
    let connector = connector(&sim, proxy);
    let printed = format!("{connector:?}");
    let error = sim
        .run(connector.connect(&named("orders.test", 443)))
        .expect_err("refused");
    let texts = format!("{printed} {error} {error:?}");
    for secret in ["Aladdin", "sesame", "QWxh"] {
        assert!(!texts.contains(secret), "{texts}");
    }
    let expected = "it answered \"HTTP/1.1 407 Proxy Authentication Required\"; it rejected the user \
                    and the password in its URL";
    assert!(error.to_string().ends_with(expected), "{error}");
    let seen = String::from_utf8(seen.lock().expect("no panic").clone()).expect("text");
    let expected = "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    assert!(seen.contains(expected), "{seen}");
}
