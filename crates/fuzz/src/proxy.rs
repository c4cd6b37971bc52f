//! The answers of proxies, and the texts that name them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use trunkline_connector::{Destination, NoProxy, ProxyProtocol, ProxyServer, open_tunnel};
use trunkline_runtime::{PeerAddr, Stream};
use trunkline_sim::Sim;

/// The longest text of an error. It quotes a status line, challenges and a body, each of at most 200
/// characters, which are escaped.
const LONGEST_TEXT: usize = 8 * 1024;

/// Whatever a proxy answers, and however that is cut into pieces, the tunnel has exactly the bytes
/// after the answer, or the error is short and has no control characters.
pub fn proxy_answer(data: &[u8]) {
    let Some((choice, answer)) = data.split_first() else {
        return;
    };
    let whole = ask(*choice, answer, answer.len().max(1)).map_err(check_text);
    for size in [1, 2, 3, 7] {
        let pieces = ask(*choice, answer, size).map_err(check_text);
        assert_eq!(pieces, whole, "in pieces of {size}");
    }
    if let Ok(rest) = whole {
        assert!(answer.ends_with(&rest), "the tunnel begins elsewhere");
    }
}

/// Checks the text of an error. What it quotes depends on what has arrived so far.
fn check_text(text: String) {
    assert!(text.len() < LONGEST_TEXT, "{} bytes", text.len());
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(!text.contains("s3cret"), "{text}");
}

/// Asks a proxy for a tunnel. Returns what comes through it, or the text of the error.
fn ask(choice: u8, answer: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let protocol = if choice & 1 == 0 {
        ProxyProtocol::HttpConnect
    } else {
        ProxyProtocol::Socks5
    };
    let mut server = ProxyServer::new(protocol, "proxy.test", 3128);
    if choice & 2 == 0 {
        server = server
            .with_credentials("orders", "s3cret")
            .expect("short texts");
    }
    let to = Destination::new("orders.test", 443);
    let stream = Box::new(Answer {
        bytes: answer.to_vec(),
        size,
    });
    let runtime = Sim::new(1).runtime();
    let mut cx = Context::from_waker(Waker::noop());
    let mut asking = pin!(open_tunnel(&server, &to, stream, runtime, Duration::MAX));
    // The stream is always ready, so there is nothing to wait for.
    let Poll::Ready(made) = asking.as_mut().poll(&mut cx) else {
        panic!("the handshake waits, and nothing can come");
    };
    let mut tunnel = made.map_err(|error| error.to_string())?;
    let mut rest = Vec::new();
    let mut buffer = [0; 16];
    while let Poll::Ready(Ok(length @ 1..)) = Pin::new(&mut tunnel).poll_read(&mut cx, &mut buffer)
    {
        rest.extend_from_slice(&buffer[..length]);
    }
    Ok(rest)
}

/// A stream that takes everything, and returns an answer in pieces, then the end.
#[derive(Debug)]
struct Answer {
    bytes: Vec<u8>,
    size: usize,
}

impl AsyncRead for Answer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let length = self.size.min(self.bytes.len()).min(buffer.len());
        let piece: Vec<u8> = self.bytes.drain(..length).collect();
        buffer[..length].copy_from_slice(&piece);
        Poll::Ready(Ok(length))
    }
}

impl AsyncWrite for Answer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Answer {
    fn peer_addr(&self) -> PeerAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 3128)).into()
    }

    fn abort(self: Box<Self>) {}
}

/// The URL of a proxy without user and password is printed as it is parsed, and no text has the
/// password. A list of direct destinations that names an address has it.
pub fn proxy_texts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match ProxyServer::from_str(text) {
        Ok(server) => {
            let printed = server.to_string();
            let again = ProxyServer::from_str(&printed).expect("what is printed is a URL");
            assert_eq!(again.to_string(), printed);
            assert_eq!(
                (again.protocol(), again.host(), again.port()),
                (server.protocol(), server.host(), server.port())
            );
        }
        Err(error) => assert!(error.to_string().len() < 256, "{error}"),
    }
    let Ok(list) = NoProxy::from_str(text);
    let entries = text.split(|c: char| c == ',' || c.is_whitespace());
    for ip in entries.filter_map(|entry| entry.parse::<IpAddr>().ok()) {
        let destination = Destination::from(SocketAddr::new(ip, 443));
        assert!(list.contains(&destination), "{ip}");
    }
}
