//! The policy random_subsetting:
//! [gRFC A68](https://github.com/grpc/proposal/blob/master/A68-random-subsetting.md).

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use trunkline_lb::ConnectivityState::{Connecting, Ready};
use trunkline_lb::testing::{FakeChannel, endpoints};
use trunkline_lb::{
    OldList, PolicyFactory, PolicyOptions, PolicyRegistry, RandomSubsetting,
    RandomSubsettingConfig, RandomSubsettingFactory, Update,
};
use trunkline_service_config::PolicyChoice;
use trunkline_status::Code;

fn config(subset_size: u32, child: &str) -> RandomSubsettingConfig {
    let registry = PolicyRegistry::standard();
    let child = PolicyChoice::parse(&json!([{ child: {} }]), &registry);
    RandomSubsettingConfig::new(subset_size, child.expect("a known policy"))
}

fn client(seed: u64, subset_size: u32) -> FakeChannel<RandomSubsetting> {
    let options = PolicyOptions::new(seed).with_policies(PolicyRegistry::standard());
    FakeChannel::new(RandomSubsetting::new(&options))
        .with_config(config(subset_size, "round_robin"))
}

/// Hands over a list of hosts.
fn update(channel: &mut FakeChannel<RandomSubsetting>, hosts: impl IntoIterator<Item = u8>) {
    let hosts = hosts.into_iter().map(|host| format!("10.0.0.{host}:443"));
    let list = hosts.collect::<Vec<_>>().join(" ");
    channel.update(&list).expect("the policy accepts the list");
}

/// Returns the addresses of the client's subset: round_robin connects to all that it gets.
fn subset(channel: &FakeChannel<RandomSubsetting>) -> BTreeSet<String> {
    let addresses = channel.addresses();
    addresses.split_whitespace().map(str::to_owned).collect()
}

fn parse(config: &Value) -> Result<(u32, String), String> {
    let registry = PolicyRegistry::standard();
    let parsed = RandomSubsettingFactory.parse_config(config, &registry);
    let parsed = parsed.map_err(|error| error.to_string())?;
    let config: &dyn Any = &*parsed;
    let config: &RandomSubsettingConfig = config.downcast_ref().expect("the policy's own config");
    Ok((config.subset_size, config.child.name.to_string()))
}

/// "LB Policy Config and Parameters": both fields must be present, and the child must be known.
#[test]
fn configuration() {
    let child = json!([{ "round_robin": {} }]);
    let unknown = json!({ "subsetSize": 1, "childPolicy": [{ "unknown": {} }] });
    let error = parse(&unknown).expect_err("an unknown policy");
    assert!(error.starts_with("childPolicy: "), "{error}");
    let cases = [
        (
            json!({ "subsetSize": 3, "childPolicy": child }),
            Ok((3, "round_robin".to_owned())),
        ),
        (json!(null), Err("subsetSize: is missing")),
        (json!({}), Err("subsetSize: is missing")),
        (
            json!({ "subsetSize": 0, "childPolicy": child }),
            Err("subsetSize: expected an integer above 0, found 0"),
        ),
        (json!({ "subsetSize": 1 }), Err("childPolicy: is missing")),
        (
            json!({ "subsetSize": "many", "childPolicy": child }),
            Err("subsetSize: expected an integer from 0 to 4294967295, found \"many\""),
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(parse(&config), expected.map_err(str::to_owned), "{config}");
    }
    assert_eq!(config(0, "round_robin").subset_size, 1);
    let other = config(9, "pick_first").with_subset_size(3);
    let round_robin = config(3, "round_robin").child;
    assert_eq!(
        other.with_child((*round_robin).clone()),
        config(3, "round_robin")
    );
}

/// "Subsetting algorithm": a client uses the same subset after each update, and all endpoints where
/// there are no more than that.
#[test]
fn the_subset_stays() {
    let mut channel = client(1, 5);
    update(&mut channel, 1..=20);
    let first = subset(&channel);
    assert_eq!(first.len(), 5);
    update(&mut channel, (1..=20).rev());
    assert_eq!(subset(&channel), first);
    update(&mut channel, 1..=5);
    assert_eq!(subset(&channel).len(), 5);
    update(&mut channel, 1..=3);
    assert_eq!(subset(&channel).len(), 3);
    update(&mut channel, 1..=20);
    assert_eq!(subset(&channel), first);
}

/// "Low connection churn during server rollouts": one server more or less changes at most one entry of
/// a client's subset.
#[test]
fn one_server_changes_one_entry() {
    for seed in 0..50 {
        let mut channel = client(seed, 5);
        update(&mut channel, 1..=40);
        let before = subset(&channel);
        for host in 1..=40 {
            update(&mut channel, (1..=40).filter(|other| *other != host));
            let without = subset(&channel);
            assert!(before.difference(&without).count() <= 1);
            update(&mut channel, 1..=40);
            assert_eq!(subset(&channel), before);
        }
        update(&mut channel, 1..=41);
        assert!(before.difference(&subset(&channel)).count() <= 1);
    }
}

/// "Uniform connection distribution on high scale": 2000 clients with 5 of 10 servers each: each
/// server has 1000 clients, with a standard deviation of 22.
#[test]
fn clients_spread_evenly() {
    let mut clients: BTreeMap<String, i32> = BTreeMap::new();
    let mut subsets = BTreeSet::new();
    for seed in 0..2000 {
        let mut channel = client(seed, 5);
        update(&mut channel, 1..=10);
        for address in subset(&channel) {
            *clients.entry(address).or_default() += 1;
        }
        subsets.insert(channel.addresses());
    }
    assert_eq!(clients.len(), 10);
    assert!(
        clients.values().all(|count| (count - 1000).abs() < 90),
        "{clients:?}"
    );
    assert!(
        subsets.len() > 240,
        "nearly all of the 252 subsets are used"
    );
}

/// "Handling Subchannel Connectivity State Notifications": all else is the child's: states, pickers,
/// errors of the resolver, and a change of the child.
#[test]
fn the_child_does_the_rest() {
    let mut channel = client(1, 2);
    update(&mut channel, 1..=10);
    let addresses = channel.addresses();
    let (one, other) = addresses.split_once(' ').expect("two addresses");
    channel.ready(one);
    assert_eq!(channel.states(), [Connecting, Ready]);
    assert_eq!(channel.picked(), one);
    channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(channel.picked(), one);
    channel.ready(other);
    // The new child has the same endpoints; the old one serves until it is connected.
    channel.set_config(Arc::new(config(2, "pick_first")));
    channel
        .update_endpoints(endpoints(
            &(1..=10)
                .map(|host| format!("10.0.0.{host}:443"))
                .collect::<Vec<_>>()
                .join(" "),
        ))
        .expect("the policy accepts the list");
    assert_eq!(channel.state(), Ready);
    assert_eq!(channel.subchannels.len(), 3);
    let error = channel.update("").expect_err("an empty list is rejected");
    assert!(error.message().contains("produced zero addresses"));
}

/// Without a configuration of its own, the policy has no child, and refuses the update.
#[test]
fn foreign_configuration() {
    let mut channel = client(1, 2);
    let update = Update::new(endpoints("10.0.0.1:443"), Arc::new(()));
    let result = channel
        .event(|policy, control| trunkline_lb::Policy::handle_update(policy, update, control));
    assert_eq!(result.expect_err("no child").code(), Code::Internal);
    assert!(channel.published.is_empty());
}
