//! Races beside the runtime's plain connect on loopback: the overhead of a healthy race, the cost of a
//! first address that refuses, and the extra delay if the first address is silent.
//!
//! Rounds of all alternate, so that the noise of the machine affects them equally. The 10th percentile of a
//! round is the stable figure. The server runs in this process. Each connection is reset after its time is
//! taken.

use std::future::Future;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use trunkline_benches::clock::wall_time;
use trunkline_benches::contest::Contest;
use trunkline_benches::results::{Results, Side};
use trunkline_benches::runs::Run;
use trunkline_benches::statistics::quantile;
use trunkline_connect::io::{ConnectOptions, connect};
use trunkline_connect::runtime::{AsyncStd, Runtime, Smol, Stream, TcpOptions, Tokio};

/// The size of a measurement.
#[derive(Clone, Copy)]
struct Size {
    rounds: usize,
    connections: usize,
    silent: usize,
}

const WHOLE: Size = Size {
    rounds: 40,
    connections: 100,
    silent: 20,
};
const SHORT: Size = Size {
    rounds: 1,
    connections: 5,
    silent: 1,
};

const HEALTHY: &str = "microseconds of a connect";
const PLAIN: &str = "plain connect";
const ONE: &str = "race of one, no time limit";
const TWO: &str = "race of two";
const REFUSED: &str = "microseconds where the first address refuses";
const SERIAL: &str = "one by one";
const RACED: &str = "race";
const SILENT: &str = "milliseconds after the attempt delay";
const RUNTIMES: [&str; 3] = ["async-std", "smol", "tokio"];

/// The most that a healthy race may take more than a plain connect, in microseconds.
const MORE: f64 = 3.0;
/// The most that a race may take beyond the attempt delay if the first address is silent, in milliseconds.
const LATE: f64 = 2.0;

/// Returns the figures of all runtimes.
pub(crate) fn measure(is_whole: bool) -> Vec<Contest> {
    let mut field = Field {
        size: if is_whole { WHOLE } else { SHORT },
        first: listen("127.0.0.1:0"),
        second: listen("127.0.0.2:0"),
        healthy: Contest::new(
            HEALTHY,
            &[(PLAIN, Side::Floor), (ONE, Side::Ours), (TWO, Side::Ours)],
        ),
        refused: Contest::new(REFUSED, &[(SERIAL, Side::Peer), (RACED, Side::Ours)]),
        silent: Contest::new(SILENT, &[(RACED, Side::Ours)]),
    };
    async_std::task::block_on(field.add("async-std", &AsyncStd::new()));
    smol::block_on(field.add("smol", &Smol::new()));
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a tokio runtime");
    tokio.block_on(field.add("tokio", &Tokio::new()));
    vec![field.healthy, field.refused, field.silent]
}

/// Adds the tables and the targets.
pub(crate) fn report(run: &Run, results: &mut Results) {
    let healthy = run.contest(HEALTHY);
    let (refused, silent) = (run.contest(REFUSED), run.contest(SILENT));
    results.notes.push(format!(
        "A figure of a connect is the 10th percentile of {} on loopback, in wall time; {} rounds.",
        WHOLE.connections, WHOLE.rounds
    ));
    results.tables.extend([
        healthy.table_of_figures("A healthy connect, in microseconds", 1),
        refused.table_of_figures("The first address refuses, in microseconds", 1),
        silent.table_of_figures(
            "The first address is silent: milliseconds after the attempt delay",
            2,
        ),
    ]);
    for runtime in RUNTIMES {
        let more = |of| healthy.target_of_difference(runtime, of, PLAIN, MORE);
        results.targets.extend([more(ONE), more(TWO)]);
        results.targets.push(silent.target(runtime, RACED, LATE));
    }
}

struct Field {
    size: Size,
    /// Two addresses that accept.
    first: SocketAddr,
    second: SocketAddr,
    healthy: Contest,
    refused: Contest,
    silent: Contest,
}

impl Field {
    async fn add(&mut self, name: &str, runtime: &dyn Runtime) {
        runtime.attach().expect("a runtime");
        let healthy = self.healthy_rounds(runtime).await;
        self.healthy.add(name, healthy);
        let refused = self.refused_rounds(runtime).await;
        self.refused.add(name, refused);
        let silent = self.silent_rounds(runtime).await;
        self.silent.add(name, vec![silent]);
    }

    async fn healthy_rounds(&self, runtime: &dyn Runtime) -> Vec<Vec<f64>> {
        let (tcp, options) = (TcpOptions::default(), ConnectOptions::default());
        let mut untimed = options.clone();
        untimed.race.timeout = None;
        let (mut plain, mut one, mut two) = (Vec::new(), Vec::new(), Vec::new());
        let (first, second) = (self.first, self.second);
        let (of_one, of_two) = ([first], [first, second]);
        for _ in 0..self.size.rounds {
            let connect = || async { runtime.connect_tcp(first, &tcp).await.ok() };
            plain.push(self.round(connect).await);
            one.push(self.round(|| race(runtime, &of_one, &untimed)).await);
            two.push(self.round(|| race(runtime, &of_two, &options)).await);
        }
        vec![plain, one, two]
    }

    async fn refused_rounds(&self, runtime: &dyn Runtime) -> Vec<Vec<f64>> {
        let (tcp, options) = (TcpOptions::default(), ConnectOptions::default());
        let (refusing, first) = (closed(), self.first);
        let (mut serial, mut raced) = (Vec::new(), Vec::new());
        for _ in 0..self.size.rounds {
            let one_by_one = || async {
                runtime.connect_tcp(refusing, &tcp).await.err()?;
                runtime.connect_tcp(first, &tcp).await.ok()
            };
            serial.push(self.round(one_by_one).await);
            let list = [refusing, first];
            raced.push(self.round(|| race(runtime, &list, &options)).await);
        }
        vec![serial, raced]
    }

    async fn silent_rounds(&self, runtime: &dyn Runtime) -> Vec<f64> {
        let options = ConnectOptions::default();
        let (silent, _held) = black_hole();
        let mut late = Vec::new();
        for _ in 0..self.size.silent {
            let took = timed(race(runtime, &[silent, self.first], &options)).await;
            let more = took.saturating_sub(options.race.attempt_delay.get());
            late.push(more.as_secs_f64() * 1e3);
        }
        late
    }

    /// Connects many times, and returns the 10th percentile in microseconds.
    async fn round<F>(&self, connecting: impl Fn() -> F) -> f64
    where
        F: Future<Output = Option<Box<dyn Stream>>>,
    {
        let mut times = Vec::new();
        for _ in 0..self.size.connections {
            times.push(timed(connecting()).await.as_secs_f64() * 1e6);
        }
        quantile(&times, 0.1).expect("a connection")
    }
}

/// Accepts connections and drops them, on a thread.
fn listen(address: &str) -> SocketAddr {
    let listener = TcpListener::bind(address).expect("a loopback port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || listener.incoming().for_each(drop));
    address
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

async fn timed(connecting: impl Future<Output = Option<Box<dyn Stream>>>) -> Duration {
    let began = wall_time();
    let stream = connecting.await;
    let took = wall_time() - began;
    stream.expect("a healthy server").abort();
    took
}
