//! Our client, in a process of its own.

use std::io::stdin;
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use futures_util::StreamExt;
use tonic::Request;
use trunkline::resolver::Pacing;
use trunkline::{AsyncStd, Channel, DnsOptions, KeepaliveOptions, Proxy};
use trunkline_benches::clock::wall_time;
use trunkline_testkit::proto::helloworld::HelloRequest;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

pub(crate) const ROLE: &str = "client";

/// The interval that is the default of the client.
pub(crate) const DEFAULT: &str = "-";

/// How long a call may take.
const DEADLINE: Duration = Duration::from_secs(1);

const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Makes `rate` calls a second to `target` until the input ends, whether they end or not. `interval` is the
/// minimum time between two refreshes, and between two resolutions that requests make due, in milliseconds.
///
/// It prints when each call fails, if it does: nanoseconds of the machine's clock.
pub(crate) fn run(target: &str, interval: &str, rate: &str) {
    std::thread::spawn(|| {
        stdin().lines().map_while(Result::ok).for_each(drop);
        std::process::exit(0);
    });
    let mut dns = DnsOptions::default();
    if interval != DEFAULT {
        let interval = Duration::from_millis(interval.parse().expect("milliseconds"));
        dns = dns.with_pacing(Pacing::default().with_min_interval(interval));
    }
    let keepalive = KeepaliveOptions::default()
        .with_time(KEEPALIVE)
        .with_timeout(KEEPALIVE_TIMEOUT);
    let channel = Channel::builder(target)
        .plaintext()
        .proxy(Proxy::none())
        .runtime(Arc::new(AsyncStd::new()))
        .load_balancing("round_robin")
        .keepalive(keepalive)
        .dns(dns)
        .build()
        .expect("a good target");
    let rate: u32 = rate.parse().expect("a number of calls");
    let stub = GreeterClient::new(channel);
    async_std::task::block_on(async {
        let mut ticks = Timer::interval(Duration::from_secs(1) / rate);
        while ticks.next().await.is_some() {
            let mut stub = stub.clone();
            async_std::task::spawn(async move {
                let mut request = Request::new(HelloRequest { name: "Ada".into() });
                request.set_timeout(DEADLINE);
                if stub.say_hello(request).await.is_err() {
                    println!("{}", wall_time().as_nanos());
                }
            });
        }
    });
}
