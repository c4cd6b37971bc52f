//! One run: a channel with a steady load, and a change of its backends.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tonic::Request;
use trunkline::{Channel, KeepaliveOptions};
use trunkline_sim::Sim;
use trunkline_sim::dns::Data;
use trunkline_testkit::proto::helloworld::HelloRequest;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

const DEADLINE: Duration = Duration::from_secs(1);
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the channel works before the change, at least.
const WARM: Duration = Duration::from_secs(40);
/// What the change is later with each seed, so that it comes at any moment within the TTL.
const STEP: Duration = Duration::from_millis(2_300);
/// How long the run goes on after the change.
const REST: Duration = Duration::from_secs(80);

const NAME: &str = "greeter.test";
const TARGET: &str = "dns://198.51.100.53/greeter.test:50051";

/// What happens to a backend.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// It is new in DNS.
    Added { ttl_secs: u32 },
    /// It is no longer in DNS, and works on.
    Removed { ttl_secs: u32 },
    /// Its connections are reset.
    Killed,
    /// It announces on its connections that it stops (GOAWAY).
    Stopped,
    /// Nothing arrives there, or from there.
    Lost,
}

/// What a change cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// From the change to the first call of a new backend; to the last call that went to one that
    /// was removed; to the last failure of a call that was sent to one that died.
    pub(crate) time: Duration,
    /// The calls that failed.
    pub(crate) failed: usize,
}

/// Runs a channel with this many calls a second through a change.
pub(crate) fn run(seed: u64, calls: u32, change: Change) -> Outcome {
    let sim = Sim::new(seed);
    let hosts = [[198, 51, 100, 7], [198, 51, 100, 8]];
    let backends = hosts.map(|host| sim.backend(SocketAddr::from((host, 50051))));
    let dns = sim.dns_server(SocketAddr::from(([198, 51, 100, 53], 53)));
    let ttl_secs = match change {
        Change::Added { ttl_secs } | Change::Removed { ttl_secs } => ttl_secs,
        Change::Killed | Change::Stopped | Change::Lost => 60,
    };
    dns.insert(NAME, ttl_secs, Data::A(hosts[0].into()));
    if !matches!(change, Change::Added { .. }) {
        dns.insert(NAME, ttl_secs, Data::A(hosts[1].into()));
    }
    let keepalive = KeepaliveOptions::default()
        .with_time(KEEPALIVE)
        .with_timeout(KEEPALIVE_TIMEOUT);
    let channel = Channel::builder(TARGET)
        .plaintext()
        .runtime(sim.runtime())
        .load_balancing("round_robin")
        .keepalive(keepalive)
        .build()
        .expect("a good target");
    let failures = Arc::new(Mutex::new(Vec::new()));
    let start = WARM + STEP * u32::try_from(seed).expect("few seeds");
    let (mut first_call, mut last_call) = (None, None);
    sim.run(async {
        let mut has_changed = false;
        while sim.elapsed() < start + REST {
            if !has_changed && sim.elapsed() >= start {
                match change {
                    Change::Added { .. } => dns.insert(NAME, ttl_secs, Data::A(hosts[1].into())),
                    Change::Removed { .. } => {
                        dns.remove(NAME);
                        dns.insert(NAME, ttl_secs, Data::A(hosts[0].into()));
                    }
                    Change::Killed => backends[1].kill(),
                    Change::Stopped => backends[1].stop_gracefully(),
                    Change::Lost => sim.net().cut(hosts[1]),
                }
                has_changed = true;
            }
            if first_call.is_none() {
                first_call = backends[1].received().first().map(|call| call.at);
            }
            let caller = call(&sim, &channel, &failures);
            sim.spawn("caller", caller);
            sim.sleep(Duration::from_secs(1) / calls).await;
        }
        // The calls that are under way end, by their deadline if by nothing else.
        sim.sleep(DEADLINE * 2).await;
        last_call = backends[1].received().last().map(|call| call.at);
    });
    let failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
    let until = match change {
        Change::Added { .. } => Some(first_call.expect("a call of the new backend")),
        Change::Removed { .. } => last_call,
        Change::Killed | Change::Stopped | Change::Lost => failures.iter().max().copied(),
    };
    Outcome {
        time: until.unwrap_or(start).saturating_sub(start),
        failed: failures.len(),
    }
}

/// Makes one call, and notes when it failed, if it did.
fn call(
    sim: &Sim,
    channel: &Channel,
    failures: &Arc<Mutex<Vec<Duration>>>,
) -> impl Future<Output = ()> + Send + 'static {
    let mut client = GreeterClient::new(channel.clone());
    let failures = Arc::clone(failures);
    let runtime = sim.runtime();
    // The simulation began this long before.
    let (began, now) = (sim.elapsed(), runtime.now());
    let mut request = Request::new(HelloRequest { name: "Ada".into() });
    request.set_timeout(DEADLINE);
    async move {
        if client.say_hello(request).await.is_err() {
            let at = began + runtime.now().duration_since(now);
            let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.push(at);
        }
    }
}
