//! The shell on real sockets, with each runtime.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::time::Duration;

use trunkline_connect::io::{
    AddressOrder, ConnectOptions, SystemLookup, connect, connect_host, connect_with,
};
use trunkline_connect::runtime::{AsyncStd, Runtime, Smol, Stream, Tokio};
use trunkline_connect::{AttemptDelay, ConnectErrorKind, ConnectOutcome};

/// Runs a test's future to its end.
type BlockOn<'a> = &'a dyn Fn(Pin<&mut dyn Future<Output = ()>>);

/// Runs `test` on every runtime.
fn on_each(test: impl Fn(&dyn Runtime, BlockOn<'_>)) {
    test(&AsyncStd::new(), &|future| {
        async_std::task::block_on(future)
    });
    test(&Smol::new(), &|future| smol::block_on(future));
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    test(&Tokio::new(), &|future| tokio.block_on(future));
}

/// Returns a listener, its address, and another address with the same port, on which no socket
/// listens.
fn server() -> (TcpListener, SocketAddr, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let closed = SocketAddr::from(([127, 0, 0, 2], address.port()));
    (listener, address, closed)
}

/// Returns options with the shortest delay, so that no test waits for long.
fn options() -> ConnectOptions {
    let mut options = ConnectOptions::default();
    options.race.attempt_delay = AttemptDelay::below_recommended(Duration::ZERO);
    options
}

/// Returns the address of a listener that drops every SYN, because its queue is full, and the
/// sockets that keep it so.
#[cfg(target_os = "linux")]
fn black_hole() -> (SocketAddr, impl Sized) {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

    let holder = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&holder, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listen(&holder, 0).unwrap();
    let listener = TcpListener::from(holder);
    let address = listener.local_addr().unwrap();
    let filler = TcpStream::connect(address).unwrap();
    (address, (listener, filler))
}

/// A healthy first address makes one attempt.
#[test]
fn healthy() {
    on_each(|runtime, block_on| {
        let (listener, address, closed) = server();
        block_on(std::pin::pin!(async {
            let connected = connect(runtime, [address, closed], &options())
                .await
                .unwrap();
            assert_eq!(connected.address, address);
            assert_eq!(connected.stream.peer_addr(), address.into());
            assert_eq!(connected.report.attempts().len(), 1);
        }));
        listener.accept().unwrap();
    });
}

/// The next address starts at once when the first refuses.
#[test]
fn refused_first() {
    on_each(|runtime, block_on| {
        let (listener, address, closed) = server();
        block_on(std::pin::pin!(async {
            let connected = connect(runtime, [closed, address], &options())
                .await
                .unwrap();
            assert_eq!(connected.address, address);
            let first = connected.report.attempts().next().unwrap();
            assert_eq!(first.outcome, Some(ConnectOutcome::Refused));
        }));
        listener.accept().unwrap();
    });
}

/// The next address starts after one attempt delay when the first does not answer.
#[test]
#[cfg(target_os = "linux")]
fn silent_first() {
    on_each(|runtime, block_on| {
        let (silent, _held) = black_hole();
        let (listener, address, _) = server();
        block_on(std::pin::pin!(async {
            let connected = connect(runtime, [silent, address], &options())
                .await
                .unwrap();
            assert_eq!(connected.address, address);
            let attempts: Vec<_> = connected.report.attempts().collect();
            assert_eq!(attempts[0].outcome, Some(ConnectOutcome::Cancelled));
            assert!(attempts[1].start >= Duration::from_millis(10));
        }));
        listener.accept().unwrap();
    });
}

/// When every address refuses, the error has every attempt, and keeps the kind of the first.
#[test]
fn all_refused() {
    on_each(|runtime, block_on| {
        let (_listener, address, closed) = server();
        let other = SocketAddr::from(([127, 0, 0, 3], address.port()));
        block_on(std::pin::pin!(async {
            let error = connect(runtime, [closed, other], &options())
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ConnectErrorKind::AllFailed);
            let outcomes: Vec<_> = error.report().attempts().map(|one| one.outcome).collect();
            assert_eq!(outcomes, [Some(ConnectOutcome::Refused); 2]);
            assert_eq!(
                io::Error::from(error).kind(),
                io::ErrorKind::ConnectionRefused
            );
        }));
    });
}

/// The race ends at its time limit.
#[test]
#[cfg(target_os = "linux")]
fn all_silent() {
    on_each(|runtime, block_on| {
        let (silent, _held) = black_hole();
        let mut limited = options();
        limited.race.timeout = Some(Duration::from_millis(20));
        block_on(std::pin::pin!(async {
            let error = connect(runtime, [silent], &limited).await.unwrap_err();
            assert_eq!(error.kind(), ConnectErrorKind::TimedOut);
            let attempt = error.report().attempts().next().unwrap();
            assert_eq!(attempt.outcome, Some(ConnectOutcome::TimedOut));
        }));
    });
}

/// When a name has addresses of two families, the address on which a server listens wins.
#[test]
fn a_name() {
    on_each(|runtime, block_on| {
        let (listener, address, _) = server();
        block_on(std::pin::pin!(async {
            let options = options();
            let port = address.port();
            let race = connect_host(runtime, "localhost", port, &SystemLookup, &options);
            assert_eq!(race.await.unwrap().address, address);
        }));
        listener.accept().unwrap();
    });
}

/// The interface of an address may be given by its name, which the kernel knows; one that does not exist
/// is named.
#[test]
#[cfg(target_os = "linux")]
fn an_interface_by_name() {
    on_each(|runtime, block_on| {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        block_on(std::pin::pin!(async {
            let options = options();
            for host in ["::1%lo", "[::1%lo]"] {
                let race = connect_host(runtime, host, port, &SystemLookup, &options);
                assert_eq!(race.await.unwrap().address.port(), port);
            }
            let race = connect_host(runtime, "fe80::1%nope0", port, &SystemLookup, &options);
            let error = race.await.unwrap_err();
            assert_eq!(error.kind(), ConnectErrorKind::Lookup);
            assert!(error.to_string().contains("interface nope0"), "{error}");
        }));
    });
}

/// A name that cannot exist fails: `.invalid` is reserved, and a label of 64 bytes is too long to
/// be sent.
#[test]
fn a_bad_name() {
    on_each(|runtime, block_on| {
        let name = format!("{}.invalid", "a".repeat(64));
        block_on(std::pin::pin!(async {
            let options = options();
            let race = connect_host(runtime, &name, 443, &SystemLookup, &options);
            let error = race.await.unwrap_err();
            assert_eq!(error.kind(), ConnectErrorKind::Lookup);
        }));
    });
}

/// A server that accepts the connection and then sends nothing loses to the one that completes the
/// handshake, and its connection is reset.
#[test]
fn a_loser_is_reset() {
    on_each(|runtime, block_on| {
        let (silent, silent_address, _) = server();
        let (listener, address, _) = server();
        block_on(std::pin::pin!(async {
            let options = options();
            let list = [silent_address, address];
            let connected = connect_with(runtime, list, &options, |stream| async move {
                if stream.peer_addr() == address.into() {
                    Ok(stream)
                } else {
                    std::future::pending::<io::Result<Box<dyn Stream>>>().await
                }
            })
            .await
            .unwrap();
            assert_eq!(connected.address, address);
        }));
        let (mut loser, _) = silent.accept().unwrap();
        let error = loser.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        // The winner was dropped above, and closed in the ordinary way.
        let (mut winner, _) = listener.accept().unwrap();
        assert_eq!(winner.read(&mut [0]).unwrap(), 0);
    });
}

/// The list is sorted by the system's source addresses: an address without a route goes last.
#[test]
fn sorted_by_the_system() {
    on_each(|runtime, block_on| {
        let (listener, address, _) = server();
        // A link-local address without a scope has no route.
        let nowhere = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));
        let nowhere = SocketAddr::new(nowhere, address.port());
        let mut sorted = options();
        sorted.order = AddressOrder::Rfc6724;
        block_on(std::pin::pin!(async {
            let connected = connect(runtime, [nowhere, address], &sorted).await.unwrap();
            assert_eq!(connected.address, address);
            assert_eq!(connected.report.attempts().len(), 1);
        }));
        listener.accept().unwrap();
    });
}
