//! What tests of policies with named children share.

#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod labelled;

use std::sync::Arc;

use serde_json::{Value, json};
use trunkline_endpoint::{Attributes, Endpoint};
use trunkline_lb::testing::{FakeChannel, endpoints};
use trunkline_lb::{HierarchyPath, Pick, PickRequest, Policy, PolicyOptions, PolicyRegistry};
use trunkline_service_config::{PolicyChoice, PolicyConfig};

/// Returns options with all policies of the crate.
pub(crate) fn options(seed: u64) -> PolicyOptions {
    PolicyOptions::new(seed).with_policies(PolicyRegistry::standard())
}

/// Returns the choice of a policy with this configuration.
pub(crate) fn choice(name: &str, config: Value) -> PolicyChoice {
    let list = json!([{ name: config }]);
    PolicyChoice::parse(&list, &PolicyRegistry::standard()).expect("a valid configuration")
}

/// Returns the configuration of a policy.
pub(crate) fn config(name: &str, config: Value) -> Arc<dyn PolicyConfig> {
    choice(name, config).config
}

/// Returns the place and the reason of the error in a configuration.
pub(crate) fn config_error(name: &str, config: Value) -> String {
    let list = json!([{ name: config }]);
    let error = PolicyChoice::parse(&list, &PolicyRegistry::standard()).expect_err("an error");
    let pointer = error.pointer();
    let place = pointer.strip_prefix(&format!("/0/{name}"));
    let place = place.expect("the error is in the configuration of the policy");
    // The list of all policies, which comes after that, changes with each new one.
    let reason = error.reason().split("; known are: ").next();
    format!("{place}: {}", reason.unwrap_or_default())
}

/// Parses lists for children, such as `a: 10.0.0.1:443 10.0.0.2:443; b: 10.0.0.3:443`. The name of a
/// child may be a path, such as `a/b`.
pub(crate) fn routed(lists: &str) -> Vec<Endpoint> {
    let parts = lists.split(';').filter(|part| !part.trim().is_empty());
    let parts = parts.flat_map(|part| {
        let (name, list) = part
            .split_once(": ")
            .unwrap_or_else(|| (part.trim_end_matches(':'), ""));
        let path = HierarchyPath::new(name.trim().split('/'));
        labelled(list, &Attributes::new().with::<HierarchyPath>(path))
    });
    parts.collect()
}

/// Parses a list of endpoints, all with these attributes.
pub(crate) fn labelled(list: &str, attributes: &Attributes) -> Vec<Endpoint> {
    let list = endpoints(list).into_iter();
    let list = list.map(|endpoint| endpoint.with_attributes(attributes.clone()));
    list.collect()
}

/// Returns how many of `calls` calls each address gets, as `address×calls`, sorted, separated by
/// blanks.
pub(crate) fn shares<P: Policy>(channel: &FakeChannel<P>, calls: usize) -> Vec<(String, usize)> {
    let picker = channel.picker();
    let metadata = http::HeaderMap::new();
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..calls {
        match picker.pick(&PickRequest::new("/test.Service/Method", &metadata)) {
            Pick::Subchannel(id) => {
                let address = channel.subchannels[&id].address.to_string();
                *counts.entry(address).or_default() += 1;
            }
            other => panic!("expected a subchannel, found {other:?}"),
        }
    }
    counts.into_iter().collect()
}

/// Checks that each address gets its share of the calls, up to `off` calls.
#[track_caller]
pub(crate) fn check_shares<P: Policy>(
    channel: &FakeChannel<P>,
    expected: &[(&str, usize)],
    off: usize,
) {
    let calls = expected.iter().map(|(_, calls)| calls).sum();
    let found = shares(channel, calls);
    let addresses = |(address, _): &(&str, usize)| (*address).to_owned();
    let right: Vec<String> = expected.iter().map(addresses).collect();
    let wrong: Vec<String> = found.iter().map(|(address, _)| address.clone()).collect();
    assert_eq!(wrong, right, "{found:?}");
    for ((_, calls), (_, right)) in found.iter().zip(expected) {
        assert!(calls.abs_diff(*right) <= off, "{found:?}");
    }
}
