use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use trunkline_runtime::{Received, Runtime, UdpOptions};

use crate::BOUND;

shells! {
    sends_and_receives
    reports_a_closed_port
    a_closed_port_ends_a_pending_receive
    reports_truncation
    wants_one_family
    ignores_strangers
}

/// A peer on loopback, and our socket that is connected to it.
struct Pair {
    ours: Box<dyn trunkline_runtime::UdpSocket>,
    theirs: UdpSocket,
}

impl Pair {
    fn new(runtime: &dyn Runtime) -> Self {
        let theirs = UdpSocket::bind("127.0.0.1:0").unwrap();
        theirs.set_read_timeout(Some(BOUND)).unwrap();
        let address = theirs.local_addr().unwrap();
        let ours = runtime.connect_udp(address, &UdpOptions::default());
        Self {
            ours: ours.unwrap(),
            theirs,
        }
    }

    async fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        poll_fn(|cx| self.ours.poll_send(cx, datagram)).await
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        poll_fn(|cx| self.ours.poll_recv(cx, buffer)).await
    }

    /// Closes the peer's port for our datagrams: connects it to another peer, which is returned. The port
    /// is held, so that no other test gets it.
    fn close_theirs(&self) -> UdpSocket {
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        self.theirs.connect(other.local_addr().unwrap()).unwrap();
        other
    }

    /// Sends one datagram, from which the peer learns our address.
    async fn greet(&mut self) -> SocketAddr {
        self.send(b"hello").await.unwrap();
        let mut buffer = [0; 16];
        let (len, from) = self.theirs.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"hello");
        from
    }
}

/// A datagram is sent, and one is received.
async fn sends_and_receives(runtime: Arc<dyn Runtime>) {
    let mut pair = Pair::new(&*runtime);
    let from = pair.greet().await;
    pair.theirs.send_to(b"answer", from).unwrap();
    let mut buffer = [0; 16];
    let received = pair.receive(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..received.len], b"answer");
    assert!(!received.truncated);
}

/// A closed port is the error of the next operation.
async fn reports_a_closed_port(runtime: Arc<dyn Runtime>) {
    let mut pair = Pair::new(&*runtime);
    let _other = pair.close_theirs();
    pair.send(b"hello").await.unwrap();
    let error = pair.receive(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// The report of a closed port ends a receive that was pending before it.
async fn a_closed_port_ends_a_pending_receive(runtime: Arc<dyn Runtime>) {
    let mut pair = Pair::new(&*runtime);
    let _other = pair.close_theirs();
    let mut sent = false;
    let received = poll_fn(|cx| {
        let received = pair.ours.poll_recv(cx, &mut [0; 16]);
        if !sent {
            assert!(received.is_pending());
            sent = pair
                .ours
                .poll_send(cx, b"hello")
                .map(Result::unwrap)
                .is_ready();
        }
        received
    });
    let error = received.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// A datagram longer than the buffer is truncated; one that fills the buffer exactly is not.
async fn reports_truncation(runtime: Arc<dyn Runtime>) {
    let mut pair = Pair::new(&*runtime);
    let from = pair.greet().await;
    pair.theirs.send_to(b"12345", from).unwrap();
    pair.theirs.send_to(b"1234", from).unwrap();
    for truncated in [true, false] {
        let mut buffer = [0; 4];
        let received = pair.receive(&mut buffer).await.unwrap();
        assert_eq!(received, Received { len: 4, truncated });
        assert_eq!(&buffer, b"1234");
    }
}

/// A local address of the wrong family is an error that names both addresses.
async fn wants_one_family(runtime: Arc<dyn Runtime>) {
    let mut options = UdpOptions::default();
    options.bind = Some("::1".parse().unwrap());
    let peer = SocketAddr::from(([127, 0, 0, 1], 9));
    let error: io::Error = runtime.connect_udp(peer, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = "cannot bind ::1 to connect to 127.0.0.1:9: they are not of the same address family";
    assert_eq!(error.to_string(), text);
}

/// The kernel drops datagrams from any other address than the peer's.
async fn ignores_strangers(runtime: Arc<dyn Runtime>) {
    let mut pair = Pair::new(&*runtime);
    let from = pair.greet().await;
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(b"forged", from).unwrap();
    pair.theirs.send_to(b"answer", from).unwrap();
    let mut buffer = [0; 16];
    let received = pair.receive(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..received.len], b"answer");
}
