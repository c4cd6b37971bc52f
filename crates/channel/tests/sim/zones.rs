//! The zone of a channel, and calls that stay in it.

use std::collections::BTreeMap;
use std::time::Duration;

use trunkline_channel::ChannelBuilder;
use trunkline_endpoint::{Attributes, Endpoint, Zone};
use trunkline_resolver::StaticFactory;
use trunkline_sim::Sim;

use crate::world::{address, builder, unary};

/// Returns how many of 60 calls each of three hosts gets: hosts 1 and 2 are in zone `a`, host 3 in zone
/// `b`.
fn shares(
    sim: &Sim,
    configure: impl FnOnce(ChannelBuilder) -> ChannelBuilder,
) -> BTreeMap<u8, usize> {
    let _backends = [1, 2, 3].map(|host| sim.backend(address(host)));
    let endpoint = |(host, zone): (u8, &str)| {
        let attributes = Attributes::new().with::<Zone>(zone.into());
        Endpoint::new([address(host)]).with_attributes(attributes)
    };
    let list = [(1, "a"), (2, "a"), (3, "b")].map(endpoint);
    let channel = builder(sim, "zones:///greeter")
        .resolver(StaticFactory::from_endpoints("zones", list))
        .load_balancing("zone_aware");
    let channel = configure(channel).build().expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
        let mut shares = BTreeMap::new();
        for _ in 0..60 {
            let host = unary(&channel, b"hello").await.expect_ok().host();
            *shares.entry(host).or_default() += 1;
        }
        shares
    })
}

/// The zone comes from the builder, else from the variable `TRUNKLINE_ZONE`. Without one, all endpoints
/// are equal; an empty text is no zone.
#[test]
fn zone_of_a_channel() {
    let in_a = BTreeMap::from([(1, 30), (2, 30)]);
    let everywhere = BTreeMap::from([(1, 20), (2, 20), (3, 20)]);
    assert_eq!(shares(&Sim::new(1), |builder| builder.zone("a")), in_a);
    assert_eq!(shares(&Sim::new(1), |builder| builder), everywhere);
    let sim = Sim::new(1);
    sim.set_variable("TRUNKLINE_ZONE", "a");
    assert_eq!(shares(&sim, |builder| builder), in_a);
    let sim = Sim::new(1);
    sim.set_variable("TRUNKLINE_ZONE", "a");
    assert_eq!(shares(&sim, |builder| builder.zone("")), everywhere);
    // One of three endpoints for half of the calls: two thirds stay.
    let in_b = shares(&Sim::new(1), |builder| builder.zone("b"));
    assert!(in_b[&3].abs_diff(40) <= 2, "{in_b:?}");
}
