//! Compares races with the runtime's plain connect on loopback: the overhead of a healthy race, the
//! cost of a first address that refuses, and the extra delay if the first address is silent.
//!
//! Rounds of both alternate, so that the noise of the machine affects both equally. The 10th
//! percentile is the stable figure. The server runs in this process. Each connection is reset after
//! its time is taken.

use std::future::Future;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use trunkline_connect::io::{ConnectOptions, connect};
use trunkline_connect::runtime::{AsyncStd, Runtime, Smol, Stream, TcpOptions, Tokio};

const ROUNDS: usize = 40;
const PER_ROUND: usize = 100;
const SILENT_ROUNDS: usize = 20;

fn main() {
    let (first, second) = (listen("127.0.0.1:0"), listen("127.0.0.2:0"));
    println!("healthy connect on loopback, us: 10th percentile (median) of {ROUNDS} x {PER_ROUND}");
    async_std::task::block_on(measure("async-std", &AsyncStd::new(), first, second));
    smol::block_on(measure("smol", &Smol::new(), first, second));
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a tokio runtime");
    tokio.block_on(measure("tokio", &Tokio::new(), first, second));
}

/// Accepts connections and drops them, on a thread.
fn listen(address: &str) -> SocketAddr {
    let listener = TcpListener::bind(address).expect("a loopback port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    address
}

async fn measure(name: &str, runtime: &dyn Runtime, first: SocketAddr, second: SocketAddr) {
    runtime.attach().expect("a runtime");
    let tcp = TcpOptions::default();
    let options = ConnectOptions::default();
    let mut untimed = options.clone();
    untimed.race.timeout = None;
    let (mut plain, mut one, mut two) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for _ in 0..PER_ROUND {
            plain.push(timed(async { runtime.connect_tcp(first, &tcp).await.ok() }).await);
        }
        for _ in 0..PER_ROUND {
            one.push(timed(race(runtime, &[first], &untimed)).await);
        }
        for _ in 0..PER_ROUND {
            two.push(timed(race(runtime, &[first, second], &options)).await);
        }
    }
    let [plain, one, two] = [plain, one, two].map(summary);
    println!(
        "{name:<9}  plain {}  race of one, no limit {}  race of two {}",
        plain.1, one.1, two.1
    );
    let over = |of: Duration| of.as_secs_f64() * 1e6 - plain.0.as_secs_f64() * 1e6;
    println!(
        "{name:<9}  over plain: {:+.2} and {:+.2} us",
        over(one.0),
        over(two.0)
    );

    let refusing = closed();
    let (mut serial, mut raced) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for _ in 0..PER_ROUND {
            let one_by_one = async {
                runtime.connect_tcp(refusing, &tcp).await.err()?;
                runtime.connect_tcp(first, &tcp).await.ok()
            };
            serial.push(timed(one_by_one).await);
        }
        for _ in 0..PER_ROUND {
            raced.push(timed(race(runtime, &[refusing, first], &options)).await);
        }
    }
    let [serial, raced] = [serial, raced].map(summary);
    println!(
        "{name:<9}  first address refuses: one by one {}  raced {}",
        serial.1, raced.1
    );

    let (silent, _held) = black_hole();
    let mut late = Vec::new();
    for _ in 0..SILENT_ROUNDS {
        let took = timed(race(runtime, &[silent, first], &options)).await;
        late.push(took.saturating_sub(options.race.attempt_delay.get()));
    }
    late.sort();
    println!(
        "{name:<9}  first address silent: attempt delay + {:?}, at most {:?}",
        late[late.len() / 2],
        late[late.len() - 1]
    );
}

/// Returns an address at which no server listens.
fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.3:0").expect("a loopback port");
    listener.local_addr().expect("its address")
}

/// Returns an address that does not answer: its accept queue is full, so the kernel drops SYNs.
fn black_hole() -> (SocketAddr, impl Sized) {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

    let holder = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&holder, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    listen(&holder, 0).expect("to listen");
    let listener = TcpListener::from(holder);
    let address = listener.local_addr().expect("its address");
    let filler = TcpStream::connect(address).expect("the one place in the queue");
    (address, (listener, filler))
}

async fn race(
    runtime: &dyn Runtime,
    list: &[SocketAddr],
    options: &ConnectOptions,
) -> Option<Box<dyn Stream>> {
    let connected = connect(runtime, list.iter().copied(), options).await;
    connected.ok().map(|connected| connected.stream)
}

#[expect(clippy::disallowed_methods, reason = "this measures real time")]
async fn timed(connecting: impl Future<Output = Option<Box<dyn Stream>>>) -> Duration {
    let began = Instant::now();
    let stream = connecting.await;
    let took = began.elapsed();
    stream.expect("a healthy server").abort();
    took
}

/// Returns the 10th percentile, and a text with it and the median.
fn summary(mut times: Vec<Duration>) -> (Duration, String) {
    times.sort();
    let (low, median) = (times[times.len() / 10], times[times.len() / 2]);
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    (low, format!("{:.1} ({:.1})", us(low), us(median)))
}
