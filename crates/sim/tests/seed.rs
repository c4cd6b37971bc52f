//! The same seed gives the same run.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{AsyncReadExt, AsyncWriteExt};
use trunkline_runtime::{TcpOptions, UdpOptions};
use trunkline_sim::dns::{Behaviour, Data};
use trunkline_sim::{Sim, Traced};

const MS: Duration = Duration::from_millis(1);

/// A query for the A records of orders.test.
const QUERY: &[u8] = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x06orders\x04test\0\0\x01\0\x01";

/// Returns the trace of a run with tasks, streams with jitter, lost datagrams, and a cut path.
fn run(seed: u64) -> Vec<Traced> {
    let sim = Sim::new(seed);
    let dns: SocketAddr = "198.51.100.53:53".parse().unwrap();
    let server = sim.dns_server(dns);
    server.insert("orders.test", 30, Data::A([198, 51, 100, 7].into()));
    server.behave_by_default(Behaviour {
        delay: 3 * MS,
        ..Behaviour::default()
    });
    sim.net().set_udp_loss(dns.ip(), 0.5);
    let address: SocketAddr = "198.51.100.7:50051".parse().unwrap();
    sim.net().set_jitter(address.ip(), 10 * MS);
    let mut listener = sim.net().listen(address).unwrap();
    let acceptor = sim.runtime();
    sim.spawn("echo", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            acceptor.spawn(Box::pin(async move {
                let mut buffer = [0; 64];
                while let Ok(len @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..len]).await.is_err() {
                        break;
                    }
                }
            }));
        }
    });
    let runtime = sim.runtime();
    let clients = (0..4).map(|id| {
        let runtime = runtime.clone();
        async move {
            let mut udp = runtime.connect_udp(dns, &UdpOptions::default()).unwrap();
            for _ in 0..5 {
                let send = std::future::poll_fn(|cx| udp.poll_send(cx, QUERY));
                send.await.unwrap();
            }
            let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
            let mut stream = stream.unwrap();
            let text = format!("client {id}, {}", runtime.seed());
            stream.write_all(text.as_bytes()).await.unwrap();
            let mut echo = vec![0; text.len()];
            stream.read_exact(&mut echo).await.unwrap();
            assert_eq!(echo, text.as_bytes());
        }
    });
    sim.run(async {
        let cut = async {
            sim.sleep(5 * MS).await;
            sim.net().cut(address.ip());
            sim.sleep(50 * MS).await;
            sim.net().heal(address.ip());
        };
        futures_util::future::join(join_all(clients), cut).await;
    });
    sim.trace()
}

/// Two runs with the same seed have the same trace, event by event.
#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        let (one, two) = (run(seed), run(seed));
        assert!(one.len() > 50, "{}", one.len());
        for (left, right) in one.iter().zip(&two) {
            assert_eq!(left, right, "seed {seed}");
        }
        assert_eq!(one.len(), two.len(), "seed {seed}");
    }
}

/// Another seed gives another run.
#[test]
fn another_seed_gives_another_trace() {
    assert_ne!(run(1), run(2));
}

/// A line of the trace begins with its time in milliseconds.
#[test]
fn a_trace_is_printed() {
    let sim = Sim::new(1);
    sim.run(sim.sleep(1234 * MS));
    sim.note("the end");
    let lines: Vec<String> = sim.trace().iter().map(Traced::to_string).collect();
    assert_eq!(
        lines,
        ["  1234.000 ms  a timer fires", "  1234.000 ms  the end"]
    );
}
