//! The negotiation of SOCKS 5: RFC 1928, RFC 1929.

use super::*;
use crate::proxy::handshake::Handshake;

/// A step: what the proxy sends, and the next output.
type Step<'a> = (&'a [u8], Option<Output>);

fn write(bytes: &[u8]) -> Option<Output> {
    Some(Output::Write(bytes.to_vec()))
}

fn failed(kind: ProxyErrorKind) -> Option<Output> {
    Some(Output::Failed(kind))
}

fn started(url: &str, host: &str) -> Handshake {
    let server: ProxyServer = url.parse().expect("the URL of a proxy");
    Handshake::new(&server, &Destination::new(host, 443))
}

#[track_caller]
fn check(url: &str, host: &str, greeting: &[u8], steps: &[Step<'_>]) {
    let mut handshake = started(url, host);
    assert_eq!(handshake.poll_output(), write(greeting));
    for (input, output) in steps {
        assert_eq!(handshake.poll_output(), None);
        handshake.handle_input(input);
        assert_eq!(handshake.poll_output(), *output, "{}", input.escape_ascii());
    }
}

const NAMED: &[u8] = b"\x05\x01\x00\x03\x0borders.test\x01\xbb";

/// Section 4: the address is an IPv4 or IPv6 address or a name. Section 6: the bytes after the
/// reply, whose length depends on its address, belong to the tunnel.
#[test]
fn addresses_and_names_are_asked_for() {
    for (host, request) in [
        ("orders.test", NAMED),
        ("192.0.2.1", b"\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"),
        (
            "::1",
            b"\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb",
        ),
    ] {
        for (reply, first) in [
            (&b"\x05\x00\x00\x01\x0a\0\0\x01\x04\x38PRI"[..], &b"PRI"[..]),
            (b"\x05\x00\x00\x03\x02ab\x04\x38", b""),
            (b"\x05\x00\x00\x03\x00\x04\x38x", b"x"),
            (
                b"\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x04\x38\0",
                b"\0",
            ),
        ] {
            let established = Some(Output::Established(first.to_vec()));
            let steps: [Step<'_>; 2] = [(b"\x05\x00", write(request)), (reply, established)];
            check("socks5://proxy.test", host, b"\x05\x01\x00", &steps);
        }
    }
}

/// RFC 1929: user and password are sent only to a proxy that asks for them.
#[test]
fn credentials_are_sent_when_asked_for() {
    let url = "socks5h://user:pass@proxy.test";
    let greeting = b"\x05\x02\x00\x02";
    let login = write(b"\x01\x04user\x04pass");
    check(url, "orders.test", greeting, &[(b"\x05\x00", write(NAMED))]);
    let accepted: [Step<'_>; 2] = [(b"\x05\x02", login), (b"\x01\x00", write(NAMED))];
    check(url, "orders.test", greeting, &accepted);
    let login = write(b"\x01\x04user\x04pass");
    let rejected: [Step<'_>; 2] = [
        (b"\x05\x02", login),
        (b"\x01\x01", failed(ProxyErrorKind::CredentialsRejected)),
    ];
    check(url, "orders.test", greeting, &rejected);
}

/// Every refusal has its kind.
#[test]
fn refusals_have_kinds() {
    let url = "socks5://proxy.test";
    let no_method = ProxyErrorKind::NoAuthMethod {
        with_credentials: false,
    };
    let malformed = |text: &str| failed(ProxyErrorKind::Malformed(text.into()));
    for (reply, output) in [
        (&b"\x05\xff"[..], failed(no_method)),
        (b"\x05\x02", malformed("\\x05\\x02")),
        (b"\x04\x00", malformed("\\x04\\x00")),
        (b"HTTP/1.1 400", malformed("HTTP/1.1 400")),
    ] {
        check(url, "orders.test", b"\x05\x01\x00", &[(reply, output)]);
    }
    for (reply, output) in [
        (&b"\x05\x05"[..], failed(ProxyErrorKind::SocksRefused(5))),
        (
            b"\x05\x63\x00\x01",
            failed(ProxyErrorKind::SocksRefused(99)),
        ),
        (
            b"\x05\x00\x00\x02\x00",
            malformed("\\x05\\x00\\x00\\x02\\x00"),
        ),
        (b"\x05\x00\x07", malformed("\\x05\\x00\\x07")),
        (b"\x01", malformed("\\x01")),
    ] {
        let steps: [Step<'_>; 2] = [(b"\x05\x00", write(NAMED)), (reply, output)];
        check(url, "orders.test", b"\x05\x01\x00", &steps);
    }
    let mut handshake = started(url, "orders.test");
    assert!(handshake.poll_output().is_some());
    handshake.handle_end();
    assert_eq!(handshake.poll_output(), failed(ProxyErrorKind::Closed));
}

/// However the replies are cut, the result is the same.
#[test]
fn pieces_do_not_matter() {
    let replies = b"\x05\x02\x01\x00\x05\x00\x00\x03\x02ab\x04\x38PRI";
    for size in 1..replies.len() {
        let mut handshake = started("socks5://user:pass@proxy.test", "orders.test");
        let mut pieces = replies.chunks(size);
        let first = loop {
            match handshake.poll_output() {
                Some(Output::Write(_)) => {}
                Some(Output::Established(first)) => break first,
                Some(Output::Failed(kind)) => panic!("{kind:?}"),
                None => handshake.handle_input(pieces.next().expect("more pieces")),
            }
        };
        let first: Vec<u8> = first.into_iter().chain(pieces.flatten().copied()).collect();
        assert_eq!(first, b"PRI", "in pieces of {size}");
    }
}

/// Whatever arrives, the negotiation ends or waits, and never panics.
#[test]
fn any_bytes_end_in_order() {
    let mut random = trunkline_backoff::Rng::from_seed(7);
    for _ in 0..20_000 {
        let mut handshake = started("socks5://user:pass@proxy.test", "orders.test");
        let mut is_over = false;
        for _ in 0..random.below(30) {
            match handshake.poll_output() {
                Some(Output::Write(_)) => {}
                Some(_) => {
                    is_over = true;
                    break;
                }
                None => {
                    let byte = [5, 0, 0, 1, 3, 2, 4, 255][random.below(8)];
                    handshake.handle_input(&[byte]);
                }
            }
        }
        handshake.handle_end();
        let mut outputs = std::iter::from_fn(|| handshake.poll_output());
        let last = outputs.by_ref().last();
        assert!(is_over || matches!(last, Some(Output::Failed(_) | Output::Established(_))));
    }
}
