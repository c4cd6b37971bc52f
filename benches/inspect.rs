//! The time that `Channel::inspect` takes, with many endpoints, in a simulation: CPU time of this thread, median
//! of several rounds. The control task and the caller run on it. The JSON is made by the caller, after it.
//! Then the longest of many calls in virtual time, alone and while another task inspects the channel again
//! and again: an inspection waits for nothing, and no call waits for it.
//!
//! `--bench` measures 10,000 endpoints, without it a few check that everything works.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::Request;
use http_body_util::{BodyExt, Full};
use rustix::time::{ClockId, clock_gettime};
use tower::Service;
use trunkline::{Channel, Endpoint, StaticFactory};
use trunkline_sim::{CallReply, Sim};

const ROUND_ROBIN: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#;

const ROUNDS: usize = 15;

/// How many calls are made beside inspections, one after another.
const CALLS: usize = 100;

/// How long a backend takes for a call.
const SERVICE_TIME: Duration = Duration::from_millis(1);

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
    let alone_and_beside: Vec<_> = [false, true]
        .into_iter()
        .filter_map(|is_ready| measure(count, is_ready))
        .collect();
    for [alone, beside] in alone_and_beside {
        println!();
        println!(
            "the longest of {CALLS} calls, in virtual time: {alone:?} alone, {beside:?} beside inspections"
        );
    }
}

/// Measures a channel whose backends are all READY, or all fail. With backends, returns the longest virtual
/// time of a call, alone and beside inspections.
fn measure(count: u32, is_ready: bool) -> Option<[Duration; 2]> {
    let sim = Sim::new(1);
    let host = |at: u32| SocketAddr::from((Ipv4Addr::from(0x0a00_0001 + at), 50051));
    let ready = if is_ready { count } else { 0 };
    let backends: Vec<_> = (0..ready).map(|at| sim.backend(host(at))).collect();
    for backend in &backends {
        backend.set_reply(CallReply::Echo.after(SERVICE_TIME));
    }
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
    is_ready.then(|| {
        let alone = sim.run(longest_call(&sim, &channel));
        let (beside, inspections) = sim.run(longest_beside_inspections(&sim, &channel));
        assert!(inspections >= CALLS, "{inspections} inspections");
        [alone, beside]
    })
}

/// Makes the calls, and returns the virtual time of the longest.
async fn longest_call(sim: &Sim, channel: &Channel) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..CALLS {
        let request = Request::post("/test.Echo/Say")
            .header("content-type", "application/grpc")
            .body(Full::new(Bytes::from_static(b"\0\0\0\0\x05hello")));
        let start = sim.elapsed();
        let Ok(response) = (&*channel).call(request.expect("a request")).await;
        let body = response.into_body().collect().await.expect("a response");
        longest = longest.max(sim.elapsed() - start);
        assert_eq!(body.to_bytes().len(), 10);
    }
    longest
}

/// Makes the calls while the channel is inspected, several times during each. Returns the virtual time of the
/// longest call, and the number of inspections.
async fn longest_beside_inspections(sim: &Sim, channel: &Channel) -> (Duration, usize) {
    let mut inspections = 0;
    let inspecting = async {
        loop {
            channel.inspect().await;
            inspections += 1;
            sim.sleep(SERVICE_TIME / 2).await;
        }
    };
    let calls = Box::pin(longest_call(sim, channel));
    let longest = match select(calls, Box::pin(inspecting)).await {
        Either::Left((longest, _)) => longest,
        Either::Right((never, _)) => never,
    };
    (longest, inspections)
}

/// Returns the CPU time of this thread, on which the simulation runs.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a time since the start")
}
