//! What a call allocates, with observers and without.

use bytes::Bytes;
use http_body_util::Full;
use trunkline_channel::{Channel, ChannelBuilder, Observer};
use trunkline_sim::Sim;

use crate::hedging::HEDGING;
use crate::world::{address, builder, call, request, with_timeout};

/// An observer that keeps nothing.
#[derive(Debug)]
struct KeepsNothing;

impl Observer for KeepsNothing {}

/// An observer that wants no call.
#[derive(Debug)]
struct WantsNothing;

impl Observer for WantsNothing {
    fn observes_calls(&self) -> bool {
        false
    }
}

/// The calls that are made at the same time.
const IN_FLIGHT: usize = 20;

/// The rounds of which the least counts.
const ROUNDS: usize = 25;

/// Returns the allocations, and their bytes, of a number of calls on a channel with these observers,
/// once the channel is warm. It is the least of several rounds: a table with random hashes grows in some
/// of them.
fn allocations(config: &str, observe: impl FnOnce(ChannelBuilder) -> ChannelBuilder) -> (u64, u64) {
    allocations_of(config, None, observe)
}

/// Returns the same of calls with this `grpc-timeout`.
fn allocations_of(
    config: &str,
    timeout: Option<&'static str>,
    observe: impl FnOnce(ChannelBuilder) -> ChannelBuilder,
) -> (u64, u64) {
    let sim = Sim::new(1);
    let _backend = sim.backend(address(1));
    let builder = builder(&sim, format!("ipv4:{}", address(1))).default_service_config(config);
    let channel = observe(builder).build().expect("a channel");
    for _ in 0..5 {
        make_calls(&sim, &channel, timeout);
    }
    let measure = |_| {
        let measured = allocation_counter::measure(|| make_calls(&sim, &channel, timeout));
        (measured.count_total, measured.bytes_total)
    };
    (0..ROUNDS).map(measure).min().expect("a round")
}

fn make_calls(sim: &Sim, channel: &Channel, timeout: Option<&'static str>) {
    sim.run(async {
        let hello = || {
            let request = request(Full::new(Bytes::from_static(b"\0\0\0\0\x05hello")));
            match timeout {
                Some(timeout) => with_timeout(request, timeout),
                None => request,
            }
        };
        let calls = (0..IN_FLIGHT).map(|_| call(channel, hello()));
        for result in futures_util::future::join_all(calls).await {
            result.expect_ok();
        }
    });
}

/// A call that an observer sees allocates what it allocates without one, and so does one that no
/// observer wants; whether an attempt has a plan or not.
#[test]
fn an_observer_that_keeps_nothing_costs_no_allocation() {
    for config in ["{}", HEDGING] {
        let without = allocations(config, |builder| builder);
        let unwanted = allocations(config, |builder| builder.observer(WantsNothing));
        assert_eq!(unwanted, without);
        let observed = allocations(config, |builder| {
            let builder = builder.observer(WantsNothing);
            builder.observer(KeepsNothing).observer(KeepsNothing)
        });
        assert_eq!(observed, without);
    }
}

/// A deadline costs no allocation: a call with one makes two less than a call whose `grpc-timeout` is
/// invalid. That is sent as any other metadata, of which a list and the name are kept for another
/// attempt.
#[test]
fn a_deadline_costs_no_allocation() {
    let kept = 2 * IN_FLIGHT as u64;
    let (invalid, _) = allocations_of("{}", Some("20X"), |builder| builder);
    let (valid, _) = allocations_of("{}", Some("20S"), |builder| builder);
    assert_eq!(valid + kept, invalid);
}
