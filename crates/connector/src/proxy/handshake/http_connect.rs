//! HTTP CONNECT.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::excerpt::excerpt;
use super::output::{Output, is_sendable};
use crate::proxy::destination::Destination;
use crate::proxy::error::{ProxyErrorKind, ProxyRefusal, readable};
use crate::proxy::server::ProxyServer;

/// The most bytes of a response's head.
const MAX_HEAD: usize = 16 * 1024;

/// The most bytes of a refusal's body that are read. The pages of squid begin with 2 KiB of styles.
const MAX_BODY: usize = 8 * 1024;

/// The most characters of a text that are quoted.
const QUOTED: usize = 200;

/// The `user-agent` of the request, which some proxies want.
const USER_AGENT: &str = concat!("grpc-rust-trunkline/", env!("CARGO_PKG_VERSION"));

/// A CONNECT request and its response.
///
/// Source: [RFC 9110 section 9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6),
/// [RFC 9112](https://www.rfc-editor.org/rfc/rfc9112).
#[derive(Debug)]
pub(crate) struct HttpConnect {
    with_credentials: bool,
    /// The bytes of the heads that precede the final one.
    interim: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The request is to be written.
    Start(Request),
    /// The head of the response is incomplete.
    Head(Head),
    /// The proxy refused, and its body may follow.
    Body {
        refusal: ProxyRefusal,
        framing: Framing,
        body: Vec<u8>,
    },
    /// The last output.
    End(Output),
    Done,
}

/// What has arrived of a response's head.
#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
    /// The number of bytes in which the end of the head was looked for.
    searched: usize,
}

/// The request. It may have a password.
struct Request(Vec<u8>);

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

/// How the body of a refusal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// After this many bytes.
    Length(usize),
    /// In chunks, each after a line with its length.
    Chunked,
    /// With the connection.
    Close,
}

impl HttpConnect {
    pub(crate) fn new(server: &ProxyServer, destination: &Destination) -> Self {
        let is_sendable = destination.name().is_none_or(is_sendable);
        let state = if is_sendable {
            State::Start(Request(request(server, destination)))
        } else {
            State::End(Output::Failed(ProxyErrorKind::Unsendable))
        };
        Self {
            with_credentials: server.credentials().is_some(),
            interim: 0,
            state,
        }
    }

    pub(crate) fn handle_input(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Head(head) => {
                head.bytes.extend_from_slice(bytes);
                while self.read_head() {}
            }
            State::Body { body, .. } => {
                let room = MAX_BODY.saturating_sub(body.len());
                body.extend_from_slice(&bytes[..bytes.len().min(room)]);
                self.check_body();
            }
            State::Start(_) | State::End(_) | State::Done => {}
        }
    }

    pub(crate) fn handle_end(&mut self) {
        match &self.state {
            // What is not the start of a response was refused when it arrived.
            State::Head(_) => self.fail(ProxyErrorKind::Closed),
            State::Body { .. } => self.finish_refusal(),
            State::Start(_) | State::End(_) | State::Done => {}
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Start(request) => {
                self.state = State::Head(Head::default());
                Some(Output::Write(request.0))
            }
            State::End(output) => Some(output),
            waiting => {
                self.state = waiting;
                None
            }
        }
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.state, State::Body { .. })
    }

    fn fail(&mut self, kind: ProxyErrorKind) {
        self.state = State::End(Output::Failed(kind));
    }

    /// Reads the head of the response once it is complete. Returns true if another head follows it.
    fn read_head(&mut self) -> bool {
        let State::Head(head) = &mut self.state else {
            return false;
        };
        let end = head.find_end();
        let received = &mut head.bytes;
        if self.interim + end.unwrap_or(received.len()) > MAX_HEAD {
            self.fail(ProxyErrorKind::HeadTooLong(MAX_HEAD));
            return false;
        }
        let Some(end) = end else {
            if !is_http(received) {
                let kind = ProxyErrorKind::Malformed(readable(received, QUOTED));
                self.fail(kind);
            }
            return false;
        };
        let rest = received.split_off(end);
        let head = std::mem::take(received);
        let Some((status_line, status)) = status(&head) else {
            let kind = ProxyErrorKind::Malformed(readable(&head, QUOTED));
            self.fail(kind);
            return false;
        };
        match status {
            // A response that is not final precedes the final one. 101 is final, and no success.
            100 | 102..=199 => {
                self.interim += head.len();
                self.state = State::Head(Head {
                    bytes: rest,
                    searched: 0,
                });
                return true;
            }
            // There is no body, whatever the headers are: the tunnel begins after the head.
            200..=299 => self.state = State::End(Output::Established(rest)),
            _ => {
                let refusal = ProxyRefusal {
                    status,
                    status_line: readable(status_line, QUOTED),
                    challenges: readable(challenges(&head).as_bytes(), QUOTED),
                    excerpt: Box::default(),
                    with_credentials: self.with_credentials,
                };
                let framing = framing(&head);
                let body = Vec::new();
                self.state = State::Body {
                    refusal,
                    framing,
                    body,
                };
                self.handle_input(&rest);
            }
        }
        false
    }

    /// Ends the refusal once enough of its body has arrived.
    fn check_body(&mut self) {
        if let State::Body { framing, body, .. } = &self.state {
            let is_whole = match framing {
                Framing::Length(length) => body.len() >= *length,
                Framing::Chunked => body.ends_with(b"0\r\n\r\n"),
                Framing::Close => false,
            };
            if is_whole || body.len() >= MAX_BODY {
                self.finish_refusal();
            }
        }
    }

    fn finish_refusal(&mut self) {
        if let State::Body {
            refusal,
            framing,
            body,
        } = &mut self.state
        {
            let body = match framing {
                Framing::Length(length) => &body[..body.len().min(*length)],
                Framing::Chunked => first_chunk(body),
                Framing::Close => body,
            };
            refusal.excerpt = excerpt(body, QUOTED);
            let refusal = Box::new(refusal.clone());
            self.fail(ProxyErrorKind::Refused(refusal));
        }
    }
}

fn request(server: &ProxyServer, destination: &Destination) -> Vec<u8> {
    let mut request = format!(
        "CONNECT {destination} HTTP/1.1\r\nHost: {destination}\r\nUser-Agent: {USER_AGENT}\r\n"
    );
    if let Some(credentials) = server.credentials() {
        let (user, password) = (&credentials.user[..], &credentials.password[..]);
        let pair = [user, b":", password].concat();
        request.push_str("Proxy-Authorization: Basic ");
        STANDARD.encode_string(pair, &mut request);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// Returns whether these bytes can be the start of an HTTP/1 response.
fn is_http(head: &[u8]) -> bool {
    const VERSION: &[u8] = b"HTTP/1.";
    let compared = head.len().min(VERSION.len());
    head[..compared] == VERSION[..compared]
}

impl Head {
    /// Returns where the head ends: after the first empty line. A line may end without CR.
    fn find_end(&mut self) -> Option<usize> {
        for (at, byte) in self.bytes.iter().enumerate().skip(self.searched) {
            let line = &self.bytes[..at];
            if *byte == b'\n' && (line.ends_with(b"\n") || line.ends_with(b"\n\r")) {
                return Some(at + 1);
            }
        }
        self.searched = self.bytes.len();
        None
    }
}

/// Returns the status line and its status; `None` if it is not one of HTTP/1.
fn status(head: &[u8]) -> Option<(&[u8], u16)> {
    let line = head.split(|byte| *byte == b'\n').next()?.trim_ascii_end();
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (version, digits) = (parts.next()?, parts.next()?);
    let is_version = matches!(version, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor] if minor.is_ascii_digit());
    let is_status = digits.len() == 3 && digits.iter().all(u8::is_ascii_digit);
    if !is_version || !is_status {
        return None;
    }
    let status = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (status >= 100).then_some((line, status))
}

/// Iterates over the header fields.
fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()))
    })
}

fn values<'a>(head: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields(head)
        .filter(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value)
}

/// Returns the schemes of authentication that the proxy accepts. The parameters, such as a realm,
/// do not help and may be long.
fn challenges(head: &[u8]) -> String {
    let schemes = values(head, "proxy-authenticate").filter_map(|value| {
        let scheme = value.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-');
        let scheme = std::str::from_utf8(scheme.into_iter().next()?).ok()?;
        (!scheme.is_empty()).then(|| scheme.to_owned())
    });
    schemes.collect::<Vec<_>>().join(", ")
}

fn framing(head: &[u8]) -> Framing {
    if values(head, "transfer-encoding").any(|value| value.eq_ignore_ascii_case(b"chunked")) {
        return Framing::Chunked;
    }
    let length = values(head, "content-length").next();
    let length = length.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    length.map_or(Framing::Close, Framing::Length)
}

/// Returns the first chunk of a body, as far as it has arrived.
fn first_chunk(body: &[u8]) -> &[u8] {
    let Some(end) = body.iter().position(|byte| *byte == b'\n') else {
        return &[];
    };
    let (size, data) = (&body[..end], &body[end + 1..]);
    let digits = size.split(|byte| !byte.is_ascii_hexdigit()).next();
    let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    let size = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok());
    &data[..data.len().min(size.unwrap_or(0))]
}

#[cfg(test)]
mod tests;
