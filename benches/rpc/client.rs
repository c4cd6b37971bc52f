//! The child that makes calls.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tonic::transport::Endpoint;
use trunkline::{AsyncStd, Channel, Runtime, Smol, Tokio};
use trunkline_benches::allocations::allocations_of_all_threads;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

use crate::case::Case;
use crate::executor::Executor;
use crate::load::{Stub, caller};
use crate::pin;
use crate::variant::{Shape, Stack, Variant};

/// Environment variable with the address of the server.
pub(crate) const ADDRESS: &str = "TRUNKLINE_BENCH_RPC_ADDRESS";

pub(crate) fn run(name: &str) {
    pin::apply();
    let variant = Variant::named(name);
    let executor = Executor::new(&variant);
    let address = env::var(ADDRESS).expect("the server's address");
    match variant.stack {
        Stack::Tonic => serve(&executor, &GreeterClient::new(tonic(&executor, &address))),
        Stack::Trunkline => {
            let channel = trunkline(variant.shape, &address);
            serve(&executor, &GreeterClient::new(channel));
        }
    }
}

fn tonic(executor: &Executor, address: &str) -> tonic::transport::Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a good address");
    let connecting = endpoint.tcp_nodelay(true);
    executor
        .block_on(connecting.connect())
        .expect("a connection")
}

fn trunkline(shape: Shape, address: &str) -> Channel {
    let runtime: Arc<dyn Runtime> = match shape {
        Shape::Tokio => Arc::new(Tokio::new()),
        Shape::AsyncStdBlockOn | Shape::AsyncStdPool => Arc::new(AsyncStd::new()),
        Shape::SmolBlockOn => Arc::new(Smol::new()),
    };
    Channel::builder(format!("ipv4:{address}"))
        .plaintext()
        .runtime(runtime)
        .build()
        .expect("a good target")
}

/// Runs a round of calls for each request of the parent, and prints its cost.
fn serve(executor: &Executor, stub: &impl Stub) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let [case, calls, is_counted] = words[..] else {
            panic!("an order that makes no sense: {line:?}");
        };
        let case = Case::from_code(case);
        let calls: usize = calls.parse().expect("a number");
        let callers = (0..case.in_flight)
            .map(|at| caller(stub.clone(), case, at, share(calls, case.in_flight, at)))
            .collect();
        let (mut cpu, mut allocations) = (Duration::ZERO, 0);
        match is_counted {
            "1" => allocations = allocations_of_all_threads(|| executor.run(callers)),
            _ => {
                let before = cpu_time();
                executor.run(callers);
                cpu = cpu_time() - before;
            }
        }
        println!("{} {allocations}", cpu.as_nanos());
    }
}

/// Returns how many of `calls` the caller with the index `at` makes.
fn share(calls: usize, callers: usize, at: usize) -> usize {
    calls / callers + usize::from(at < calls % callers)
}

/// Returns the CPU time of all threads of this process so far, in user and kernel mode.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("a time since the start")
}
