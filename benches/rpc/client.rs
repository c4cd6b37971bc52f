//! The child that makes calls.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use trunkline::{AsyncStd, Channel, Runtime, Smol, Tls, Tokio};
use trunkline_benches::allocations::allocations_of_all_threads;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

use crate::case::Case;
use crate::executor::Executor;
use crate::load::{Stub, caller};
use crate::variant::{Shape, Stack, Variant};
use crate::{pin, server, watchers};

/// Environment variable with the address of the server.
pub(crate) const ADDRESS: &str = "TRUNKLINE_BENCH_RPC_ADDRESS";

/// Environment variable with the address of the server for TLS.
pub(crate) const TLS_ADDRESS: &str = "TRUNKLINE_BENCH_RPC_TLS_ADDRESS";

/// Environment variable with the root certificate of the server, as
/// [`one_word`](server::one_word) returns it.
pub(crate) const TLS_ROOT: &str = "TRUNKLINE_BENCH_RPC_TLS_ROOT";

/// The server, from the view of the client.
struct Server {
    address: String,
    /// Its root certificate in PEM, if calls to it go over TLS.
    root_pem: Option<String>,
}

impl Server {
    fn from_env(is_encrypted: bool) -> Self {
        let value = |name| env::var(name).unwrap_or_else(|_| panic!("the variable {name}"));
        Self {
            address: value(if is_encrypted { TLS_ADDRESS } else { ADDRESS }),
            root_pem: is_encrypted.then(|| server::lines(&value(TLS_ROOT))),
        }
    }
}

pub(crate) fn run(name: &str) {
    pin::apply();
    let variant = Variant::named(name);
    watchers::listen(variant.watcher);
    let executor = Executor::new(&variant);
    match variant.stack {
        Stack::Tonic => serve(&executor, |server| {
            GreeterClient::new(tonic(&executor, &server))
        }),
        Stack::Trunkline => serve(&executor, |server| {
            GreeterClient::new(trunkline(&variant, &server))
        }),
    }
}

fn tonic(executor: &Executor, server: &Server) -> tonic::transport::Channel {
    let scheme = match server.root_pem {
        Some(_) => "https",
        None => "http",
    };
    let uri = format!("{scheme}://{}", server.address);
    let mut endpoint = Endpoint::from_shared(uri).expect("a good address");
    if let Some(root_pem) = &server.root_pem {
        // tonic adds ALPN `h2` by itself.
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(root_pem))
            .domain_name(server::NAME);
        endpoint = endpoint.tls_config(tls).expect("a good certificate");
    }
    let connecting = endpoint.tcp_nodelay(true);
    executor
        .block_on(connecting.connect())
        .expect("a connection")
}

fn trunkline(variant: &Variant, server: &Server) -> Channel {
    let runtime: Arc<dyn Runtime> = match variant.shape {
        Shape::Tokio => Arc::new(Tokio::new()),
        Shape::AsyncStdBlockOn | Shape::AsyncStdPool => Arc::new(AsyncStd::new()),
        Shape::SmolBlockOn => Arc::new(Smol::new()),
    };
    let builder = Channel::builder(format!("ipv4:{}", server.address));
    let builder = match &server.root_pem {
        Some(pem) => {
            let tls = Tls::new().with_ca_pem(pem.as_str());
            builder.tls(tls.with_server_name(server::NAME))
        }
        None => builder.plaintext(),
    };
    let builder = watchers::add(variant.watcher, builder.runtime(runtime));
    builder.build().expect("a good target")
}

/// Runs a round of calls for each request of the parent, and prints its cost.
fn serve<S: Stub>(executor: &Executor, connect: impl Fn(Server) -> S) {
    let plaintext = connect(Server::from_env(false));
    // Not before it is needed, so that it costs the other cases nothing.
    let mut encrypted = None;
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let [case, calls, is_counted] = words[..] else {
            panic!("an order that makes no sense: {line:?}");
        };
        let case = Case::from_code(case).unwrap_or_else(|| panic!("no case {case:?}"));
        let stub = if case.is_encrypted {
            encrypted.get_or_insert_with(|| connect(Server::from_env(true)))
        } else {
            &plaintext
        };
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
