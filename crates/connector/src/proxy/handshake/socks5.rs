//! SOCKS version 5.

use std::net::IpAddr;

use super::output::{Output, is_sendable};
use crate::proxy::destination::Destination;
use crate::proxy::error::{ProxyErrorKind, readable};
use crate::proxy::server::ProxyServer;

// Source: RFC 1928, https://www.rfc-editor.org/rfc/rfc1928
const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const RESERVED: u8 = 0;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
const SUCCEEDED: u8 = 0;

// Source: RFC 1929, https://www.rfc-editor.org/rfc/rfc1929
const AUTHENTICATION_VERSION: u8 = 1;

/// The most characters of a bad reply that are quoted.
const QUOTED: usize = 60;

/// A SOCKS negotiation.
///
/// Source: [RFC 1928](https://www.rfc-editor.org/rfc/rfc1928),
/// [RFC 1929](https://www.rfc-editor.org/rfc/rfc1929).
#[derive(Debug)]
pub(crate) struct Socks5 {
    /// The request for user and password, if there are any.
    login: Option<Secret>,
    connect: Vec<u8>,
    /// What has arrived of the next reply. A reply has at most 262 bytes, so longer input is that of
    /// the tunnel.
    received: Vec<u8>,
    expects: Expects,
    output: Option<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    Method,
    Login,
    Connect,
    Nothing,
}

/// A request that has a password.
struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl Socks5 {
    pub(crate) fn new(server: &ProxyServer, destination: &Destination) -> Self {
        let login = server.credentials().map(|credentials| {
            let mut login = vec![AUTHENTICATION_VERSION];
            for text in [&credentials.user, &credentials.password] {
                push_short(&mut login, text);
            }
            Secret(login)
        });
        let greeting = match login {
            Some(_) => vec![VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
            None => vec![VERSION, 1, NO_AUTHENTICATION],
        };
        let (expects, output) = if destination.name().is_none_or(is_sendable) {
            (Expects::Method, Output::Write(greeting))
        } else {
            let failed = Output::Failed(ProxyErrorKind::Unsendable);
            (Expects::Nothing, failed)
        };
        Self {
            login,
            connect: connect(destination),
            received: Vec::new(),
            expects,
            output: Some(output),
        }
    }

    pub(crate) fn handle_input(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        while self.output.is_none() && self.read_reply() {}
    }

    pub(crate) fn handle_end(&mut self) {
        if self.expects != Expects::Nothing {
            self.end(Output::Failed(ProxyErrorKind::Closed));
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        let output = self.output.take();
        if output.is_none() && self.read_reply() {
            return self.output.take();
        }
        output
    }

    fn end(&mut self, output: Output) {
        self.expects = Expects::Nothing;
        self.output = Some(output);
    }

    fn malformed(&mut self) {
        let text = readable(self.received.escape_ascii().to_string().as_bytes(), QUOTED);
        self.end(Output::Failed(ProxyErrorKind::Malformed(text)));
    }

    /// Reads the next reply if it is complete, and sets the next output. Returns false if nothing
    /// was read.
    fn read_reply(&mut self) -> bool {
        match (self.expects, &self.received[..]) {
            (Expects::Method, [VERSION, NO_AUTHENTICATION, ..]) => self.ask_to_connect(2),
            (Expects::Method, [VERSION, USER_AND_PASSWORD, ..]) if self.login.is_some() => {
                self.received.drain(..2);
                self.expects = Expects::Login;
                let login = self.login.take().map(|login| login.0);
                self.output = login.map(Output::Write);
            }
            (Expects::Method, [VERSION, NO_METHOD, ..]) => {
                let with_credentials = self.login.is_some();
                let kind = ProxyErrorKind::NoAuthMethod { with_credentials };
                self.end(Output::Failed(kind));
            }
            (Expects::Login, [AUTHENTICATION_VERSION, SUCCEEDED, ..]) => self.ask_to_connect(2),
            (Expects::Login, [AUTHENTICATION_VERSION, _, ..]) => {
                self.end(Output::Failed(ProxyErrorKind::CredentialsRejected));
            }
            (Expects::Connect, [VERSION, code, ..]) if *code != SUCCEEDED => {
                let kind = ProxyErrorKind::SocksRefused(*code);
                self.end(Output::Failed(kind));
            }
            (Expects::Connect, [VERSION, SUCCEEDED, RESERVED, kind, first, ..]) => {
                let address = match *kind {
                    IPV4 => 4,
                    IPV6 => 16,
                    NAME => 1 + usize::from(*first),
                    _ => {
                        self.malformed();
                        return true;
                    }
                };
                // Four bytes, the address, and a port.
                let length = 4 + address + 2;
                if self.received.len() < length {
                    return false;
                }
                let rest = self.received.split_off(length);
                self.end(Output::Established(rest));
            }
            (Expects::Nothing, _) => return false,
            (expects, received) if can_be_reply(expects, received) => return false,
            _ => self.malformed(),
        }
        true
    }

    fn ask_to_connect(&mut self, read: usize) {
        self.received.drain(..read);
        self.expects = Expects::Connect;
        self.output = Some(Output::Write(std::mem::take(&mut self.connect)));
    }
}

/// Returns whether these bytes can be the start of the expected reply.
fn can_be_reply(expects: Expects, received: &[u8]) -> bool {
    let version = match expects {
        Expects::Login => AUTHENTICATION_VERSION,
        _ => VERSION,
    };
    match received {
        [] => true,
        [first] => *first == version,
        [first, SUCCEEDED] => *first == version && expects == Expects::Connect,
        [first, SUCCEEDED, RESERVED] => *first == version && expects == Expects::Connect,
        [first, SUCCEEDED, RESERVED, IPV4 | NAME | IPV6] => {
            *first == version && expects == Expects::Connect
        }
        _ => false,
    }
}

fn connect(destination: &Destination) -> Vec<u8> {
    let mut request = vec![VERSION, CONNECT, RESERVED];
    match destination.ip() {
        Some(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend(ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend(ip.octets());
        }
        None => {
            request.push(NAME);
            push_short(&mut request, destination.name().unwrap_or("").as_bytes());
        }
    }
    request.extend(destination.port().to_be_bytes());
    request
}

/// Appends a text of at most 255 bytes after its length, which has one byte. The length was checked
/// before: a longer text would be cut.
fn push_short(request: &mut Vec<u8>, text: &[u8]) {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    request.push(length);
    request.extend(&text[..usize::from(length)]);
}

#[cfg(test)]
mod tests;
