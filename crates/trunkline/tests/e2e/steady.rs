//! Calls at a steady rate while backends come and go.

use std::sync::Arc;
use std::time::Duration;

use trunkline::{Channel, PeerAddr, Runtime};
use trunkline_testkit::backend::{Backend, Options};
use trunkline_testkit::dns::DnsServer;
use trunkline_testkit::load::{Load, LoadOutcome};

use crate::balancing::serve;
use crate::world::{PATIENCE, backend_with, builder, dns, greet, peer};

const SERVICE: &str = "_grpc._tcp.greeter.test";

/// Calls per second. A test runs for three seconds; `cargo xtask demo` has a higher rate for longer.
const RATE: u32 = 200;

/// Starts a backend that works on each call for 40 ms, so that some are always in flight.
fn backend(name: &str) -> Backend {
    backend_with(&Options {
        work: Duration::from_millis(40),
        ..Options::new(name)
    })
}

fn load(channel: &Channel, runtime: &Arc<dyn Runtime>) -> Load {
    let channel = channel.clone();
    let call = move |_| {
        let channel = channel.clone();
        let answer = async move {
            match greet(&channel).await {
                Ok(response) => match peer(&response) {
                    PeerAddr::Ip(peer) => Ok(peer),
                    other => Err(format!("answered by {other}")),
                },
                Err(status) => Err(status.to_string()),
            }
        };
        Box::pin(answer) as trunkline::BoxFuture<_>
    };
    Load::start(runtime, RATE, Box::new(call))
}

/// Waits until `holds` is true of the load's outcome; panics after [`PATIENCE`].
pub(crate) async fn until(
    runtime: &Arc<dyn Runtime>,
    load: &Load,
    holds: impl Fn(&LoadOutcome) -> bool,
) {
    let start = runtime.now();
    while !holds(&load.outcome()) {
        let now = runtime.now();
        assert!(now - start < PATIENCE, "{:?}", load.outcome());
        runtime.sleep_until(now + Duration::from_millis(10)).await;
    }
}

on_each_runtime! {
    /// While one backend is added to DNS and another is stopped by SIGTERM, no call fails, and by the
    /// backends' counters each is answered once.
    async fn a_backend_comes_and_one_goes(runtime) {
        let (mut a, mut b, mut c) = (backend("a"), backend("b"), backend("c"));
        let server = DnsServer::start().expect("a DNS server");
        serve(&server, SERVICE, &[&a, &b]);
        let channel = builder(format!("srv:///{SERVICE}"), &runtime)
            .dns(dns(&server))
            .build()
            .expect("a channel");
        let load = load(&channel, &runtime);
        until(&runtime, &load, |outcome| outcome.answered >= 150).await;
        serve(&server, SERVICE, &[&a, &b, &c]);
        until(&runtime, &load, |outcome| outcome.answered >= 300).await;
        a.sigterm().expect("the process takes the signal");
        until(&runtime, &load, |outcome| outcome.answered + outcome.failed() >= 600).await;
        load.pause();
        until(&runtime, &load, |outcome| outcome.in_flight() == 0).await;

        let outcome = load.outcome();
        assert_eq!(outcome.failed(), 0, "{outcome:?}");
        let exit = a.wait(PATIENCE).expect("the backend ends");
        let a = exit.counters.expect("the final counters").total().answers;
        let b = b.stats().expect("counters").total().answers;
        let c = c.stats().expect("counters").total().answers;
        assert_eq!(a + b + c, outcome.made, "{a} + {b} + {c}");
        assert!(a > 0 && b > 0 && c > 0, "{a}, {b}, {c}");
    }

    /// After SIGKILL only calls fail that were in flight at that time, and none later.
    async fn a_backend_is_killed(runtime) {
        let (mut a, b) = (backend("a"), backend("b"));
        let target = format!("ipv4:{},{}", a.address_v4(), b.address_v4());
        let channel = crate::world::channel(target, &runtime);
        let load = load(&channel, &runtime);
        // Wait until both backends are called.
        until(&runtime, &load, |outcome| outcome.answered >= 100 && outcome.peers.len() == 2).await;
        let before = load.outcome();
        a.kill().expect("the backend ends");
        let killed = load.outcome();
        until(&runtime, &load, |outcome| outcome.answered >= killed.answered + 100).await;
        let soon = load.outcome();
        // Calls that are sent before the client notices the loss may fail too: allow 50 ms of calls.
        let most = before.in_flight() + (killed.made - before.made) + u64::from(RATE / 20);
        assert!(soon.failed() <= most, "{before:?}, then {soon:?}");
        until(&runtime, &load, |outcome| outcome.answered >= soon.answered + 300).await;
        assert_eq!(load.outcome().failed(), soon.failed(), "{:?}", load.outcome().failures);
    }
}
