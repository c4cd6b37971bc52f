//! The clients that are built into this program. Each round runs in its own process.

use std::future::Future;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use rustix::time::{ClockId, clock_gettime};
use trunkline_connect::runtime::Tokio;
use trunkline_dns::io;
use trunkline_dns::{ClientConfig, Families};

/// A client that is built into this program.
#[derive(Clone, Copy)]
pub(crate) enum Client {
    Fresh,
    Pool,
    Hickory,
    Libc,
}

/// A round: the number of its first name, how many names it looks up, and how many at the same
/// time.
#[derive(Clone, Copy)]
struct Round {
    first: usize,
    lookups: usize,
    in_flight: usize,
}

/// Number of lookups before those that count.
const WARM_UP: usize = 500;

impl Client {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Pool => "pool",
            Self::Hickory => "hickory",
            Self::Libc => "libc",
        }
    }
}

/// Runs one round of one client, and prints the CPU time per lookup in nanoseconds.
pub(crate) fn run(name: &str, args: &[&str]) {
    let [server, first, lookups, in_flight] = args[..] else {
        panic!("client NAME SERVER FIRST LOOKUPS IN-FLIGHT");
    };
    let server: SocketAddr = server.parse().expect("an address");
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let warm_up = Round {
        first: number(first),
        lookups: WARM_UP.min(number(lookups)),
        in_flight: number(in_flight),
    };
    let round = Round {
        first: warm_up.first + warm_up.lookups,
        lookups: number(lookups),
        ..warm_up
    };
    let cpu = match name {
        "fresh" => trunkline(server, false, warm_up, round),
        "pool" => trunkline(server, true, warm_up, round),
        "hickory" => hickory(server, warm_up, round),
        "libc" => libc(warm_up, round),
        _ => panic!("no client {name}"),
    };
    println!("{}", cpu.as_nanos() / round.lookups as u128);
}

/// Returns the CPU time of this process so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("a time since the start")
}

fn name(number: usize) -> String {
    format!("h{number}.bench.test.")
}

fn trunkline(server: SocketAddr, pool: bool, warm_up: Round, round: Round) -> Duration {
    block_on(async move {
        let config = ClientConfig::with_servers(vec![server]).udp_pool(pool);
        let client = Arc::new(io::Client::new(Arc::new(Tokio::new()), config));
        let lookup = |number: usize| {
            let client = Arc::clone(&client);
            async move {
                let answer = client.lookup_ip(&name(number), Families::Both).await;
                answer.expect("an answer").addresses.len()
            }
        };
        timed(lookup, warm_up, round).await
    })
}

fn hickory(server: SocketAddr, warm_up: Round, round: Round) -> Duration {
    block_on(async move {
        let mut connection = ConnectionConfig::udp();
        connection.port = server.port();
        let server = NameServerConfig::new(server.ip(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let provider = TokioRuntimeProvider::default();
        let mut builder = Resolver::builder_with_config(config, provider);
        let options = builder.options_mut();
        options.cache_size = 0;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = Arc::new(builder.build().expect("a resolver"));
        let lookup = |number: usize| {
            let resolver = Arc::clone(&resolver);
            async move {
                let answer = resolver.lookup_ip(name(number)).await;
                answer.expect("an answer").iter().count()
            }
        };
        timed(lookup, warm_up, round).await
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}

async fn timed<F>(lookup: impl Fn(usize) -> F, warm_up: Round, round: Round) -> Duration
where
    F: Future<Output = usize> + Send + 'static,
{
    look_up(&lookup, warm_up).await;
    let start = cpu_time();
    look_up(&lookup, round).await;
    cpu_time() - start
}

/// Looks up all names of a round. Each must have two addresses.
async fn look_up<F>(lookup: &impl Fn(usize) -> F, round: Round)
where
    F: Future<Output = usize> + Send + 'static,
{
    let mut running = tokio::task::JoinSet::new();
    for number in round.first..round.first + round.lookups {
        if running.len() == round.in_flight {
            check(running.join_next().await);
        }
        running.spawn(lookup(number));
    }
    while let Some(ended) = running.join_next().await {
        check(Some(ended));
    }
}

fn check(ended: Option<Result<usize, tokio::task::JoinError>>) {
    let count = ended.expect("a task").expect("a lookup");
    assert_eq!(count, 2, "A and AAAA");
}

/// Measures the C library's resolver, with one thread per lookup in flight. It queries the server
/// that `/etc/resolv.conf` names.
fn libc(warm_up: Round, round: Round) -> Duration {
    look_up_by_libc(warm_up);
    let start = cpu_time();
    look_up_by_libc(round);
    cpu_time() - start
}

fn look_up_by_libc(round: Round) {
    let next = AtomicUsize::new(round.first);
    std::thread::scope(|scope| {
        for _ in 0..round.in_flight {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= round.first + round.lookups {
                        return;
                    }
                    let answer = (name(number), 1).to_socket_addrs();
                    assert_eq!(answer.expect("an answer").count(), 2, "A and AAAA");
                }
            });
        }
    });
}
