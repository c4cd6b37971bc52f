use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use socket2::{Domain, Socket, Type};
use trunkline_runtime::{PeerAddr, Runtime, Stream, TcpOptions};

use crate::BOUND;

shells! {
    connects_over_ipv4
    connects_over_ipv6
    refuses_v4_mapped
    close_sends_fin
    reports_a_refused_connection
    abort_resets
    close_after_a_reset_is_no_error
    binds_the_local_address
    takes_every_portable_option
    takes_every_time
}

/// Returns a connection: our end, and the peer's end, which blocks for at most `BOUND`.
async fn pair(runtime: &dyn Runtime, bind: &str) -> (Box<dyn Stream>, TcpStream) {
    let listener = TcpListener::bind(bind).unwrap();
    let address = listener.local_addr().unwrap();
    let ours = runtime.connect_tcp(address, &TcpOptions::default()).await;
    let (theirs, local) = listener.accept().unwrap();
    theirs.set_read_timeout(Some(BOUND)).unwrap();
    let ours = ours.unwrap();
    assert_eq!(ours.peer_addr(), PeerAddr::Ip(address));
    assert_eq!(ours.local_addr(), Some(PeerAddr::Ip(local)));
    (ours, theirs)
}

/// Connects to `bind`, and sends bytes both ways.
async fn check_exchange(runtime: &dyn Runtime, bind: &str) {
    let (mut ours, mut theirs) = pair(runtime, bind).await;
    let parts = [IoSlice::new(b"to "), IoSlice::new(b"there")];
    assert_eq!(ours.write_vectored(&parts).await.unwrap(), 8);
    let mut buffer = [0; 8];
    theirs.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"to there");
    theirs.write_all(b"and back").unwrap();
    ours.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"and back");
}

/// A connection carries bytes both ways.
async fn connects_over_ipv4(runtime: Arc<dyn Runtime>) {
    check_exchange(&*runtime, "127.0.0.1:0").await;
}

/// The same over IPv6.
async fn connects_over_ipv6(runtime: Arc<dyn Runtime>) {
    check_exchange(&*runtime, "[::1]:0").await;
}

/// An IPv6 socket never reaches an IPv4 destination (IPV6_V6ONLY).
async fn refuses_v4_mapped(runtime: Arc<dyn Runtime>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    let peer = SocketAddr::from((mapped, port));
    let connected = runtime.connect_tcp(peer, &TcpOptions::default()).await;
    assert_eq!(connected.unwrap_err().kind(), ErrorKind::NetworkUnreachable);
}

/// `poll_close` ends our direction only; when the peer drops its end, our stream ends.
async fn close_sends_fin(runtime: Arc<dyn Runtime>) {
    let (mut ours, mut theirs) = pair(&*runtime, "127.0.0.1:0").await;
    ours.close().await.unwrap();
    assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 0);
    theirs.write_all(b"still").unwrap();
    drop(theirs);
    let mut rest = Vec::new();
    ours.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"still");
}

/// The error for a closed port is the system's.
async fn reports_a_refused_connection(runtime: Arc<dyn Runtime>) {
    // Bound, and not listening: no other test gets the port.
    let held = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    held.bind(&any.into()).unwrap();
    let address = held.local_addr().unwrap().as_socket().unwrap();
    let connected = runtime.connect_tcp(address, &TcpOptions::default()).await;
    assert_eq!(connected.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

/// `abort` sends RST.
async fn abort_resets(runtime: Arc<dyn Runtime>) {
    let (ours, mut theirs) = pair(&*runtime, "127.0.0.1:0").await;
    ours.abort();
    let error = theirs.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// Closing a stream that the peer has reset is no error: there is nothing left to close.
async fn close_after_a_reset_is_no_error(runtime: Arc<dyn Runtime>) {
    let (mut ours, theirs) = pair(&*runtime, "127.0.0.1:0").await;
    socket2::SockRef::from(&theirs)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(theirs);
    let error = ours.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    ours.close().await.unwrap();
}

/// The local address that is bound is the one for the destination's family.
async fn binds_the_local_address(runtime: Arc<dyn Runtime>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = TcpOptions::default();
    options.bind_ipv4 = Some(Ipv4Addr::LOCALHOST);
    options.bind_ipv6 = Some("2001:db8::1".parse().unwrap());
    let address = listener.local_addr().unwrap();
    let _ours = runtime.connect_tcp(address, &options).await.unwrap();
    let (_theirs, peer) = listener.accept().unwrap();
    assert_eq!(peer.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
}

/// All options that need no privilege can be set at once.
async fn takes_every_portable_option(runtime: Arc<dyn Runtime>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = TcpOptions::default();
    options.keepalive = Some(Duration::from_millis(10));
    options.keepalive_interval = Some(Duration::ZERO);
    options.keepalive_probes = Some(3);
    if cfg!(target_os = "linux") {
        options.user_timeout = Some(Duration::from_secs(20));
        options.interface = Some("lo".to_owned());
    }
    let address = listener.local_addr().unwrap();
    runtime.connect_tcp(address, &options).await.unwrap();
}

/// Times and numbers that the kernel does not take are replaced by the nearest that it takes.
async fn takes_every_time(runtime: Arc<dyn Runtime>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for (time, probes) in [(Duration::ZERO, 0), (Duration::MAX, u32::MAX)] {
        let mut options = TcpOptions::default()
            .with_keepalive(time)
            .with_keepalive_interval(time)
            .with_keepalive_probes(probes);
        if cfg!(target_os = "linux") {
            options = options.with_user_timeout(time);
        }
        runtime.connect_tcp(address, &options).await.unwrap();
    }
}
