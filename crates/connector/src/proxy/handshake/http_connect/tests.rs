//! The response to CONNECT: RFC 9110 section 9.3.6, RFC 9112.

use super::*;
use crate::proxy::handshake::Handshake;

fn server(url: &str) -> ProxyServer {
    url.parse().expect("the URL of a proxy")
}

/// Starts a handshake for `orders.test:443`, whose request was written.
fn asked(url: &str) -> Handshake {
    let mut handshake = Handshake::new(&server(url), &Destination::new("orders.test", 443));
    assert!(matches!(handshake.poll_output(), Some(Output::Write(_))));
    assert_eq!(handshake.poll_output(), None);
    handshake
}

/// Returns the output after these pieces, and after the end of the connection if there is none
/// before.
fn answered(pieces: &[&[u8]]) -> Output {
    let mut handshake = asked("http://proxy.test:3128");
    for piece in pieces {
        handshake.handle_input(piece);
        if let Some(output) = handshake.poll_output() {
            return output;
        }
    }
    handshake.handle_end();
    handshake.poll_output().expect("the end decides")
}

fn established(first: &[u8]) -> Output {
    Output::Established(first.to_vec())
}

fn refused(status: u16, status_line: &str, excerpt: &str) -> Output {
    Output::Failed(ProxyErrorKind::Refused(Box::new(ProxyRefusal {
        status,
        status_line: status_line.into(),
        challenges: Box::default(),
        excerpt: excerpt.into(),
        with_credentials: false,
    })))
}

fn malformed(start: &str) -> Output {
    Output::Failed(ProxyErrorKind::Malformed(start.into()))
}

/// The request target is the host and port alone; `Host` repeats them; credentials are Basic
/// (RFC 7617: the example of its section 2).
#[test]
fn the_request_is_authority_form() {
    for (url, destination, expected) in [
        (
            "proxy.test",
            Destination::new("orders.test", 443),
            "CONNECT orders.test:443 HTTP/1.1\r\nHost: orders.test:443\r\nUser-Agent: UA\r\n\r\n",
        ),
        (
            "http://Aladdin:open%20sesame@proxy.test",
            Destination::new("2001:db8::1", 8443),
            "CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\nUser-Agent: UA\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
        ),
    ] {
        let mut handshake = Handshake::new(&server(url), &destination);
        let expected = expected.replace("UA", USER_AGENT).into_bytes();
        assert_eq!(handshake.poll_output(), Some(Output::Write(expected)));
    }
}

/// A name that would break the request is never sent.
#[test]
fn bad_names_are_not_sent() {
    for name in ["", "a b", "a\r\nHost: b", "ü.test", "a/b", &"a".repeat(256)] {
        for url in ["http://proxy.test", "socks5://proxy.test"] {
            let mut handshake = Handshake::new(&server(url), &Destination::new(name, 443));
            let failed = Output::Failed(ProxyErrorKind::Unsendable);
            assert_eq!(handshake.poll_output(), Some(failed), "{name:?}");
        }
    }
}

/// Any 2xx status switches to the tunnel at the end of the head, whatever its headers are; the bytes
/// after it belong to the tunnel.
#[test]
fn success_starts_the_tunnel() {
    for (response, first) in [
        (
            &b"HTTP/1.1 200 Connection established\r\n\r\n"[..],
            &b""[..],
        ),
        (b"HTTP/1.0 200\r\n\r\nPRI", b"PRI"),
        (
            b"HTTP/1.1 204 No Content\r\nVia: x\r\n\r\n\r\n\r\n",
            b"\r\n\r\n",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\0\0", b"\0\0"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n",
            b"3\r\n",
        ),
        (b"HTTP/1.1 200 OK\n\nrest", b"rest"),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest",
            b"rest",
        ),
    ] {
        assert_eq!(
            answered(&[response]),
            established(first),
            "{}",
            response.escape_ascii()
        );
    }
}

/// A refusal is quoted: its status line, and the start of its body as far as it goes.
#[test]
fn refusals_are_quoted() {
    for (response, expected) in [
        (
            &b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\nno route\nGET"[..],
            refused(502, "HTTP/1.1 502 Bad Gateway", "no route"),
        ),
        (
            b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nnope\r\n0\r\n\r\n",
            refused(403, "HTTP/1.1 403 Forbidden", "nope"),
        ),
        (
            b"HTTP/1.0 503 \r\n\r\n\x1b[31mdown\x1b[0m \r\n for\tnow",
            refused(503, "HTTP/1.0 503", "\\u{1b}[31mdown\\u{1b}[0m for now"),
        ),
        (
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            refused(101, "HTTP/1.1 101 Switching Protocols", ""),
        ),
        (
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
            refused(302, "HTTP/1.1 302 Found", ""),
        ),
    ] {
        assert_eq!(answered(&[response]), expected, "{}", response.escape_ascii());
    }
}

/// A 407 names the schemes that the proxy accepts.
#[test]
fn challenges_are_named() {
    let response = b"HTTP/1.1 407 Proxy Authentication Required\r\n\
        Proxy-Authenticate: Basic realm=\"corp\"\r\nproxy-authenticate:NTLM\r\nContent-Length: 0\r\n\r\n";
    let mut handshake = asked("http://user:secret@proxy.test");
    handshake.handle_input(response);
    let Some(Output::Failed(ProxyErrorKind::Refused(refusal))) = handshake.poll_output() else {
        panic!("not refused");
    };
    assert_eq!(&*refusal.challenges, "Basic, NTLM");
    assert_eq!((refusal.status, refusal.with_credentials), (407, true));
}

/// What is not HTTP/1 is refused at its first wrong byte, and quoted.
#[test]
fn other_protocols_are_refused() {
    for (response, expected) in [
        (
            &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
            malformed("SSH-2.0-OpenSSH_9.6"),
        ),
        (
            b"\x15\x03\x01\x00\x02",
            malformed("\\u{15}\\u{3}\\u{1}\\u{0}\\u{2}"),
        ),
        (b"HTTP/2 200\r\n\r\n", malformed("HTTP/2 200")),
        (b"HTTP/1.1 2000\r\n\r\n", malformed("HTTP/1.1 2000")),
        (b"HTTP/1.1 099 x\r\n\r\n", malformed("HTTP/1.1 099 x")),
        (b"HTTP/1.1\r\n\r\n", malformed("HTTP/1.1")),
        (b"\r\nHTTP/1.1 200\r\n\r\n", malformed("HTTP/1.1 200")),
        (b"", Output::Failed(ProxyErrorKind::Closed)),
        (
            b"HTTP/1.1 200 OK\r\n",
            Output::Failed(ProxyErrorKind::Closed),
        ),
    ] {
        assert_eq!(
            answered(&[response]),
            expected,
            "{}",
            response.escape_ascii()
        );
    }
}

/// A head without end is given up at its limit, whether it is one line, many headers, or many
/// responses that are not final; a body without end, too.
#[test]
fn endless_answers_are_given_up() {
    let too_long = Output::Failed(ProxyErrorKind::HeadTooLong(MAX_HEAD));
    for part in [&b"a"[..], b"x: y\r\n", b"\r\nHTTP/1.1 103 Early Hints\r\n"] {
        let mut handshake = asked("http://proxy.test");
        handshake.handle_input(b"HTTP/1.1 103 Early Hints\r\n");
        let mut sent = 0;
        let output = loop {
            handshake.handle_input(part);
            sent += part.len();
            if let Some(output) = handshake.poll_output() {
                break output;
            }
            assert!(sent < 10 * MAX_HEAD, "no end");
        };
        assert_eq!(output, too_long);
    }
    let mut handshake = asked("http://proxy.test");
    handshake.handle_input(b"HTTP/1.1 500 x\r\n\r\n");
    for _ in 0..MAX_BODY {
        assert!(handshake.is_refused());
        handshake.handle_input(b"a");
    }
    let body = format!("{}...", "a".repeat(QUOTED));
    assert_eq!(
        handshake.poll_output(),
        Some(refused(500, "HTTP/1.1 500 x", &body))
    );
}

/// However an answer is cut into pieces, the result is the same, and no byte of the tunnel is lost.
#[test]
fn pieces_do_not_matter() {
    let answers: [&[u8]; 4] = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: x\r\n\r\n\0\0\x12\x04",
        b"HTTP/1.1 502 Bad\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 403 x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 20x no\r\n\r\n",
    ];
    for answer in answers {
        let whole = answered(&[answer]);
        for size in 1..answer.len() {
            let mut handshake = asked("http://proxy.test:3128");
            let mut pieces = answer.chunks(size);
            let output = loop {
                match pieces.next() {
                    Some(piece) => handshake.handle_input(piece),
                    None => handshake.handle_end(),
                }
                if let Some(output) = handshake.poll_output() {
                    break output;
                }
            };
            // The pieces after the head are read by the owner of the tunnel.
            let output = match output {
                Output::Established(first) => {
                    let rest = pieces.flatten().copied();
                    Output::Established(first.into_iter().chain(rest).collect())
                }
                other => other,
            };
            assert_eq!(output, whole, "in pieces of {size}");
        }
    }
}

/// Whatever arrives, the handshake ends by itself or waits, never panics, and keeps a bounded number
/// of bytes. The bytes are made of parts of real answers, so that all branches are reached.
#[test]
fn any_bytes_end_in_order() {
    let parts: [&[u8]; 16] = [
        b"HTTP/1.1 ",
        b"200",
        b"407",
        b"100",
        b" ",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b":",
        b"Content-Length: 3",
        b"Transfer-Encoding: chunked",
        b"Proxy-Authenticate: ,",
        b"ffffffffffffffffffff\r\n",
        b"\xff\xfe",
        b"\0",
        b"0\r\n\r\n",
    ];
    let mut random = trunkline_backoff::Rng::from_seed(7);
    for _ in 0..20_000 {
        let mut handshake = asked("http://u:p@proxy.test");
        handshake.handle_input(if random.below(2) == 0 {
            b"HTTP/1.1 2"
        } else {
            b"HTTP/1.1 407 x\r\n"
        });
        for _ in 0..random.below(40) {
            let part = parts[random.below(16)];
            handshake.handle_input(part);
            if let Some(output) = handshake.poll_output() {
                assert!(!matches!(output, Output::Write(_)));
                assert_eq!(handshake.poll_output(), None);
                break;
            }
        }
        handshake.handle_end();
        let Handshake::HttpConnect(connect) = handshake else {
            panic!("another protocol");
        };
        assert!(matches!(connect.state, State::Done | State::End(_)));
    }
}
