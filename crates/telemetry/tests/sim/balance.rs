//! What begins ends: under random failures, the sums fit together and nothing is left open.

use std::time::Duration;

use futures_util::future::join_all;
use trunkline_sim::{CallReply, Sim};
use trunkline_status::Code;
use trunkline_telemetry::testing::{Recorded, RecordingSink};
use trunkline_telemetry::{Instrument, MetricsOptions, instruments};

use crate::world::{
    GET, MS, SECOND, address, backend, builder, call_within, failing, measured_with,
};

const CONFIG: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [
    {"name": [{"service": "a.Retried"}], "retryPolicy": {"maxAttempts": 4,
        "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]}},
    {"name": [{"service": "a.Hedged"}], "hedgingPolicy": {"maxAttempts": 3,
        "hedgingDelay": "0.1s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]}"#;

/// A generator of numbers that is the same in every run.
struct Random(u64);

impl Random {
    /// Returns a number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }

    /// Returns a time below `bound` milliseconds.
    fn millis(&mut self, bound: u64) -> Duration {
        Duration::from_millis(self.below(bound))
    }

    fn reply(&mut self) -> CallReply {
        match self.below(9) {
            0 => failing(Code::Unavailable),
            1 => failing(Code::NotFound),
            2 => CallReply::Never,
            3 => CallReply::ResetStream(7),
            4 => CallReply::ResetStream(2),
            5 => CallReply::GoAway,
            6 => CallReply::DropConnection,
            7 => CallReply::Echo.after(self.millis(300)),
            _ => CallReply::Echo,
        }
    }
}

/// Returns the sum of a counter over all its series, or the number of the values of a histogram.
fn total(sink: &RecordingSink, instrument: &Instrument) -> f64 {
    let lines = sink.lines_of(&format!("{}{{", instrument.name)).into_iter();
    let recorded = lines.map(|line| {
        let series = line
            .rsplit_once("} ")
            .map(|(series, _)| format!("{series}}}"));
        match sink.recorded(&series.expect("a line")) {
            Some(Recorded::Sum(sum)) => sum,
            Some(Recorded::Values(values)) => values.len() as f64,
            other => panic!("{other:?}"),
        }
    });
    recorded.sum()
}

/// Makes calls over three backends that fail at random, and drops the channel in the end.
fn check(seed: u64) {
    let sim = Sim::new(seed);
    let mut random = Random(seed);
    let backends = [1, 2, 3].map(|host| backend(&sim, host));
    let channel = builder(&sim, 3).default_service_config(CONFIG);
    let options = MetricsOptions::default().with_all_instruments();
    let (channel, sink) = measured_with(channel, options);
    let calls = 60;
    sim.run(async {
        for _ in 0..calls / 10 {
            for backend in &backends {
                for _ in 0..random.below(8) {
                    backend.push_reply(random.reply());
                }
            }
            let paths = ["/a.Retried/M", "/a.Hedged/M", GET];
            let timeouts = [None, Some("150m"), Some("2S")];
            let one = |_| {
                let path = paths[random.below(3) as usize];
                let timeout = timeouts[random.below(3) as usize];
                let patience = random.millis(1500);
                let (channel, sim) = (&channel, &sim);
                async move {
                    let call = std::pin::pin!(call_within(channel, path, b"hello", timeout));
                    let patience = std::pin::pin!(sim.sleep(patience));
                    // A caller that waits no longer drops its call.
                    futures_util::future::select(call, patience).await;
                }
            };
            join_all((0..10).map(one)).await;
            if random.below(3) == 0 {
                sim.net().kill(address(random.below(3) as u8 + 1).ip());
                sim.sleep(100 * MS).await;
                backends.iter().for_each(trunkline_sim::Backend::restart);
            }
            sim.sleep(random.millis(3000)).await;
        }
        assert_eq!(total(&sink, &instruments::CALLS_OPEN), 0.0, "seed {seed}");
        let open = total(&sink, &instruments::OPEN_CONNECTIONS);
        assert!((0.0..=3.0).contains(&open), "seed {seed}: {open} open");
        drop(channel);
        sim.sleep(10 * SECOND).await;
    });
    let total = |instrument| total(&sink, instrument);
    let started = total(&instruments::ATTEMPT_STARTED);
    let expect = |instrument: &'static Instrument, expected: f64| {
        assert_eq!(
            total(instrument),
            expected,
            "seed {seed}: {}",
            instrument.name
        );
    };
    expect(&instruments::CALL_DURATION, f64::from(calls));
    expect(&instruments::ATTEMPT_DURATION, started);
    expect(&instruments::ATTEMPT_SENT, started);
    expect(&instruments::ATTEMPTS_WAITING, 0.0);
    expect(&instruments::OPEN_CONNECTIONS, 0.0);
    expect(&instruments::CHANNELS, 0.0);
    let connected = total(&instruments::CONNECTION_ATTEMPTS_SUCCEEDED);
    expect(&instruments::DISCONNECTIONS, connected);
}

/// Every call and every attempt that starts ends, every connection that opens closes, and the channel
/// leaves every state.
#[test]
fn what_begins_ends() {
    for seed in 0..20 {
        check(seed);
    }
}
