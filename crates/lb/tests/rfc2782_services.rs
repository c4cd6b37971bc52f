//! `priority_groups` and `static_weights`: what the priorities and weights of SRV records ask for.
//!
//! Source: [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782).

mod support;

use serde_json::json;
use support::{check_shares, config, labelled, options};
use trunkline_endpoint::{Attributes, Endpoint, PriorityGroup, Weight};
use trunkline_lb::ConnectivityState::{Connecting, TransientFailure};
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{Priority, PriorityGroupsFactory, StaticWeights};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";

/// Returns endpoints, each from its address, priority and weight.
fn service(records: &[(&str, u32, u32)]) -> Vec<Endpoint> {
    let endpoints = records.iter().flat_map(|(address, priority, weight)| {
        let attributes = Attributes::new()
            .with::<PriorityGroup>(*priority)
            .with::<Weight>(*weight);
        labelled(address, &attributes)
    });
    endpoints.collect()
}

fn groups(records: &[(&str, u32, u32)]) -> FakeChannel<Priority> {
    let mut channel = FakeChannel::new(Priority::new(&options(1)));
    channel.set_config(config(PriorityGroupsFactory::NAME, json!({})));
    channel
        .update_endpoints(service(records))
        .expect("a usable list");
    channel
}

/// "A client MUST attempt to contact the target host with the lowest-numbered priority it can reach;
/// target hosts with the same priority SHOULD be tried in an order defined by the weight field."
#[test]
fn priority() {
    let mut channel = groups(&[(C, 20, 1), (A, 10, 3), (B, 10, 1)]);
    assert_eq!(channel.addresses(), format!("{A} {B}"));
    channel.ready(A);
    channel.ready(B);
    check_shares(&channel, &[(A, 300), (B, 100)], 3);
    channel.idle(A);
    channel.fail(A);
    check_shares(&channel, &[(B, 100)], 0);
    channel.idle(B);
    channel.fail(B);
    channel.ready(C);
    check_shares(&channel, &[(C, 100)], 0);
    channel.idle(B);
    channel.ready(B);
    check_shares(&channel, &[(B, 100)], 0);
}

/// A priority that appears in the list, or goes from it. The group that stays keeps its connections.
#[test]
fn new_priorities() {
    let mut channel = groups(&[(A, 10, 1)]);
    channel.ready(A);
    channel.dialled();
    channel
        .update_endpoints(service(&[(A, 10, 1), (B, 20, 1)]))
        .unwrap();
    check_shares(&channel, &[(A, 10)], 0);
    channel
        .update_endpoints(service(&[(C, 5, 1), (A, 10, 1), (B, 20, 1)]))
        .unwrap();
    assert_eq!(channel.state(), Connecting);
    assert_eq!(channel.dialled(), C);
    channel.fail(C);
    check_shares(&channel, &[(A, 10)], 0);
    channel.update_endpoints(service(&[(B, 20, 1)])).unwrap();
    assert_eq!(channel.addresses(), B);
}

/// An endpoint without a priority belongs to group 0, and one without a weight has the weight 1.
#[test]
fn without_attributes() {
    let mut channel = FakeChannel::new(Priority::new(&options(1)));
    channel.set_config(config(PriorityGroupsFactory::NAME, json!({})));
    let mut list = labelled(&format!("{A} {B}"), &Attributes::new());
    list.extend(service(&[(C, 1, 1)]));
    channel.update_endpoints(list).unwrap();
    channel.ready(A);
    channel.ready(B);
    check_shares(&channel, &[(A, 100), (B, 100)], 2);
}

/// An empty list is refused, and calls fail.
#[test]
fn empty_list() {
    let mut channel = groups(&[(A, 10, 1)]);
    channel.ready(A);
    let error = channel
        .update_endpoints(Vec::new())
        .expect_err("no endpoints");
    assert!(error.message().contains("zero addresses"), "{error}");
    assert_eq!(channel.state(), TransientFailure);
    assert_eq!(channel.addresses(), "");
}

/// Endpoints of weight 0 get a very small share: one call of 1 + the sum of the others' weights.
#[test]
fn weight_0() {
    let mut channel = FakeChannel::new(StaticWeights::new(&options(1)));
    let records = [(A, 0, 60), (B, 0, 39), (C, 0, 0)];
    channel.update_endpoints(service(&records)).unwrap();
    for address in [A, B, C] {
        channel.ready(address);
    }
    check_shares(&channel, &[(A, 6000), (B, 3900), (C, 100)], 4);
    // The share of one that is not ready goes to the others, in proportion.
    channel.idle(A);
    check_shares(&channel, &[(B, 3900), (C, 100)], 4);
    channel.idle(B);
    check_shares(&channel, &[(C, 100)], 0);
}

/// A new weight changes the shares, and no connection.
#[test]
fn new_weight() {
    let mut channel = FakeChannel::new(StaticWeights::new(&options(1)));
    channel
        .update_endpoints(service(&[(A, 0, 1), (B, 0, 1)]))
        .unwrap();
    channel.ready(A);
    channel.ready(B);
    channel.dialled();
    check_shares(&channel, &[(A, 200), (B, 200)], 3);
    channel
        .update_endpoints(service(&[(A, 0, 1), (B, 0, 3)]))
        .unwrap();
    check_shares(&channel, &[(A, 100), (B, 300)], 3);
    assert_eq!(channel.dialled(), "");
}
