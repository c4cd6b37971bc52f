//! How evenly policies spread calls over endpoints that are all ready.
//!
//! The shares of a ring are in `a42_ring_hash.rs`, and the queues of least_request in
//! `a48_least_request.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};
use trunkline_endpoint::{Attributes, Endpoint, Weight};
use trunkline_lb::testing::{FakeChannel, endpoints, pick};
use trunkline_lb::{
    GracefulSwitch, LoadReport, Pick, Picker, PolicyOptions, PolicyRegistry, SubchannelId,
};
use trunkline_service_config::PolicyChoice;

/// The calls of one test: the weighted shares have to be right within 1 % of them.
const CALLS: usize = 100_000;

type Channel = FakeChannel<GracefulSwitch>;

/// Returns a channel whose endpoints are all ready.
fn ready(policy: Value, endpoints: Vec<Endpoint>) -> Channel {
    let registry = PolicyRegistry::standard();
    let choice = PolicyChoice::parse(&json!([policy]), &registry).expect("a known policy");
    let options = PolicyOptions::new(7).with_policies(registry);
    let mut channel = FakeChannel::new(GracefulSwitch::new(&options)).with_config(choice);
    let addresses: Vec<String> = endpoints
        .iter()
        .map(|endpoint| endpoint.addresses()[0].to_string())
        .collect();
    channel.has_more = true;
    let accepted = channel.update_endpoints(endpoints);
    accepted.expect("the policy accepts the list");
    for address in addresses {
        channel.ready(&address);
    }
    channel.has_more = false;
    channel.settle();
    channel
}

/// Returns this many endpoints.
fn list(count: usize) -> Vec<Endpoint> {
    let addresses: Vec<String> = (0..count)
        .map(|number| format!("10.0.{}.{}:443", number / 256, number % 256))
        .collect();
    endpoints(&addresses.join(" "))
}

/// Returns the ids of all subchannels.
fn ids(channel: &Channel) -> Vec<SubchannelId> {
    channel.subchannels.keys().copied().collect()
}

/// Returns how many of `calls` calls each of `ids` gets, those that get none included.
fn shares(
    ids: &[SubchannelId],
    picker: &dyn Picker,
    calls: usize,
) -> BTreeMap<SubchannelId, usize> {
    let mut shares: BTreeMap<SubchannelId, usize> = ids.iter().map(|id| (*id, 0)).collect();
    for _ in 0..calls {
        match pick(picker) {
            Pick::Subchannel(id) => *shares.entry(id).or_default() += 1,
            other => panic!("expected a subchannel, found {other:?}"),
        }
    }
    shares
}

/// Returns the difference between the largest and the smallest share.
fn spread(shares: &BTreeMap<SubchannelId, usize>) -> usize {
    let most = shares.values().max().expect("there are endpoints");
    most - shares.values().min().expect("there are endpoints")
}

/// round_robin: the calls of one thread are even at each moment. No two endpoints are more than one
/// call apart.
#[test]
fn one_thread_is_exactly_even() {
    for count in [1, 2, 3, 7, 100, 1000] {
        let channel = ready(json!({"round_robin": {}}), list(count));
        let picker = channel.picker();
        let mut total: BTreeMap<SubchannelId, usize> = BTreeMap::new();
        for calls in [1, count / 2, count, 12 * count + 5] {
            for (id, calls) in shares(&ids(&channel), &*picker, calls) {
                *total.entry(id).or_default() += calls;
            }
            assert!(spread(&total) <= 1, "{count} endpoints: {total:?}");
        }
    }
}

/// round_robin: with calls from n threads, no two endpoints are more than n calls apart.
#[test]
fn threads_are_even_together() {
    for threads in [2, 3, 8] {
        let channel = ready(json!({"round_robin": {}}), list(100));
        let picker = channel.picker();
        let total = thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|thread| {
                    let (ids, picker) = (ids(&channel), &picker);
                    scope.spawn(move || shares(&ids, &**picker, 10_007 + 50 * thread))
                })
                .collect();
            let mut total: BTreeMap<SubchannelId, usize> = BTreeMap::new();
            for shares in running {
                for (id, calls) in shares.join().expect("the thread counts") {
                    *total.entry(id).or_default() += calls;
                }
            }
            total
        });
        assert!(spread(&total) <= threads, "{threads} threads: {total:?}");
    }
}

/// Checks that the share of each endpoint is that of its weight, within 1 % of the share.
fn check_weights(channel: &Channel, weight: impl Fn(&str) -> f64) {
    let shares = shares(&ids(channel), &*channel.picker(), CALLS);
    let weights = shares.keys().map(|id| {
        let address = channel.subchannels[id].address.to_string();
        weight(&address)
    });
    let weights: Vec<f64> = weights.collect();
    let total: f64 = weights.iter().sum();
    for ((id, calls), weight) in shares.iter().zip(weights) {
        let expected = CALLS as f64 * weight / total;
        let difference = (*calls as f64 - expected).abs();
        assert!(
            difference <= (expected / 100.0).max(1.0),
            "{id:?}: {calls} calls, not {expected}"
        );
    }
}

/// Returns the weight that a test gives to an address: from 1 to 7, by its last number.
fn weight_of(address: &str) -> u32 {
    let host = address.strip_suffix(":443").expect("the port of the list");
    let last = host.rsplit('.').next().expect("an IPv4 address");
    last.parse::<u32>().expect("a number") % 7 + 1
}

/// weighted_round_robin: each endpoint gets the share of its reported weight, whatever the weights.
#[test]
fn reported_weights() {
    for count in [2, 3, 20, 100] {
        let config = json!({"weighted_round_robin": {"blackoutPeriod": "0s"}});
        let mut channel = ready(config, list(count));
        let addresses: Vec<String> = channel.addresses().split(' ').map(str::to_owned).collect();
        for address in &addresses {
            let report = LoadReport::default()
                .with_application_utilization(0.5)
                .with_qps(50.0 * f64::from(weight_of(address)));
            channel.report_load(address, &report);
        }
        channel.advance_millis(1_000);
        check_weights(&channel, |address| f64::from(weight_of(address)));
    }
}

/// Static weights (those of SRV records): each endpoint gets the share of its `Weight`.
#[test]
fn static_weights() {
    for count in [2, 3, 20, 100] {
        let weighted = list(count).into_iter().map(|endpoint| {
            let weight = weight_of(&endpoint.addresses()[0].to_string());
            endpoint.with_attributes(Attributes::new().with::<Weight>(weight))
        });
        let channel = ready(json!({"static_weights": {}}), weighted.collect());
        check_weights(&channel, |address| f64::from(weight_of(address)));
    }
}

/// A picker that was replaced is still even: calls that hold it do not favour an endpoint.
#[test]
fn an_old_picker_is_even() {
    let mut channel = ready(json!({"round_robin": {}}), list(10));
    let old: Arc<dyn Picker> = channel.picker();
    let lost = channel.addresses().split(' ').next().map(str::to_owned);
    channel.idle(&lost.expect("an address"));
    assert!(!Arc::ptr_eq(&old, &channel.picker()));
    assert!(spread(&shares(&ids(&channel), &*old, 1_005)) <= 1);
}
