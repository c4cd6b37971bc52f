//! Connection attempts and established streams.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use futures_util::{AsyncReadExt, AsyncWriteExt};
use trunkline_runtime::{PeerAddr, Stream, TcpOptions, UnixAddr};
use trunkline_sim::{ConnectFate, IpVersion, Listener, Sim};

const MS: Duration = Duration::from_millis(1);

fn server() -> SocketAddr {
    "198.51.100.7:50051".parse().unwrap()
}

/// Returns a simulation in which the one-way latency to the server is 10 ms.
fn sim() -> Sim {
    let sim = Sim::new(1);
    sim.net().set_latency(server().ip(), 10 * MS);
    sim
}

async fn connect(sim: &Sim) -> std::io::Result<Box<dyn Stream>> {
    let runtime = sim.runtime();
    runtime.connect_tcp(server(), &TcpOptions::default()).await
}

/// Connects; returns the client's and the server's end.
async fn pair(sim: &Sim, listener: &mut Listener) -> (Box<dyn Stream>, Box<dyn Stream>) {
    let (client, accepted) = join(connect(sim), listener.accept()).await;
    (client.unwrap(), accepted.unwrap().0)
}

/// Checks the error of an attempt with this fate, and how long the attempt takes.
fn check_fate(fate: ConnectFate, kind: ErrorKind, after: Duration) {
    let sim = sim();
    let _listener = sim.net().listen(server()).unwrap();
    sim.net().set_fate(server(), fate);
    let error = sim.run(connect(&sim)).unwrap_err();
    assert_eq!((error.kind(), sim.elapsed()), (kind, after), "{fate:?}");
    assert_eq!(sim.net().attempts(server()), 1);
}

/// Each fate ends the attempt with its own error after its own time.
#[test]
fn fates_have_their_error_and_time() {
    check_fate(ConnectFate::Refuse, ErrorKind::ConnectionRefused, 20 * MS);
    check_fate(
        ConnectFate::HostUnreachable,
        ErrorKind::HostUnreachable,
        Duration::ZERO,
    );
    check_fate(
        ConnectFate::NetworkUnreachable,
        ErrorKind::NetworkUnreachable,
        Duration::ZERO,
    );
    check_fate(ConnectFate::Silent, ErrorKind::TimedOut, 133_700 * MS);
}

/// A port without a listener refuses the connection.
#[test]
fn a_closed_port_refuses() {
    let sim = sim();
    let error = sim.run(connect(&sim)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(sim.elapsed(), 20 * MS);
}

/// A connection is established after one round trip, and data arrives after the one-way latency.
#[test]
fn latency_is_one_way() {
    let sim = sim();
    let mut listener = sim.net().listen(server()).unwrap();
    sim.run(async {
        let (mut ours, mut theirs) = pair(&sim, &mut listener).await;
        assert_eq!(sim.elapsed(), 20 * MS);
        assert_eq!(ours.peer_addr(), PeerAddr::Ip(server()));
        assert_eq!(theirs.peer_addr().to_string(), "192.0.2.1:32768");
        assert_eq!(ours.local_addr(), Some(theirs.peer_addr()));
        assert_eq!(theirs.local_addr(), Some(ours.peer_addr()));
        ours.write_all(b"ping").await.unwrap();
        let mut buffer = [0; 4];
        theirs.read_exact(&mut buffer).await.unwrap();
        assert_eq!((&buffer, sim.elapsed()), (b"ping", 30 * MS));
        theirs.write_all(b"pong").await.unwrap();
        drop(theirs);
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).await.unwrap();
        assert_eq!((rest.as_slice(), sim.elapsed()), (&b"pong"[..], 40 * MS));
    });
    assert_eq!(sim.net().connections(), 0);
}

/// A stream whose write side is closed can still be read.
#[test]
fn close_ends_one_direction() {
    let sim = sim();
    let mut listener = sim.net().listen(server()).unwrap();
    sim.run(async {
        let (mut ours, mut theirs) = pair(&sim, &mut listener).await;
        ours.close().await.unwrap();
        assert_eq!(theirs.read(&mut [0; 8]).await.unwrap(), 0);
        let error = ours.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        theirs.write_all(b"still").await.unwrap();
        let mut buffer = [0; 5];
        ours.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"still");
    });
}

/// An abort resets the peer, which can still read what arrived before.
#[test]
fn abort_resets_the_peer() {
    let sim = sim();
    let mut listener = sim.net().listen(server()).unwrap();
    sim.run(async {
        let (mut ours, mut theirs) = pair(&sim, &mut listener).await;
        ours.write_all(b"last").await.unwrap();
        ours.abort();
        let mut buffer = [0; 4];
        theirs.read_exact(&mut buffer).await.unwrap();
        let error = theirs.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let error = theirs.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
    assert_eq!(sim.net().connections(), 0);
}

/// A write to an end that was closed is answered with a reset.
#[test]
fn a_write_to_a_closed_end_is_reset() {
    let sim = sim();
    let mut listener = sim.net().listen(server()).unwrap();
    sim.run(async {
        let (mut ours, theirs) = pair(&sim, &mut listener).await;
        drop(theirs);
        assert_eq!(ours.read(&mut [0; 8]).await.unwrap(), 0);
        ours.write_all(b"into the void").await.unwrap();
        sim.sleep(21 * MS).await;
        let error = ours.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

/// A writer waits while the buffer is full, and continues when the reader has read.
#[test]
fn a_full_buffer_holds_the_writer_back() {
    let sim = sim();
    sim.net().set_buffer(1000);
    let mut listener = sim.net().listen(server()).unwrap();
    sim.run(async {
        let (mut ours, mut theirs) = pair(&sim, &mut listener).await;
        assert_eq!(ours.write(&[1; 1500]).await.unwrap(), 1000);
        match select(ours.write(&[1; 500]), pin!(sim.sleep(1000 * MS))).await {
            Either::Left(_) => panic!("written past the buffer"),
            Either::Right(((), _)) => {}
        }
        assert_eq!(theirs.read(&mut [0; 600]).await.unwrap(), 600);
        assert_eq!(ours.write(&[1; 700]).await.unwrap(), 600);
    });
}

/// A reader that reads byte by byte does not cut the stream into packets of a byte: a writer that
/// has more to write waits for half of the buffer.
///
/// Source: [RFC 9293 section 3.8.6.2](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2).
#[test]
fn a_writer_waits_for_half_of_the_buffer() {
    let sim = sim();
    sim.net().set_buffer(1000);
    let mut listener = sim.net().listen(server()).unwrap();
    sim.run(async {
        let (mut ours, mut theirs) = pair(&sim, &mut listener).await;
        assert_eq!(ours.write(&[1; 1000]).await.unwrap(), 1000);
        let mut read = [0; 1];
        for _ in 0..499 {
            theirs.read_exact(&mut read).await.unwrap();
        }
        match select(ours.write(&[1; 2000]), pin!(sim.sleep(1000 * MS))).await {
            Either::Left(_) => panic!("written into a small gap"),
            Either::Right(((), _)) => {}
        }
        // What fits whole is written.
        assert_eq!(ours.write(&[1; 99]).await.unwrap(), 99);
        for _ in 0..100 {
            theirs.read_exact(&mut read).await.unwrap();
        }
        assert_eq!(ours.write(&[1; 2000]).await.unwrap(), 500);
    });
}

/// Dropping an attempt resets the server's end.
#[test]
fn a_dropped_attempt_is_reset() {
    let sim = sim();
    let mut listener = sim.net().listen(server()).unwrap();
    sim.run(async {
        match select(pin!(connect(&sim)), pin!(sim.sleep(15 * MS))).await {
            Either::Left(_) => panic!("connected before the round trip"),
            Either::Right(_) => {}
        }
        let (mut theirs, _) = listener.accept().await.unwrap();
        let error = theirs.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(sim.elapsed(), 30 * MS);
    });
}

/// What a stream sends on a cut path arrives after the path is healed.
#[test]
fn a_cut_path_delays_streams() {
    let sim = sim();
    let mut listener = sim.net().listen(server()).unwrap();
    sim.run(async {
        let (mut ours, mut theirs) = pair(&sim, &mut listener).await;
        sim.net().cut(server().ip());
        ours.write_all(b"one ").await.unwrap();
        ours.write_all(b"two").await.unwrap();
        let mut buffer = [0; 7];
        let (read, ()) = join(theirs.read_exact(&mut buffer), async {
            sim.sleep(5000 * MS).await;
            sim.net().heal(server().ip());
        })
        .await;
        read.unwrap();
        assert_eq!(&buffer, b"one two");
        assert_eq!(sim.elapsed(), 5030 * MS);
    });
}

/// A frozen host takes connections and bytes, and its processes see them when they go on.
#[test]
fn a_frozen_host_goes_on_later() {
    let sim = sim();
    let mut listener = sim.net().listen(server()).unwrap();
    sim.run(async {
        let (mut ours, mut theirs) = pair(&sim, &mut listener).await;
        sim.net().freeze(server().ip());
        ours.write_all(b"hello").await.unwrap();
        let mut buffer = [0; 5];
        match select(theirs.read(&mut buffer), pin!(sim.sleep(1000 * MS))).await {
            Either::Left(_) => panic!("a stopped process has read"),
            Either::Right(((), _)) => {}
        }
        let other = connect(&sim).await.unwrap();
        match select(pin!(listener.accept()), pin!(sim.sleep(1000 * MS))).await {
            Either::Left(_) => panic!("a stopped process has accepted"),
            Either::Right(((), _)) => {}
        }
        let (read, ()) = join(theirs.read_exact(&mut buffer), async {
            sim.sleep(1000 * MS).await;
            sim.net().thaw(server().ip());
        })
        .await;
        read.unwrap();
        assert_eq!(&buffer, b"hello");
        listener.accept().await.unwrap();
        drop(other);
    });
}

/// Killing a host resets its streams and refuses new ones until a server listens there again.
#[test]
fn a_killed_host_resets() {
    let sim = sim();
    let mut listener = sim.net().listen(server()).unwrap();
    sim.run(async {
        let (mut ours, _theirs) = pair(&sim, &mut listener).await;
        sim.net().kill(server().ip());
        let error = ours.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let error = listener.accept().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        let error = connect(&sim).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let mut again = sim.net().listen(server()).unwrap();
        drop(listener);
        pair(&sim, &mut again).await;
    });
}

/// A connection can be reset or stay silent after it was accepted.
#[test]
fn fates_after_the_handshake() {
    let sim = sim();
    sim.run(async {
        sim.net()
            .set_fate(server(), ConnectFate::ResetAfter(100 * MS));
        let mut ours = connect(&sim).await.unwrap();
        let error = ours.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(sim.elapsed(), 120 * MS);
        sim.net().set_fate(server(), ConnectFate::AcceptSilently);
        let mut ours = connect(&sim).await.unwrap();
        ours.write_all(b"anybody?").await.unwrap();
        match select(ours.read(&mut [0; 8]), pin!(sim.sleep(60_000 * MS))).await {
            Either::Left(_) => panic!("an answer arrived"),
            Either::Right(_) => {}
        };
    });
}

/// Without routes, a version of IP is unreachable at once and has no source address.
#[test]
fn a_version_without_routes() {
    let sim = sim();
    let runtime = sim.runtime();
    sim.net().no_route(IpVersion::V4);
    let error = sim.run(connect(&sim)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
    assert!(runtime.source_address(server()).is_err());
    let v6: SocketAddr = "[2001:db8::7]:1".parse().unwrap();
    let source: IpAddr = "2001:db8::1".parse().unwrap();
    assert_eq!(runtime.source_address(v6).unwrap(), source);
    sim.net().route(IpVersion::V4);
    let loopback: SocketAddr = "127.0.0.1:1".parse().unwrap();
    assert_eq!(runtime.source_address(loopback).unwrap(), loopback.ip());
    assert!(runtime.source_address(server()).is_ok());
}

/// Unix sockets connect by path and by abstract name.
#[test]
fn unix_sockets() {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    sim.run(async {
        for address in [
            UnixAddr::from_path("/run/app.sock"),
            UnixAddr::from_abstract_name("app"),
        ] {
            let mut listener = sim.net().listen(address.clone()).unwrap();
            let connecting = runtime.connect_unix(&address);
            let (ours, accepted) = join(connecting, listener.accept()).await;
            let (mut ours, (mut theirs, _)) = (ours.unwrap(), accepted.unwrap());
            theirs.write_all(b"hi").await.unwrap();
            let mut buffer = [0; 2];
            ours.read_exact(&mut buffer).await.unwrap();
            assert_eq!(theirs.local_addr(), Some(ours.peer_addr()));
            assert_eq!(ours.local_addr(), None);
            assert_eq!(ours.peer_addr(), PeerAddr::Unix(address));
        }
        let missing = UnixAddr::from_path("/run/none.sock");
        let error = runtime.connect_unix(&missing).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
    assert_eq!(sim.elapsed(), Duration::ZERO);
}

/// The system's resolver returns the addresses that the test has set.
#[test]
fn the_hosts_table() {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    let addresses: [IpAddr; 2] = ["2001:db8::7", "198.51.100.7"].map(|ip| ip.parse().unwrap());
    sim.net().set_host("Orders.test", addresses);
    sim.net().set_lookup_delay(30 * MS);
    sim.run(async {
        let found = runtime.lookup_host("orders.TEST", 80).await.unwrap();
        assert_eq!(found, addresses.map(|ip| SocketAddr::new(ip, 80)));
        assert_eq!(sim.elapsed(), 30 * MS);
        let error = runtime.lookup_host("other.test", 80).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}
