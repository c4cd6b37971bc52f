//! What channelz costs: no allocation a call, and memory that does not grow.

use std::sync::Arc;

use tonic::Code;
use trunkline_channel::{Channel, ChannelBuilder, ChannelIdentity, Observer, ObserverFactory};
use trunkline_channelz::ChannelzOptions;
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{ManualResolver, Resolution};

use crate::world::{ROUND_ROBIN, SECOND, World, address, call, only_subchannel};

/// An observer that keeps nothing.
#[derive(Debug)]
struct Nothing;

impl Observer for Nothing {}

impl ObserverFactory for Nothing {
    fn observer_for(&self, _: &ChannelIdentity<'_>) -> Option<Arc<dyn Observer>> {
        Some(Arc::new(Self))
    }
}

/// Returns the allocations of a call, with the simulated network and its server.
fn allocations(world: &World, builder: ChannelBuilder) -> u64 {
    let channel: Channel = builder.build().expect("a channel");
    let calls = |number| {
        world.sim.run(async {
            for _ in 0..number {
                assert_eq!(call(&channel).await, Code::Ok);
            }
        });
    };
    calls(20);
    allocation_counter::measure(|| calls(100)).count_total
}

/// A call over a channel that is shown allocates as often as one over a channel whose observer keeps
/// nothing.
#[test]
fn a_call_allocates_nothing() {
    let world = World::new();
    world.backend(1);
    let target = format!("ipv4:{}", address(1));
    let builder = || {
        Channel::builder(&target)
            .plaintext()
            .runtime(world.sim.runtime())
    };
    let without = allocations(&world, builder().telemetry(Nothing));
    let with = allocations(&world, builder().telemetry(world.channelz.clone()));
    // Lists of the simulation grow now and then. One allocation a call would be 100.
    assert!(with.abs_diff(without) < 50, "{with}, {without} without");
    assert!(without > 1_000, "{without}");
}

/// Subchannels that come and go leave as many behind as the trace has events.
#[test]
fn subchannels_that_come_and_go() {
    let world = World::with_options(ChannelzOptions::default().with_trace_events(10));
    let endpoints = |host: u8| Resolution::new([Endpoint::new([address(host)])]);
    let names = ManualResolver::with_initial("fleet", endpoints(1));
    let builder = world.builder("fleet:all").resolver(names.clone());
    let channel = builder.default_service_config(ROUND_ROBIN).build();
    let channel = channel.expect("a channel");
    world.sim.run(async {
        channel.connect().expect("a channel that is open");
        let mut seen = Vec::new();
        for host in 1..=100 {
            names.update(endpoints(host));
            world.sim.sleep(SECOND).await;
            seen.push(only_subchannel(&world.only_channel().await));
        }
        let mut left = 0;
        for id in seen {
            left += usize::from(world.get_subchannel(id).await.is_ok());
        }
        assert!((2..=10).contains(&left), "{left}");
        // An idle channel has none of its own, and the trace is full of others.
        channel.enter_idle();
        world.sim.sleep(SECOND).await;
        let idle = world.only_channel().await;
        let trace = idle.data.expect("data").trace.expect("a trace");
        assert_eq!((idle.subchannel_ref.len(), trace.events.len()), (0, 10));
    });
}
