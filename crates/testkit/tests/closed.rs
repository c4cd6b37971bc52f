//! Closed ports refuse as long as they are held, because other tests rely on it.

use std::io::{ErrorKind, Result};
use std::net::{TcpListener, TcpStream, UdpSocket};

use trunkline_testkit::closed::{ClosedTcp, ClosedUdp};

/// A TCP port refuses connections, is not free for others, and accepts once it listens.
#[test]
fn tcp() -> Result<()> {
    let closed = ClosedTcp::new()?;
    let address = closed.address();
    let refused = TcpStream::connect(address).expect_err("nothing listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let taken = TcpListener::bind(address).expect_err("the port is held");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);

    let listener = closed.listen()?;
    let client = TcpStream::connect(address)?;
    assert_eq!(listener.accept()?.1, client.local_addr()?);
    Ok(())
}

/// The sender of a datagram to a UDP port learns that it is refused, and the port is not free for others.
#[test]
fn udp() -> Result<()> {
    let closed = ClosedUdp::new()?;
    let client = UdpSocket::bind("127.0.0.1:0")?;
    client.connect(closed.address())?;
    client.send(&[1])?;
    let refused = client.recv(&mut [0]).expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let taken = UdpSocket::bind(closed.address()).expect_err("the port is held");
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    Ok(())
}
