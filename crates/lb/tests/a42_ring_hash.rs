//! The policy ring_hash: [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md),
//! as [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md#ring-hash)
//! and [gRFC A117](https://github.com/grpc/proposal/blob/master/A117-ring-hash-exit-idle.md) change it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use trunkline_endpoint::{Attributes, Endpoint, Weight};
use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, address};
use trunkline_lb::{
    OldList, Pick, PickRequest, PolicyFactory, PolicyOptions, PolicyRegistry, RequestHash,
    RingHash, RingHashConfig, RingHashFactory,
};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";
const D: &str = "10.0.0.4:443";

/// Hashes that belong to A, B and C on their ring with the default sizes: XXH64 of `user-13`,
/// `user-1` and `user-2`.
const OF_A: u64 = 0x0f2e_f053_77a6_474f;
const OF_B: u64 = 0xa173_746b_114c_6be8;
const OF_C: u64 = 0x7395_dd99_43ab_55e9;

fn with_options(options: &PolicyOptions, list: &[&str]) -> FakeChannel<RingHash> {
    let policy = RingHash::new(options);
    let mut channel = FakeChannel::new(policy).with_config(RingHashConfig::default());
    let accepted = channel.update(&list.join(" "));
    accepted.expect("the policy accepts the list");
    channel
}

fn channel(list: &[&str]) -> FakeChannel<RingHash> {
    with_options(&PolicyOptions::new(7), list)
}

/// Picks once for a call with this hash.
fn pick(channel: &FakeChannel<RingHash>, hash: u64) -> Pick {
    let attributes = Attributes::new().with::<RequestHash>(hash);
    let metadata = HeaderMap::new();
    let request = PickRequest::new("/test.Service/Method", &metadata);
    channel.picker().pick(&request.with_attributes(&attributes))
}

/// Returns the address that a call with this hash goes to.
fn picked(channel: &FakeChannel<RingHash>, hash: u64) -> String {
    match pick(channel, hash) {
        Pick::Subchannel(id) => channel.subchannels[&id].address.to_string(),
        other => panic!("expected a subchannel, found {other:?}"),
    }
}

/// Does what a channel does for a call: picks, and hands over what the pick requests.
fn call(channel: &mut FakeChannel<RingHash>, hash: u64) -> Pick {
    let pick = pick(channel, hash);
    if let Pick::ExitIdle | Pick::SubchannelAndExitIdle(_) = pick {
        channel.exit_idle();
    }
    pick
}

/// Connects all endpoints, one call after the other.
fn connect_all(channel: &mut FakeChannel<RingHash>) {
    for hash in hashes() {
        if call(channel, hash) == Pick::ExitIdle {
            let dialled = channel.dialled();
            channel.ready(&dialled);
        }
    }
}

/// Returns hashes that are spread evenly over the ring.
fn hashes() -> impl Iterator<Item = u64> {
    const COUNT: u64 = 10_000;
    (0..COUNT).map(|number| u64::MAX / COUNT * number)
}

/// Returns the address of each of [`hashes`].
fn owners(channel: &FakeChannel<RingHash>) -> Vec<String> {
    hashes().map(|hash| picked(channel, hash)).collect()
}

fn shares(owners: &[String]) -> BTreeMap<&str, f64> {
    let mut shares = BTreeMap::new();
    for owner in owners {
        *shares.entry(owner.as_str()).or_insert(0.0) += 1.0 / owners.len() as f64;
    }
    shares
}

fn weighted(address_text: &str, weight: u32) -> Endpoint {
    Endpoint::new([address(address_text)]).with_attributes(Attributes::new().with::<Weight>(weight))
}

fn parse(config: &Value) -> Result<RingHashConfig, String> {
    let parsed = RingHashFactory.parse_config(config, &PolicyRegistry::empty());
    let parsed = parsed.map_err(|error| error.to_string())?;
    let config: &dyn Any = &*parsed;
    let config: &RingHashConfig = config.downcast_ref().expect("the policy's own config");
    Ok(config.clone())
}

/// "LB Policy Config": sizes have defaults, at most 8 Mi entries, and an order.
#[test]
fn sizes() {
    let sizes = |min, max| {
        let config = RingHashConfig::default().with_min_ring_size(min);
        Ok(config.with_max_ring_size(max))
    };
    let cases = [
        (json!(null), sizes(1024, 4096)),
        (json!({}), sizes(1024, 4096)),
        (json!({ "minRingSize": 1, "maxRingSize": 2 }), sizes(1, 2)),
        (
            json!({ "minRingSize": "1", "maxRingSize": "2" }),
            sizes(1, 2),
        ),
        (
            json!({ "minRingSize": 0, "maxRingSize": 0 }),
            sizes(1024, 4096),
        ),
        (json!({ "maxRingSize": 2000 }), sizes(1024, 2000)),
        (json!({ "minRingSize": 2000 }), sizes(2000, 4096)),
        (
            json!({ "minRingSize": 8_388_608, "maxRingSize": 8_388_608 }),
            sizes(8_388_608, 8_388_608),
        ),
        (
            json!({ "minRingSize": 10, "maxRingSize": 2 }),
            Err("minRingSize: 10 is above `maxRingSize`, which is 2"),
        ),
        // Compared before the cap of the channel makes them equal.
        (
            json!({ "minRingSize": 6000, "maxRingSize": 5000 }),
            Err("minRingSize: 6000 is above `maxRingSize`, which is 5000"),
        ),
        (
            json!({ "minRingSize": 8_388_609 }),
            Err("minRingSize: expected an integer from 0 to 8388608, found 8388609"),
        ),
        (
            json!({ "maxRingSize": 8_388_610 }),
            Err("maxRingSize: expected an integer from 0 to 8388608, found 8388610"),
        ),
        (
            json!({ "maxRingSize": -1 }),
            Err("maxRingSize: expected an integer from 0 to 8388608, found -1"),
        ),
        (
            json!({ "maxRingSize": "many" }),
            Err("maxRingSize: expected an integer from 0 to 8388608, found \"many\""),
        ),
        (json!(7), Err("expected an object, found 7")),
    ];
    for (config, expected) in cases {
        assert_eq!(parse(&config), expected.map_err(str::to_owned), "{config}");
    }
}

/// gRFC A42: the client limits the size of the ring, to 4096 unless it is set.
#[test]
fn cap() {
    let lists = [A, B, C, D];
    let ring_size = |cap: Option<u32>, size: u32| {
        let mut options = PolicyOptions::new(7);
        if let Some(cap) = cap {
            options = options.with_ring_size_cap(cap);
        }
        let config = RingHashConfig::default()
            .with_min_ring_size(size)
            .with_max_ring_size(size);
        let mut channel = FakeChannel::new(RingHash::new(&options)).with_config(config);
        channel
            .update(&lists.join(" "))
            .expect("the policy accepts the list");
        let ring = format!("{:?}", channel.picker());
        let slots = ring
            .split("slots: [")
            .nth(1)
            .expect("the slots of the ring");
        slots.split(']').next().expect("an end").split(',').count()
    };
    assert_eq!(ring_size(None, 4096), 4096);
    assert_eq!(ring_size(None, 10_000), 4096);
    assert_eq!(ring_size(Some(8000), 10_000), 8000);
    assert_eq!(ring_size(Some(100), 10_000), 100);
    assert_eq!(ring_size(Some(0), 10_000), 1);
}

/// gRFC A61: endpoints begin idle, without a subchannel. A call connects its endpoint, and waits.
/// The policy connects no other.
#[test]
fn endpoints_connect_when_needed() {
    let mut channel = channel(&[A, B, C]);
    assert_eq!(channel.states(), [Idle]);
    assert_eq!(channel.addresses(), "");
    assert_eq!(call(&mut channel, OF_B), Pick::ExitIdle);
    assert_eq!(channel.dialled(), B);
    assert_eq!(channel.states(), [Connecting]);
    assert_eq!(call(&mut channel, OF_B), Pick::Queue);
    channel.ready(B);
    assert_eq!(channel.states(), [Ready]);
    assert_eq!(picked(&channel, OF_B), B);
    assert_eq!(channel.addresses(), B);
    // A call of another endpoint waits for that one, although B is ready.
    assert_eq!(call(&mut channel, OF_C), Pick::ExitIdle);
    assert_eq!(channel.dialled(), C);
    assert_eq!(call(&mut channel, OF_C), Pick::Queue);
    channel.ready(C);
    assert_eq!(picked(&channel, OF_C), C);
    assert_eq!(channel.addresses(), [B, C].join(" "));
}

/// Calls of several endpoints that are made at the same time connect all of them, each once.
#[test]
fn requests_come_together() {
    let mut channel = channel(&[A, B, C]);
    for hash in [OF_C, OF_A, OF_C, OF_C] {
        assert_eq!(pick(&channel, hash), Pick::ExitIdle);
    }
    channel.has_more = true;
    for _ in 0..4 {
        channel.exit_idle();
    }
    channel.has_more = false;
    channel.settle();
    let dialled = channel.dialled();
    let mut dialled: Vec<&str> = dialled.split(' ').collect();
    dialled.sort_unstable();
    assert_eq!(dialled, [A, C]);
    assert_eq!(channel.states(), [Idle, Connecting]);
}

/// gRFC A61: a lost connection makes the endpoint idle. Its next call connects it again.
#[test]
fn lost_connection() {
    let mut channel = channel(&[A, B]);
    connect_all(&mut channel);
    channel.states();
    channel.idle(A);
    assert_eq!(channel.dialled(), "");
    assert_eq!(channel.reresolutions(), 1);
    assert_eq!(channel.states(), [Ready]);
    channel.idle(B);
    assert_eq!(channel.states(), [Idle]);
    assert_eq!(channel.dialled(), "");
    let hash = hashes().next().expect("a hash");
    assert_eq!(call(&mut channel, hash), Pick::ExitIdle);
    assert_eq!(channel.states(), [Connecting]);
    assert!([A, B].contains(&&*channel.dialled()));
}

/// gRFC A61, "Ring hash": a pick goes from its entry to the first endpoint that is not failing. The
/// table of grpc-go's tests: the state of the first endpoint and of the second one, and the result.
#[test]
fn picks() {
    // On the ring of these two, `hash` belongs to `first`.
    let (first, second, hash) = (B, C, OF_B);
    let start = || channel(&[first, second]);
    let connect = |channel: &mut FakeChannel<RingHash>, address: &str| {
        let belongs = |hash: &u64| *hash == OF_B || *hash == OF_C;
        let hash = if address == first { OF_B } else { OF_C };
        assert!(belongs(&hash));
        call(channel, hash);
        assert_eq!(channel.dialled(), address);
    };

    // Ready, idle.
    let mut channel = start();
    connect(&mut channel, first);
    channel.ready(first);
    assert_eq!(picked(&channel, hash), first);

    // Connecting, idle.
    let mut channel = start();
    connect(&mut channel, first);
    assert_eq!(call(&mut channel, hash), Pick::Queue);
    assert_eq!(channel.dialled(), "");

    // Idle, idle.
    let mut channel = start();
    assert_eq!(call(&mut channel, hash), Pick::ExitIdle);
    assert_eq!(channel.dialled(), first);

    // Failing, then connecting (the policy connects it by itself), ready, idle, failing.
    let mut channel = start();
    connect(&mut channel, first);
    channel.fail(first);
    assert_eq!(channel.dialled(), second);
    assert_eq!(call(&mut channel, hash), Pick::Queue);
    channel.ready(second);
    assert_eq!(picked(&channel, hash), second);
    channel.has_more = true;
    channel.idle(second);
    channel.has_more = false;
    channel.settle();
    assert_eq!(channel.dialled(), second);
    channel.fail(second);
    let Pick::Fail(status) = pick(&channel, hash) else {
        panic!("expected a failure");
    };
    assert!(status.message().contains(first), "{}", status.message());
    assert_eq!(
        channel.states(),
        [
            Idle,
            Connecting,
            Connecting,
            Ready,
            Connecting,
            TransientFailure
        ]
    );
}

/// "Aggregated connectivity state", the six rules in their order: the numbers of endpoints that are
/// ready, failing twice or once, connecting and idle, and the state.
#[test]
fn aggregation() {
    let mut channel = channel(&[A, B, C, D]);
    let step = |channel: &mut FakeChannel<RingHash>| channel.states().pop();
    // All are idle: rule 5.
    assert_eq!(step(&mut channel), Some(Idle));
    call(&mut channel, OF_A);
    let first = channel.dialled();
    // One is connecting: rule 3.
    assert_eq!(step(&mut channel), Some(Connecting));
    channel.fail(&first);
    // One is failing, and there are others: rule 4. One of them connects.
    let second = channel.dialled();
    assert!(!second.is_empty());
    assert_eq!(step(&mut channel), Some(Connecting));
    channel.fail(&second);
    // Two are failing: rule 2, although one is connecting.
    let third = channel.dialled();
    assert!(!third.is_empty());
    assert_eq!(step(&mut channel), Some(TransientFailure));
    channel.ready(&third);
    // One is ready: rule 1.
    assert_eq!(step(&mut channel), Some(Ready));
    // The fourth stays idle: nothing connects by itself while the policy is ready.
    assert_eq!(channel.dialled(), "");
    channel.idle(&third);
    let next = channel.dialled();
    assert!(!next.is_empty(), "two are failing, so one has to connect");
    assert_eq!(step(&mut channel), Some(TransientFailure));
}

/// "Aggregated connectivity state", rule 6: the only endpoint is failing.
#[test]
fn the_only_endpoint_fails() {
    let mut channel = channel(&[A]);
    call(&mut channel, OF_B);
    assert_eq!(channel.dialled(), A);
    channel.fail(A);
    assert_eq!(
        channel.states(),
        [Idle, Connecting, TransientFailure],
        "it is not CONNECTING"
    );
    let Pick::Fail(status) = pick(&channel, OF_B) else {
        panic!("expected a failure");
    };
    assert_eq!(
        status.message(),
        "failed to connect to all addresses; last error: 10.0.0.1:443: connection refused"
    );
    // pick_first tries again by itself, and stays failing until it is ready.
    channel.idle(A);
    assert_eq!(channel.dialled(), A);
    assert_eq!(channel.states(), []);
    channel.ready(A);
    assert_eq!(channel.states(), [Ready]);
}

/// gRFC A61: while the policy is failing, it tries one endpoint after the other without calls, until
/// one is ready. (Under `priority` it gets no calls then.)
#[test]
fn failing_endpoints_one_after_the_other() {
    let list: Vec<String> = (1..=20).map(|host| format!("10.0.0.{host}:443")).collect();
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let mut channel = channel(&list);
    call(&mut channel, OF_A);
    let mut tried = Vec::new();
    for _ in 0..list.len() {
        let dialled = channel.dialled();
        assert!(!dialled.contains(' '), "one at a time: {dialled}");
        channel.fail(&dialled);
        tried.push(dialled);
    }
    tried.sort_unstable();
    tried.dedup();
    assert_eq!(tried.len(), list.len());
    assert_eq!(channel.dialled(), "");
    assert_eq!(channel.state(), TransientFailure);
}

/// gRFC A61: when the endpoint that was connecting is removed while the policy is failing, another
/// one connects.
#[test]
fn the_connecting_endpoint_is_removed() {
    let mut channel = channel(&[A, B, C, D]);
    call(&mut channel, OF_A);
    let first = channel.dialled();
    channel.fail(&first);
    let second = channel.dialled();
    channel.fail(&second);
    let third = channel.dialled();
    let rest = [A, B, C, D].into_iter().filter(|address| *address != third);
    let rest: Vec<&str> = rest.collect();
    channel
        .update(&rest.join(" "))
        .expect("the policy accepts the list");
    let last = rest
        .iter()
        .find(|address| **address != first && **address != second);
    assert_eq!(Some(&&*channel.dialled()), last);
    assert_eq!(channel.state(), TransientFailure);
}

/// gRFC A117: when the channel makes the policy leave idleness without a call, it connects one
/// endpoint from a random place, then the next if that fails, until one is ready.
#[test]
fn exit_idle_without_a_call() {
    let mut firsts = BTreeMap::<String, u32>::new();
    for seed in 0..400 {
        let mut channel = with_options(&PolicyOptions::new(seed), &[A, B, C, D]);
        channel.exit_idle();
        let dialled = channel.dialled();
        assert_eq!(channel.states(), [Idle, Connecting]);
        channel.exit_idle();
        assert_eq!(channel.dialled(), "", "it is not idle any more");
        channel.fail(&dialled);
        let next = channel.dialled();
        assert_ne!(next, dialled);
        channel.ready(&next);
        channel.exit_idle();
        assert_eq!(channel.dialled(), "");
        *firsts.entry(dialled).or_default() += 1;
    }
    assert_eq!(firsts.len(), 4);
    assert!(
        firsts.values().all(|count| (60..=140).contains(count)),
        "{firsts:?}"
    );
}

/// gRFC A42: equal lists give equal rings: in all clients, in any order of the list, and again after
/// endpoints were away.
#[test]
fn calls_keep_their_endpoints() {
    let mut one = with_options(&PolicyOptions::new(1), &[A, B, C]);
    let mut other = with_options(&PolicyOptions::new(2), &[C, A, B]);
    connect_all(&mut one);
    connect_all(&mut other);
    let before = owners(&one);
    assert_eq!(before, owners(&other));
    assert_eq!([OF_A, OF_B, OF_C].map(|hash| picked(&one, hash)), [A, B, C]);
    one.update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    one.update(&[B, C, A].join(" "))
        .expect("the policy accepts the list");
    connect_all(&mut one);
    assert_eq!(before, owners(&one));
}

/// When one of `n` endpoints is removed, at most 1.5 / `n` of all calls move on average. Calls of
/// other endpoints stay where they are, as long as each of those has as many entries as before.
///
/// That depends on the sizes. 50 endpoints have 21 entries each, and so have 49. But 64 have 16, the
/// fewest that make 1024, and 63 have 17. The 63 new entries take 1/17 of the calls from others. The
/// sizes are the rule of gRFC A42, and other clients that call the same service keep it too.
#[test]
fn removal_moves_few_calls() {
    for count in [3, 33, 50, 100] {
        let list: Vec<String> = (1..=count)
            .map(|host| format!("10.0.0.{host}:443"))
            .collect();
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        let mut channel = channel(&list);
        connect_all(&mut channel);
        let before = owners(&channel);
        let mut moved = 0;
        let removals = list.len().min(8);
        for removed in &list[..removals] {
            let kept = list.iter().filter(|address| *address != removed);
            let kept: Vec<&str> = kept.copied().collect();
            channel
                .update(&kept.join(" "))
                .expect("the policy accepts the list");
            let after = owners(&channel);
            for (before, after) in before.iter().zip(&after) {
                let is_moved = before != after;
                moved += usize::from(is_moved);
                assert!(
                    !is_moved || before == removed || count != 50,
                    "{before} lost a call although it stayed"
                );
            }
            channel
                .update(&list.join(" "))
                .expect("the policy accepts the list");
            connect_all(&mut channel);
        }
        let share = moved as f64 / (removals * before.len()) as f64;
        assert!(
            share <= 1.5 / f64::from(count),
            "{share} of all calls moved when one of {count} endpoints went"
        );
    }
}

/// gRFC A42: an endpoint's share of the ring is proportional to its weight. One that is listed
/// several times has the sum of the weights, and an absent weight and 0 count as 1.
#[test]
fn weights() {
    let policy = RingHash::new(&PolicyOptions::new(7).with_ring_size_cap(100_000));
    let config = RingHashConfig::default()
        .with_min_ring_size(40_000)
        .with_max_ring_size(100_000);
    let mut channel = FakeChannel::new(policy).with_config(config);
    let check = |channel: &mut FakeChannel<RingHash>, list: Vec<Endpoint>, expected: [f64; 3]| {
        channel
            .update_endpoints(list)
            .expect("the policy accepts the list");
        connect_all(channel);
        let owners = owners(channel);
        let shares = shares(&owners);
        for (address, expected) in [A, B, C].into_iter().zip(expected) {
            let share = shares[address];
            assert!((share - expected).abs() < 0.03, "{shares:?}");
        }
    };
    let plain = |text: &str| Endpoint::new([address(text)]);
    let list = vec![weighted(A, 3), weighted(B, 3), weighted(C, 4)];
    check(&mut channel, list, [0.3, 0.3, 0.4]);
    let list = vec![weighted(A, 2), weighted(B, 0), plain(C)];
    check(&mut channel, list, [0.5, 0.25, 0.25]);
    let list = vec![plain(A), weighted(B, 2), plain(A), plain(A), plain(C)];
    check(&mut channel, list, [0.5, 1.0 / 3.0, 1.0 / 6.0]);
}

/// gRFC A61: an endpoint with several addresses is one child. The first address decides its place,
/// so another order moves its calls, and keeps its connection.
#[test]
fn several_addresses() {
    let dual = "10.0.0.9:443|10.0.0.1:443";
    let mut channel = channel(&[A, "10.0.0.2:443|[2001:db8::2]:443", C]);
    assert_eq!(call(&mut channel, OF_B), Pick::ExitIdle);
    assert_eq!(channel.dialled(), B);
    channel.fail(B);
    assert_eq!(channel.dialled(), "[2001:db8::2]:443");
    channel.ready("[2001:db8::2]:443");
    assert_eq!(picked(&channel, OF_B), "[2001:db8::2]:443");
    let before = channel.id("[2001:db8::2]:443");
    channel
        .update(&["[2001:db8::2]:443|10.0.0.2:443", C].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.id("[2001:db8::2]:443"), before);
    channel.update(dual).expect("the policy accepts the list");
    assert_eq!(call(&mut channel, OF_A), Pick::ExitIdle);
    assert_eq!(channel.dialled(), "10.0.0.9:443");
}

/// The ring is made again only when an endpoint, a weight or a size changes. The states of endpoints
/// change the picker alone.
#[test]
fn one_ring_for_many_pickers() {
    let mut channel = channel(&[A, B, C]);
    connect_all(&mut channel);
    channel.states();
    channel
        .update(&[C, B, A].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.states(), [], "nothing has changed");
    channel
        .update_endpoints(vec![weighted(A, 5), weighted(B, 1), weighted(C, 1)])
        .expect("the policy accepts the list");
    assert_eq!(channel.states(), [Ready], "a weight has changed");
    channel.set_config(Arc::new(RingHashConfig::default().with_min_ring_size(2000)));
    channel
        .update_endpoints(vec![weighted(A, 5), weighted(B, 1), weighted(C, 1)])
        .expect("the policy accepts the list");
    assert_eq!(channel.states(), [Ready], "a size has changed");
    let header = HeaderName::from_static("user");
    let config = RingHashConfig::default().with_min_ring_size(2000);
    channel.set_config(Arc::new(config.with_request_hash_header(header)));
    channel
        .update_endpoints(vec![weighted(A, 5), weighted(B, 1), weighted(C, 1)])
        .expect("the policy accepts the list");
    assert_eq!(channel.states(), [Ready], "the header has changed");
}

/// An empty list fails calls and removes all endpoints; later endpoints begin idle.
#[test]
fn empty_list() {
    let mut channel = channel(&[A, B]);
    connect_all(&mut channel);
    let error = channel.update("").unwrap_err();
    assert_eq!(
        error.message(),
        "name resolver error: produced zero addresses"
    );
    assert_eq!(channel.error(), error.message());
    assert_eq!(channel.addresses(), "");
    channel.update(A).expect("the policy accepts the list");
    assert_eq!(channel.state(), Idle);
    assert_eq!(channel.dialled(), "");
}

/// Before the first list, calls fail with the resolver's error. With a list, such an error changes
/// nothing: idle endpoints can still connect.
#[test]
fn resolver_errors() {
    let policy = RingHash::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(RingHashConfig::default());
    channel.resolver_error("no such host", OldList::Keep);
    assert_eq!(channel.error(), "name resolver error: no such host");
    channel.exit_idle();
    channel.update(A).expect("the policy accepts the list");
    channel.states();
    channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(channel.states(), []);
    assert_eq!(call(&mut channel, OF_A), Pick::ExitIdle);
    assert_eq!(channel.dialled(), A);
}

/// When the list is dropped, connections stay in use, and no address is dialled again. The next list
/// makes endpoints that were never used idle again.
#[test]
fn dropped_list() {
    let mut channel = channel(&[A, B, C]);
    call(&mut channel, OF_B);
    channel.ready(B);
    channel.dialled();
    channel.resolver_error("NXDOMAIN", OldList::DropList);
    for hash in [OF_A, OF_B, OF_C] {
        assert_eq!(picked(&channel, hash), B);
    }
    channel.idle(B);
    assert_eq!(channel.state(), TransientFailure);
    channel.exit_idle();
    let Pick::Fail(status) = call(&mut channel, OF_A) else {
        panic!("expected a failure");
    };
    assert_eq!(status.message(), "name resolver error: NXDOMAIN");
    assert_eq!(channel.dialled(), "");
    channel
        .update(&[A, C].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.state(), Idle);
    assert_eq!(channel.dialled(), "");
    assert_eq!(call(&mut channel, OF_A), Pick::ExitIdle);
    assert_eq!(channel.dialled(), A);
}

/// gRFC A61: with health checks, an unhealthy endpoint counts as failing, so its calls go to the next
/// one.
#[test]
fn unhealthy_endpoint() {
    let mut channel = channel(&[A, B]);
    channel.set_health_check(Some(""));
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    let hash = OF_B;
    call(&mut channel, hash);
    let first = channel.dialled();
    channel.ready(&first);
    assert_eq!(
        call(&mut channel, hash),
        Pick::Queue,
        "its health is not known"
    );
    let [watch] = channel.watches_of(channel.id(&first))[..] else {
        panic!("expected one health check");
    };
    channel.watch_message(watch, "\x08\x02");
    let second = channel.dialled();
    assert!(!second.is_empty(), "the next endpoint connects");
    channel.ready(&second);
    let [watch] = channel.watches_of(channel.id(&second))[..] else {
        panic!("expected one health check");
    };
    channel.watch_message(watch, "\x08\x01");
    assert_eq!(picked(&channel, hash), second);
}
