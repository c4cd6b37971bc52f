//! The time that `Channel::inspect` takes, with many endpoints, in a simulation: CPU time of this thread, median
//! of several rounds. The control task and the caller run on it. The JSON is made by the caller, after it.
//!
//! `--bench` measures 10,000 endpoints, without it a few check that everything works.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use trunkline::{Channel, Endpoint, StaticFactory};
use trunkline_sim::Sim;

const ROUND_ROBIN: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#;

const ROUNDS: usize = 15;

fn main() {
    let count = match std::env::args().any(|arg| arg == "--bench") {
        true => 10_000,
        false => 10,
    };
    println!(
        "CPU of `inspect()` with {count} endpoints under round_robin, median of {ROUNDS} rounds"
    );
    println!();
    println!("| subchannels | inspect, ms | JSON, ms | JSON, MB |");
    println!("|---|---|---|---|");
    for is_ready in [false, true] {
        measure(count, is_ready);
    }
}

fn measure(count: u32, is_ready: bool) {
    let sim = Sim::new(1);
    let host = |at: u32| SocketAddr::from((Ipv4Addr::from(0x0a00_0001 + at), 50051));
    let ready = if is_ready { count } else { 0 };
    let backends: Vec<_> = (0..ready).map(|at| sim.backend(host(at))).collect();
    let list = (0..count).map(|at| Endpoint::new([host(at)]));
    let channel = Channel::builder("fleet:///any")
        .plaintext()
        .resolver(StaticFactory::from_endpoints("fleet", list))
        .default_service_config(ROUND_ROBIN)
        .runtime(sim.runtime())
        .build()
        .expect("a channel");
    sim.run(async {
        channel.connect().expect("a runtime");
        sim.sleep(Duration::from_secs(1)).await;
    });
    let (mut whole, mut json, mut size) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let start = cpu_time();
        let inspection = sim.run(channel.inspect());
        whole.push(cpu_time() - start);
        let start = cpu_time();
        let text = serde_json::to_string(&inspection).expect("JSON");
        json.push(cpu_time() - start);
        size = text.len();
        let connected = inspection.subchannels.items.iter();
        let connected = connected.filter(|subchannel| !subchannel.connections.is_empty());
        assert_eq!(connected.count(), ready as usize);
    }
    let state = if is_ready { "READY" } else { "backing off" };
    let millis = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    };
    println!(
        "| {state} | {:.1} | {:.1} | {:.1} |",
        millis(&mut whole),
        millis(&mut json),
        size as f64 / 1e6
    );
    drop(backends);
}

/// Returns the CPU time of this thread, on which the simulation runs.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a time since the start")
}
