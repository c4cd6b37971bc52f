//! Datagrams: delivery, ICMP, loss and duplication.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use trunkline_runtime::{Received, UdpOptions, UdpSocket};
use trunkline_sim::Sim;

const MS: Duration = Duration::from_millis(1);

fn server() -> SocketAddr {
    "198.51.100.53:53".parse().unwrap()
}

fn client(sim: &Sim) -> Box<dyn UdpSocket> {
    let runtime = sim.runtime();
    runtime
        .connect_udp(server(), &UdpOptions::default())
        .unwrap()
}

async fn send(socket: &mut dyn UdpSocket, datagram: &[u8]) {
    poll_fn(|cx| socket.poll_send(cx, datagram)).await.unwrap();
}

async fn receive(socket: &mut dyn UdpSocket, buffer: &mut [u8]) -> std::io::Result<Received> {
    poll_fn(|cx| socket.poll_recv(cx, buffer)).await
}

/// A round trip takes twice the one-way latency. A datagram that is longer than the buffer is
/// reported as truncated.
#[test]
fn a_round_trip() {
    let sim = Sim::new(1);
    sim.net().set_latency(server().ip(), 10 * MS);
    let mut theirs = sim.net().bind_udp(server()).unwrap();
    sim.run(async {
        let mut ours = client(&sim);
        send(&mut *ours, b"question").await;
        let (datagram, from) = theirs.recv_from().await.unwrap();
        assert_eq!(
            (datagram.as_slice(), sim.elapsed()),
            (&b"question"[..], 10 * MS)
        );
        theirs.send_to(b"12345", from);
        theirs.send_to(b"1234", from);
        for truncated in [true, false] {
            let mut buffer = [0; 4];
            let received = receive(&mut *ours, &mut buffer).await.unwrap();
            assert_eq!(received, Received { len: 4, truncated });
            assert_eq!((&buffer, sim.elapsed()), (b"1234", 20 * MS));
        }
    });
}

/// A closed port is reported as "connection refused", unless the host sends no ICMP.
#[test]
fn a_closed_port() {
    let sim = Sim::new(1);
    sim.net().set_latency(server().ip(), 10 * MS);
    sim.run(async {
        let mut ours = client(&sim);
        send(&mut *ours, b"question").await;
        let error = receive(&mut *ours, &mut [0; 4]).await.unwrap_err();
        assert_eq!(
            (error.kind(), sim.elapsed()),
            (ErrorKind::ConnectionRefused, 20 * MS)
        );
        sim.net().set_icmp(server().ip(), false);
        send(&mut *ours, b"question").await;
        let mut buffer = [0; 4];
        match select(
            pin!(receive(&mut *ours, &mut buffer)),
            pin!(sim.sleep(1000 * MS)),
        )
        .await
        {
            Either::Left(_) => panic!("an answer arrived"),
            Either::Right(_) => {}
        };
    });
}

/// A connected socket receives datagrams from its peer alone.
#[test]
fn other_senders_are_ignored() {
    let sim = Sim::new(1);
    let mut theirs = sim.net().bind_udp(server()).unwrap();
    sim.run(async {
        let mut ours = client(&sim);
        send(&mut *ours, b"question").await;
        let (_, from) = theirs.recv_from().await.unwrap();
        let stranger = "198.51.100.66:53".parse().unwrap();
        sim.net().inject(stranger, from, b"forged");
        sim.net().inject(server(), from, b"spoofed");
        let mut buffer = [0; 16];
        let received = receive(&mut *ours, &mut buffer).await.unwrap();
        assert_eq!(&buffer[..received.len], b"spoofed");
    });
}

/// Returns how many datagrams arrive when `sent` are sent.
fn arrivals(seed: u64, sent: usize, script: impl FnOnce(&Sim)) -> usize {
    let sim = Sim::new(seed);
    script(&sim);
    let mut theirs = sim.net().bind_udp(server()).unwrap();
    sim.run(async {
        let mut ours = client(&sim);
        let mut arrived = 0;
        for _ in 0..sent {
            send(&mut *ours, b"question").await;
            let mut patience = pin!(sim.sleep(10 * MS));
            while let Either::Left(_) = select(pin!(theirs.recv_from()), &mut patience).await {
                arrived += 1;
            }
        }
        arrived
    })
}

/// Loss and duplication have their share of the datagrams, and depend on the seed alone.
#[test]
fn loss_and_duplication() {
    let ip = server().ip();
    let lossy = |seed| arrivals(seed, 1000, |sim| sim.net().set_udp_loss(ip, 0.3));
    let arrived = lossy(1);
    assert!((650..750).contains(&arrived), "{arrived}");
    assert_eq!(lossy(1), arrived);
    assert_eq!(arrivals(1, 50, |sim| sim.net().set_udp_loss(ip, 1.0)), 0);
    let doubled = arrivals(1, 50, |sim| sim.net().set_udp_duplication(ip, 1.0));
    assert_eq!(doubled, 100);
    assert_eq!(arrivals(1, 50, |sim| sim.net().cut(ip)), 0);
}
