//! The client over real sockets, on each of the runtimes.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};

use trunkline_dns::io::Client;
use trunkline_dns::{ClientConfig, Families, LookupErrorKind, ServerOutcome, Transport};
use trunkline_runtime::{AsyncStd, Runtime, Smol, Tokio};

use crate::message::{A, Asked, SRV, ip4, ip6, srv};
use crate::sim::{Act, Acts};
use crate::support::{outcomes, texts};

/// A name server on the loopback address, over UDP and TCP on one port. Dropping it stops it.
struct Server {
    address: SocketAddr,
    /// Number of TCP connections so far.
    accepted: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    fn start(script: fn(&Asked) -> Acts) -> Self {
        let (udp, tcp) = (0..100)
            .find_map(|_| {
                let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
                let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
                Some((udp, tcp))
            })
            .expect("a port that is free for both");
        let address = udp.local_addr().expect("bound");
        let stop = Arc::new(AtomicBool::new(false));
        let (ends, also_ends) = (stop.clone(), stop.clone());
        let datagrams = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, peer)) = udp.recv_from(&mut buffer) {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let asked = Asked::read(address, Transport::Udp, 0, &buffer[..length]);
                for (_, act) in script(&asked) {
                    if let Act::Send(bytes) = act {
                        let _ = udp.send_to(&bytes, peer);
                    }
                }
            }
        });
        let accepted = Arc::new(AtomicUsize::new(0));
        let counts = accepted.clone();
        let streams = thread::spawn(move || {
            while let Ok((stream, _)) = tcp.accept() {
                if also_ends.load(Ordering::SeqCst) {
                    return;
                }
                counts.fetch_add(1, Ordering::SeqCst);
                let _ = serve(stream, address, script);
            }
        });
        Self {
            address,
            accepted,
            stop,
            threads: vec![datagrams, streams],
        }
    }
}

fn serve(
    mut stream: TcpStream,
    address: SocketAddr,
    script: fn(&Asked) -> Acts,
) -> std::io::Result<()> {
    // With Nagle's algorithm a reply would wait up to 40 ms for the ACK of the one before.
    stream.set_nodelay(true)?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        let asked = Asked::read(address, Transport::Tcp, 0, &query);
        for (_, act) in script(&asked) {
            if let Act::Send(bytes) = act {
                let length = u16::try_from(bytes.len()).expect("a short message");
                stream.write_all(&[&length.to_be_bytes(), &bytes[..]].concat())?;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Ok(socket) = UdpSocket::bind("127.0.0.1:0") {
            let _ = socket.send_to(&[], self.address);
        }
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// Runs a check on each of the runtimes.
fn on_each(check: impl AsyncFn(Arc<dyn Runtime>)) {
    block_on(check(Arc::new(AsyncStd::new())));
    block_on(check(Arc::new(Smol::new())));
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    tokio
        .expect("a runtime")
        .block_on(check(Arc::new(Tokio::new())));
}

/// A and AAAA over UDP, 200 addresses over TCP, SRV and a denial are looked up.
#[test]
fn lookups_over_real_sockets() {
    let server = Server::start(|asked| match (&*asked.name, asked.transport) {
        ("many.test.", Transport::Udp) => asked.reply().truncated().after(0),
        ("many.test.", _) if asked.code == A => (0..200)
            .fold(asked.reply(), |message, last| {
                message.answer("many.test.", A, 60, &[192, 0, 2, last])
            })
            .after(0),
        ("none.test.", _) => asked.nxdomain().after(0),
        (name, _) if asked.code == SRV => asked
            .reply()
            .answer(name, SRV, 60, &srv(1, 2, 3, "a.test."))
            .after(0),
        _ => asked.address(1).after(0),
    });
    on_each(async |runtime| {
        let client = Client::new(runtime, ClientConfig::with_servers(vec![server.address]));
        let answer = client
            .lookup_ip("a.test", Families::Both)
            .await
            .expect("an answer");
        assert_eq!(texts(&answer), [ip4(1), ip6(1)]);
        assert_eq!(answer.server(), Some(server.address));
        let many = client
            .lookup_ip("many.test.", Families::Both)
            .await
            .expect("an answer");
        assert_eq!(many.addresses.len(), 201);
        let srv = client
            .lookup_srv("_grpc._tcp.a.test.")
            .await
            .expect("an answer");
        assert_eq!(srv.records[0].port, 3);
        let error = client
            .lookup_ip("none.test.", Families::Both)
            .await
            .expect_err("a denial");
        assert_eq!(error.kind(), LookupErrorKind::NotFound);
        assert_eq!(error.rcode(), Some(3));
    });
}

/// Lookups over TCP share a connection, which is closed with the client. The server serves one
/// connection at a time, so an open one would block the next client's.
#[test]
fn connections_are_shared_over_real_sockets() {
    let server = Server::start(|asked| asked.address(1).after(0));
    on_each(async |runtime| {
        let before = server.accepted.load(Ordering::SeqCst);
        let config = ClientConfig::with_servers(vec![server.address]).tcp_only(true);
        let client = Client::new(runtime, config);
        for number in 0..50 {
            let name = format!("h{number}.test.");
            let answer = client.lookup_ip(&name, Families::Both).await;
            assert_eq!(texts(&answer.expect("an answer")), [ip4(1), ip6(1)]);
        }
        assert_eq!(server.accepted.load(Ordering::SeqCst) - before, 1);
    });
}

/// The kernel reports a closed port, so that the next server is asked at once.
#[test]
fn the_kernel_reports_a_closed_port() {
    let server = Server::start(|asked| asked.address(2).after(0));
    // A socket that is connected to another peer: its port is closed for our queries, and no other test
    // gets it.
    let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a port"));
    let [dead, other] = sockets.each_ref().map(|it| it.local_addr().expect("bound"));
    sockets[0].connect(other).expect("an address");
    on_each(async |runtime| {
        let config = ClientConfig::with_servers(vec![dead, server.address]);
        let client = Client::new(runtime, config);
        let answer = client
            .lookup_ip("a.test", Families::Ipv4)
            .await
            .expect("an answer");
        assert_eq!(texts(&answer), [ip4(2)]);
        let refused = ServerOutcome::Io(std::io::ErrorKind::ConnectionRefused);
        assert_eq!(
            outcomes(&answer.attempts),
            [refused, ServerOutcome::Answered(1)]
        );
        // An attempt takes 5 s.
        assert!(answer.elapsed.as_millis() < 4000, "{:?}", answer.elapsed);
    });
}
