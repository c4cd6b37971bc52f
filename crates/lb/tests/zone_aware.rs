//! `zone_aware`: calls stay in the own zone as far as its endpoints are enough.
//!
//! An extension of this crate. The rule is that of
//! [Envoy's zone aware routing](https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/zone_aware),
//! with zones that make as many calls as each other.

mod support;

use serde_json::json;
use support::{check_shares, choice, config_error, labelled, options, shares};
use trunkline_endpoint::{Attributes, Endpoint, Zone};
use trunkline_lb::ConnectivityState::{Connecting, Ready, TransientFailure};
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{OldList, PolicyOptions, SubchannelId, ZoneAware};

/// Returns the address of endpoint `number` of a zone, `a` to `z`.
fn address(zone: char, number: usize) -> String {
    format!("10.0.{}.{number}:443", u32::from(zone))
}

/// Returns endpoints: this many in each zone. The zone `-` is none.
fn zones(counts: &[(char, usize)]) -> Vec<Endpoint> {
    let endpoints = counts.iter().flat_map(|&(zone, count)| {
        let attributes = match zone {
            '-' => Attributes::new(),
            zone => Attributes::new().with::<Zone>(zone.to_string().into()),
        };
        (1..=count).flat_map(move |number| labelled(&address(zone, number), &attributes))
    });
    endpoints.collect()
}

/// Returns the options of a channel in zone `a`.
fn in_zone_a() -> PolicyOptions {
    options(1).with_zone("a")
}

/// Returns a channel with this configuration and these endpoints, all of them ready.
fn ready(
    options: &PolicyOptions,
    config: serde_json::Value,
    counts: &[(char, usize)],
) -> FakeChannel<ZoneAware> {
    let mut channel = FakeChannel::new(ZoneAware::new(options));
    channel.set_config(choice("zone_aware", config).config);
    channel
        .update_endpoints(zones(counts))
        .expect("a usable list");
    let ids: Vec<SubchannelId> = channel.subchannels.keys().copied().collect();
    for id in ids {
        channel.set_id(id, trunkline_lb::SubchannelState::Ready);
    }
    channel
}

/// Checks how many of 1,200 calls go to each zone, and that the endpoints of a zone share them
/// evenly.
#[track_caller]
fn check(channel: &FakeChannel<ZoneAware>, expected: &[(char, usize)]) {
    let found = shares(channel, 1_200);
    let of = |zone: char| {
        let zone = format!("10.0.{}.", u32::from(zone));
        let calls = found
            .iter()
            .filter(move |(address, _)| address.starts_with(&zone));
        calls.map(|(_, calls)| *calls).collect::<Vec<usize>>()
    };
    let mut all = 0;
    for &(zone, right) in expected {
        let calls = of(zone);
        let sum: usize = calls.iter().sum();
        all += sum;
        assert!(
            sum.abs_diff(right) <= 4,
            "zone {zone}: {sum} of {right}: {found:?}"
        );
        let spread = calls.iter().max().unwrap_or(&0) - calls.iter().min().unwrap_or(&0);
        assert!(spread <= 2, "zone {zone}: {calls:?}");
    }
    assert_eq!(all, 1_200, "{found:?}");
}

/// If the own zone has as large a part of the endpoints as of the calls, all calls stay.
#[test]
fn enough_local_endpoints() {
    let check_local = |counts: &[(char, usize)]| {
        check(&ready(&in_zone_a(), json!({}), counts), &[('a', 1_200)]);
    };
    check_local(&[('a', 4), ('b', 4), ('c', 4)]);
    check_local(&[('a', 5), ('b', 1)]);
    check_local(&[('a', 1), ('b', 1), ('c', 1)]);
    check_local(&[('a', 3)]);
    check_local(&[('a', 1), ('-', 1)]);
}

/// With fewer endpoints than its part, the zone keeps the calls that it can serve. The others share
/// the rest in proportion to their ready endpoints.
#[test]
fn too_few_local_endpoints_spill_over() {
    // 2 of 8 endpoints for a third of the calls: 3 of 4 calls stay.
    let channel = ready(&in_zone_a(), json!({}), &[('a', 2), ('b', 2), ('c', 4)]);
    check(&channel, &[('a', 900), ('b', 100), ('c', 200)]);
    // 1 of 6 for half of the calls: 1 of 3 calls stays.
    let channel = ready(&in_zone_a(), json!({}), &[('a', 1), ('b', 5)]);
    check(&channel, &[('a', 400), ('b', 800)]);
    // An endpoint without a zone is in a zone of its own: 2 of 12 for a third of the calls.
    let channel = ready(&in_zone_a(), json!({}), &[('a', 2), ('b', 6), ('-', 4)]);
    check(&channel, &[('a', 600), ('b', 360), ('-', 240)]);
}

/// A child policy that becomes idle connects again while the other one has the calls: none of them
/// reaches it.
#[test]
fn idle_beside_a_ready_zone() {
    let config = json!({ "childPolicy": [{ "pick_first": {} }] });
    let mut channel = ready(&in_zone_a(), config, &[('a', 1), ('b', 1)]);
    channel.dialled();
    channel.idle(&address('a', 1));
    assert_eq!(channel.dialled(), address('a', 1));
    check(&channel, &[('b', 1_200)]);
    channel.ready(&address('a', 1));
    check(&channel, &[('a', 1_200)]);
}

/// Only ready endpoints count: calls spill over while endpoints of the zone fail, and come back with
/// them. While none of them is ready, all calls go to the other zones; no call fails or waits.
#[test]
fn local_endpoints_come_and_go() {
    let mut channel = ready(&in_zone_a(), json!({}), &[('a', 3), ('b', 3)]);
    check(&channel, &[('a', 1_200)]);
    channel.idle(&address('a', 1));
    // 2 of 5, times 2 zones.
    check(&channel, &[('a', 960), ('b', 240)]);
    channel.idle(&address('a', 2));
    channel.idle(&address('a', 3));
    assert_eq!(channel.state(), Ready);
    check(&channel, &[('b', 1_200)]);
    channel.ready(&address('a', 1));
    // 1 of 4, times 2 zones.
    check(&channel, &[('a', 600), ('b', 600)]);
    channel.ready(&address('a', 2));
    channel.ready(&address('a', 3));
    check(&channel, &[('a', 1_200)]);
    // Failures elsewhere keep more calls here.
    let mut channel = ready(&in_zone_a(), json!({}), &[('a', 1), ('b', 5)]);
    for number in 1..=4 {
        channel.idle(&address('b', number));
    }
    check(&channel, &[('a', 1_200)]);
}

/// An endpoint that is ejected, or reported as unhealthy, is not ready.
#[test]
fn ejected_and_unhealthy_endpoints() {
    let mut channel = ready(&in_zone_a(), json!({}), &[('a', 2), ('b', 2)]);
    let id = channel.id(&address('a', 1));
    channel.eject(id, true);
    // 1 of 3, times 2 zones.
    check(&channel, &[('a', 800), ('b', 400)]);
    channel.eject(id, false);
    check(&channel, &[('a', 1_200)]);

    let mut channel = FakeChannel::new(ZoneAware::new(&in_zone_a()));
    channel.set_config(choice("zone_aware", json!({})).config);
    channel.set_health_check(Some(""));
    channel
        .update_endpoints(zones(&[('a', 2), ('b', 2)]))
        .unwrap();
    let serving: &[u8] = &[8, 1];
    let not_serving: &[u8] = &[8, 2];
    for zone in ['a', 'b'] {
        for number in 1..=2 {
            channel.ready(&address(zone, number));
            let id = channel.id(&address(zone, number));
            let watch = channel.watches_of(id)[0];
            channel.watch_message(watch, serving);
        }
    }
    check(&channel, &[('a', 1_200)]);
    let watch = channel.watches_of(channel.id(&address('a', 1)))[0];
    channel.watch_message(watch, not_serving);
    check(&channel, &[('a', 800), ('b', 400)]);
    channel.watch_message(watch, serving);
    check(&channel, &[('a', 1_200)]);
}

/// Below the configured number of ready endpoints the zone is not preferred: each endpoint gets as
/// many calls.
#[test]
fn min_local_endpoints() {
    let config = json!({"minLocalEndpoints": 2});
    let mut channel = ready(&in_zone_a(), config, &[('a', 2), ('b', 1), ('c', 1)]);
    check(&channel, &[('a', 1_200)]);
    channel.idle(&address('a', 1));
    check(&channel, &[('a', 400), ('b', 400), ('c', 400)]);
}

/// The zone of the configuration is used in place of the channel's. Without a zone, or in a zone
/// without endpoints, all endpoints are equal.
#[test]
fn own_zone() {
    let counts = [('a', 2), ('b', 2)];
    let channel = ready(&in_zone_a(), json!({"zone": "b"}), &counts);
    check(&channel, &[('b', 1_200)]);
    let channel = ready(&options(1), json!({"zone": "b"}), &counts);
    check(&channel, &[('b', 1_200)]);
    for (options, config) in [(options(1), json!({})), (in_zone_a(), json!({"zone": "x"}))] {
        check(&ready(&options, config, &counts), &[('a', 600), ('b', 600)]);
    }
}

/// The child policy works on each side.
#[test]
fn child_policy() {
    let config = json!({"childPolicy": [{"pick_first": {}}]});
    let mut channel = FakeChannel::new(ZoneAware::new(&in_zone_a()));
    channel.set_config(choice("zone_aware", config).config);
    channel
        .update_endpoints(zones(&[('a', 2), ('b', 2)]))
        .unwrap();
    assert_eq!(channel.state(), Connecting);
    channel.ready(&address('b', 1));
    assert_eq!(channel.picked(), address('b', 1));
    channel.ready(&address('a', 1));
    check_shares(&channel, &[(&address('a', 1), 100)], 0);
}

/// When the list changes, endpoints that stay keep their connections, and the shares are right for
/// the new list at once.
#[test]
fn new_list() {
    let mut channel = ready(&in_zone_a(), json!({}), &[('a', 2), ('b', 2), ('c', 4)]);
    channel.dialled();
    channel
        .update_endpoints(zones(&[('a', 2), ('b', 2)]))
        .unwrap();
    check(&channel, &[('a', 1_200)]);
    channel.update_endpoints(zones(&[('b', 2)])).unwrap();
    check(&channel, &[('b', 1_200)]);
    assert_eq!(channel.dialled(), "");
}

/// All fail: calls get an error of the own zone. An empty list is refused.
#[test]
fn failures() {
    let mut channel = FakeChannel::new(ZoneAware::new(&in_zone_a()));
    channel.set_config(choice("zone_aware", json!({})).config);
    channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(channel.error(), "name resolver error: timed out");
    channel
        .update_endpoints(zones(&[('a', 1), ('b', 1)]))
        .unwrap();
    channel.fail(&address('a', 1));
    assert_eq!(channel.state(), Connecting);
    channel.fail(&address('b', 1));
    assert!(channel.error().contains(&address('a', 1)));
    let error = channel
        .update_endpoints(Vec::new())
        .expect_err("no endpoints");
    assert!(error.message().contains("zero addresses"), "{error}");
    assert_eq!(channel.state(), TransientFailure);
}

/// Errors in the configuration name the place.
#[test]
fn configuration_errors() {
    let check = |config, expected: &str| assert_eq!(config_error("zone_aware", config), expected);
    check(
        json!({"zone": ""}),
        "/zone: expected the name of a zone, found \"\"",
    );
    check(
        json!({"minLocalEndpoints": 0}),
        "/minLocalEndpoints: expected an integer from 1 to 4294967295, found 0",
    );
    check(
        json!({"childPolicy": [{"unknown": {}}]}),
        "/childPolicy: no policy of this list is known here: unknown",
    );
    let null = choice("zone_aware", json!(null)).config;
    assert!(null.equals(&*choice("zone_aware", json!({})).config));
}

/// The error of an empty list, or of a dropped one, ends with the next list: calls wait for its
/// connections.
#[test]
fn a_list_after_none() {
    let list = || zones(&[('a', 1), ('b', 1)]);
    let mut channel = ready(&in_zone_a(), json!({}), &[('a', 1), ('b', 1)]);
    channel.update("").expect_err("an empty list is refused");
    assert_eq!(
        (channel.state(), channel.addresses()),
        (TransientFailure, String::new())
    );
    channel.update_endpoints(list()).expect("a usable list");
    assert_eq!(channel.state(), Connecting);
    for at in ['a', 'b'] {
        channel.ready(&address(at, 1));
    }
    channel.resolver_error("NXDOMAIN", OldList::DropList);
    for at in ['a', 'b'] {
        channel.idle(&address(at, 1));
    }
    assert_eq!(channel.state(), TransientFailure);
    channel.update_endpoints(list()).expect("a usable list");
    assert_eq!(channel.state(), Connecting);
}
