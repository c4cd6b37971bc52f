//! Shuffling of endpoints:
//! [gRFC A62](https://github.com/grpc/proposal/blob/master/A62-pick-first.md) and
//! [gRFC A113](https://github.com/grpc/proposal/blob/master/A113-pick-first-weighted-shuffling.md).

use std::collections::BTreeMap;

use trunkline_endpoint::{Attributes, Endpoint, Weight};
use trunkline_lb::testing::{FakeChannel, address, endpoints};
use trunkline_lb::{PickFirst, PickFirstConfig, PolicyOptions};

const LIST: &str = "10.0.0.1:1|10.0.0.2:1 10.0.0.3:1|10.0.0.4:1 10.0.0.5:1|10.0.0.6:1";

fn shuffling(seed: u64) -> FakeChannel<PickFirst> {
    FakeChannel::new(PickFirst::new(&PolicyOptions::new(seed)))
        .with_config(PickFirstConfig::new(true))
}

/// Returns the order in which the policy tries a list.
fn order(channel: &mut FakeChannel<PickFirst>, list: Vec<Endpoint>) -> Vec<String> {
    channel
        .update_endpoints(list)
        .expect("the policy accepts the list");
    channel.advance_millis(10_000);
    channel.dialled().split(' ').map(str::to_owned).collect()
}

/// Endpoints are shuffled; the addresses within an endpoint keep their order.
#[test]
fn endpoints_not_addresses() {
    let mut orders = BTreeMap::new();
    for seed in 0..600 {
        let order = order(&mut shuffling(seed), endpoints(LIST));
        let pairs: Vec<_> = order.chunks(2).map(<[String]>::to_vec).collect();
        for pair in &pairs {
            let known = endpoints(LIST).iter().any(|endpoint| {
                endpoint
                    .addresses()
                    .iter()
                    .map(ToString::to_string)
                    .eq(pair.iter().cloned())
            });
            assert!(known, "{pair:?} with seed {seed}");
        }
        *orders.entry(order).or_insert(0) += 1;
    }
    assert_eq!(orders.len(), 6, "all orders occur");
    assert!(
        orders.values().all(|count| (60..=140).contains(count)),
        "{orders:?}"
    );
}

/// Without the option the list keeps its order. With it, the same seed gives the same order.
#[test]
fn same_seed_same_order() {
    let order_of = |seed| order(&mut shuffling(seed), endpoints(LIST));
    assert_eq!(order_of(3), order_of(3));
    let mut plain = FakeChannel::new(PickFirst::new(&PolicyOptions::new(3)));
    let order = order(&mut plain, endpoints(LIST));
    assert_eq!(order.concat(), LIST.replace(['|', ' '], ""));
}

/// A repeated list is shuffled again, but a connection stays where it is.
#[test]
fn no_shuffle_while_connected() {
    let mut channel = shuffling(1);
    channel.update(LIST).expect("the policy accepts the list");
    let first = channel.dialled();
    channel.ready(&first);
    for _ in 0..20 {
        channel.update(LIST).expect("the policy accepts the list");
        assert_eq!(channel.picked(), first);
    }
    assert_eq!(channel.dialled(), "");
}

/// The probability that an endpoint comes first is its weight divided by the sum of the weights. A
/// weight of 0 and an absent weight count as 1.
#[test]
fn first_by_weight() {
    let weighted = |text: &str, weight: Option<u32>| {
        let attributes = match weight {
            Some(weight) => Attributes::new().with::<Weight>(weight),
            None => Attributes::new(),
        };
        Endpoint::new([address(text)]).with_attributes(attributes)
    };
    let list = || {
        vec![
            weighted("10.0.0.1:1", None),
            weighted("10.0.0.2:1", Some(0)),
            weighted("10.0.0.3:1", Some(2)),
            weighted("10.0.0.4:1", Some(4)),
        ]
    };
    let mut firsts = BTreeMap::<String, u32>::new();
    for seed in 0..4000 {
        let mut channel = shuffling(seed);
        channel
            .update_endpoints(list())
            .expect("the policy accepts the list");
        *firsts.entry(channel.dialled()).or_default() += 1;
    }
    for (address, expected) in [
        ("10.0.0.1:1", 500),
        ("10.0.0.2:1", 500),
        ("10.0.0.3:1", 1000),
        ("10.0.0.4:1", 2000),
    ] {
        let found = firsts[address];
        assert!(
            found.abs_diff(expected) < 120,
            "{address}: {found}, expected about {expected}"
        );
    }
}

/// Huge weights keep their proportion: their sort keys are not rounded to the same value.
#[test]
fn huge_weights() {
    let weighted = |text: &str, weight: u32| {
        Endpoint::new([address(text)]).with_attributes(Attributes::new().with::<Weight>(weight))
    };
    let list = || {
        vec![
            weighted("10.0.0.1:1", u32::MAX),
            weighted("10.0.0.2:1", u32::MAX),
        ]
    };
    let firsts = (0..1000).filter(|seed| {
        let mut channel = shuffling(*seed);
        channel
            .update_endpoints(list())
            .expect("the policy accepts the list");
        channel.dialled() == "10.0.0.1:1"
    });
    let count = firsts.count();
    assert!((400..=600).contains(&count), "{count}");
}
