//! Subchannels that several policies hold: one connection to an address, whatever policies connect to it.
//!
//! Source: gRPC's client channel specification, "Subchannels": several users of an address can share one
//! connection. [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md):
//! a subchannel that is ready already is used at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use trunkline_channel::{Channel, ChannelEvent, Observer};
use trunkline_endpoint::{Address, Attributes, Endpoint, Locality};
use trunkline_lb::PolicyNode;
use trunkline_resolver::{ManualResolver, Resolution, Verdict};
use trunkline_runtime::Lock;
use trunkline_sim::{Backend, BackendOptions, CallReply, Opening, Sim};

use crate::twice::TwiceFactory;
use crate::world::{address, builder, unary};

const HOSTS: [u8; 3] = [1, 2, 3];

const MILLISECOND: Duration = Duration::from_millis(1);

/// Counts the events of a channel.
#[derive(Clone, Debug, Default)]
struct Counts(Arc<Lock<Counted>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    /// Subchannels that were created.
    created: usize,
    /// Subchannels that were removed.
    removed: usize,
    /// Connection attempts that were started.
    dials: usize,
    /// Connection attempts that were cancelled.
    cancelled: usize,
}

impl Observer for Counts {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        let mut counted = self.0.lock();
        match event {
            ChannelEvent::SubchannelCreated { .. } => counted.created += 1,
            ChannelEvent::SubchannelRemoved { .. } => counted.removed += 1,
            ChannelEvent::ConnectStarted { .. } => counted.dials += 1,
            ChannelEvent::ConnectCancelled { .. } => counted.cancelled += 1,
            _ => {}
        }
    }

    fn observes_calls(&self) -> bool {
        false
    }
}

/// A channel whose policy and list the test changes.
struct World {
    sim: Sim,
    backends: [Backend; 3],
    names: ManualResolver,
    channel: Channel,
    counts: Counts,
}

impl World {
    fn new(first: Resolution) -> Self {
        let sim = Sim::new(1);
        let backends = HOSTS.map(|host| sim.backend(address(host)));
        let names = ManualResolver::with_initial("fleet", first);
        let counts = Counts::default();
        let channel = builder(&sim, "fleet:///greeter")
            .resolver(names.clone())
            .policy(TwiceFactory)
            .observer(counts.clone())
            .build()
            .expect("a channel");
        Self {
            sim,
            backends,
            names,
            channel,
            counts,
        }
    }

    /// Returns the number of connections that each backend has accepted, and closed.
    fn connections(&self) -> Vec<(usize, usize)> {
        let backends = self.backends.iter();
        backends
            .map(|backend| (backend.accepts(), backend.closes()))
            .collect()
    }

    fn counted(&self) -> Counted {
        *self.counts.0.lock()
    }

    /// Makes a call that succeeds, and returns the host that answered.
    async fn call(&self) -> u8 {
        unary(&self.channel, b"hello").await.expect_ok().host()
    }

    async fn update(&self, resolution: Resolution) {
        let verdicts = self.names.update(resolution).await;
        let accepted = |verdict: &Option<_>| matches!(verdict, Some(Verdict::Accepted));
        assert!(verdicts.iter().all(accepted), "{verdicts:?}");
    }
}

/// Returns a resolution of these hosts with this policy.
fn resolution(hosts: &[u8], policy: &Value) -> Resolution {
    let endpoints: Vec<_> = hosts
        .iter()
        .map(|host| Endpoint::new([address(*host)]))
        .collect();
    with_endpoints(endpoints, policy)
}

fn with_endpoints(endpoints: Vec<Endpoint>, policy: &Value) -> Resolution {
    let config = json!({"loadBalancingConfig": [policy]});
    Resolution::new(endpoints).with_service_config(config.to_string())
}

fn round_robin() -> Value {
    json!({"round_robin": {}})
}

/// Returns the configuration of the policy whose children, with these names, get the same endpoints.
fn twice(children: &[&str]) -> Value {
    let children = children.iter();
    let children = children.map(|name| ((*name).to_owned(), json!([round_robin()])));
    json!({"twice": Value::Object(children.collect())})
}

/// Policies with a connection to each endpoint.
fn petioles() -> Vec<Value> {
    vec![
        round_robin(),
        json!({"static_weights": {}}),
        json!({"least_request_experimental": {}}),
        json!({"weighted_round_robin": {}}),
        json!({"ring_hash_experimental": {"requestHashHeader": "user"}}),
        json!({"outlier_detection_experimental": {"childPolicy": [round_robin()]}}),
        twice(&["a", "b"]),
    ]
}

/// A policy that takes over from another one shares its connections: each policy is changed to each other one
/// while a call starts every millisecond, no call fails, and no backend is dialled again.
#[test]
fn a_new_policy_dials_nothing() {
    let petioles = petioles();
    let world = World::new(resolution(&HOSTS, &petioles[0]));
    for backend in &world.backends {
        backend.set_reply(CallReply::Echo.after(20 * MILLISECOND));
    }
    let pairs = petioles.iter();
    let pairs = pairs.flat_map(|from| petioles.iter().flat_map(move |to| [from, to]));
    let terms: Vec<&Value> = pairs.collect();
    let term = 10 * MILLISECOND;
    world.sim.run(async {
        world.call().await;
        world.sim.sleep(100 * MILLISECOND).await;
        let calls = (0..10 * terms.len()).map(|number| {
            let start = MILLISECOND * u32::try_from(number).expect("a small number");
            let world = &world;
            async move {
                world.sim.sleep(start).await;
                world.call().await
            }
        });
        let changes = async {
            for policy in &terms {
                world.update(resolution(&HOSTS, policy)).await;
                world.sim.sleep(term).await;
                assert_eq!(world.connections(), [(1, 0); 3], "{policy}");
            }
        };
        let (hosts, ()) = join(join_all(calls), changes).await;
        let hosts: BTreeSet<u8> = hosts.into_iter().collect();
        assert_eq!(hosts, BTreeSet::from(HOSTS));
    });
    let expected = Counted {
        created: 3,
        dials: 3,
        ..Counted::default()
    };
    assert_eq!(world.counted(), expected);
}

/// A policy that takes over before there is a connection goes on with the attempt that runs.
#[test]
fn a_new_policy_goes_on_with_an_attempt() {
    let world = World::new(resolution(&[1], &round_robin()));
    world.backends[0].set_opening(Opening::After(100 * MILLISECOND));
    world.sim.run(async {
        let change = async {
            world.sim.sleep(50 * MILLISECOND).await;
            world.update(resolution(&[1], &petioles()[1])).await;
        };
        let (host, ()) = join(world.call(), change).await;
        assert_eq!(host, 1);
    });
    let expected = Counted {
        created: 1,
        dials: 1,
        ..Counted::default()
    };
    assert_eq!(world.counted(), expected);
}

/// pick_first uses an address of its new list that is connected already, whatever its place, and dials no other.
/// (A61)
#[test]
fn pick_first_uses_what_is_connected() {
    let world = World::new(resolution(&[2], &round_robin()));
    world.sim.run(async {
        assert_eq!(world.call().await, 2);
        world
            .update(resolution(&[1, 2], &json!({"pick_first": {}})))
            .await;
        assert_eq!(world.call().await, 2);
    });
    assert_eq!(world.connections(), [(0, 0), (1, 0), (0, 0)]);
}

/// An endpoint that gets one more address, and so is another endpoint, keeps its connection.
#[test]
fn an_endpoint_with_one_more_address_keeps_its_connection() {
    let world = World::new(resolution(&[1], &round_robin()));
    world.sim.run(async {
        assert_eq!(world.call().await, 1);
        for addresses in [vec![1, 2], vec![3, 2, 1], vec![2, 1]] {
            let addresses: Vec<Address> = addresses
                .into_iter()
                .map(|host| address(host).into())
                .collect();
            let endpoint = Endpoint::new(addresses);
            world
                .update(with_endpoints(vec![endpoint], &round_robin()))
                .await;
            assert_eq!(world.call().await, 1);
        }
    });
    assert_eq!(world.connections(), [(1, 0), (0, 0), (0, 0)]);
}

/// Two children of one policy with the same backends hold the same subchannels: there is one connection to each
/// backend, and inspections show it once, with its id in both children.
#[test]
fn two_children_share_subchannels() {
    let world = World::new(resolution(&HOSTS, &twice(&["a", "b"])));
    world.sim.run(async {
        let calls: Vec<u8> = join_all((0..9).map(|_| world.call())).await;
        assert_eq!(calls.len(), 9);
        world.sim.sleep(100 * MILLISECOND).await;
        let inspection = world.channel.inspect().await;
        let shown: BTreeSet<_> = inspection
            .subchannels
            .items
            .iter()
            .map(|own| own.id)
            .collect();
        assert_eq!(shown.len(), 3);
        let policy = inspection.policy.expect("a policy");
        let ids = |node: &PolicyNode| node.subchannels().collect::<BTreeSet<_>>();
        assert_eq!(policy.children.len(), 2);
        for child in &policy.children {
            assert_eq!(ids(&child.node), shown);
        }
        for subchannel in &inspection.subchannels.items {
            let [connection] = &subchannel.connections[..] else {
                panic!("one connection: {subchannel:?}");
            };
            let stats = world.channel.connection_stats(subchannel.id, connection.id);
            assert!(stats.is_some());
        }
    });
    assert_eq!(world.connections(), [(1, 0); 3]);
}

/// A connection is closed when the last policy that holds it is gone, and not before.
#[test]
fn the_last_holder_closes_the_connection() {
    let world = World::new(resolution(&[1], &twice(&["a", "b"])));
    world.sim.run(async {
        for children in [&["a", "b"][..], &["b"], &["b", "c"], &["c"]] {
            world.update(resolution(&[1], &twice(children))).await;
            assert_eq!(world.call().await, 1);
            assert_eq!(world.connections()[0], (1, 0), "{children:?}");
        }
        world.update(resolution(&[2], &twice(&["c"]))).await;
        assert_eq!(world.call().await, 2);
        world.sim.sleep(MILLISECOND).await;
    });
    assert_eq!(world.connections(), [(1, 1), (1, 0), (0, 0)]);
}

/// A lost connection is dialled once for all of its holders, and each of them uses the next one.
#[test]
fn a_lost_connection_is_dialled_once() {
    let world = World::new(resolution(&[1], &twice(&["a", "b"])));
    world.sim.run(async {
        assert_eq!(world.call().await, 1);
        world.backends[0].kill();
        world.backends[0].restart();
        world.sim.sleep(5 * MILLISECOND).await;
        assert_eq!(world.call().await, 1);
        world.update(resolution(&[1], &twice(&["b"]))).await;
        assert_eq!(world.call().await, 1);
    });
    assert_eq!(world.counted().dials, 2);
}

/// The back-off of an address is one: two policies dial it no more often than one does.
#[test]
fn a_back_off_is_shared() {
    let dials = |policy: &Value| {
        let world = World::new(resolution(&[1], policy));
        world.backends[0].kill();
        world.sim.run(async {
            world.channel.connect().expect("an open channel");
            world.sim.sleep(Duration::from_secs(60)).await;
        });
        world.counted().dials
    };
    let alone = dials(&round_robin());
    assert!(alone > 5, "{alone}");
    assert_eq!(dials(&twice(&["a", "b"])), alone);
}

/// Calls that wait for a free stream survive a change of the policy.
#[test]
fn calls_in_line_survive_a_change() {
    let world = World::new(resolution(&[1], &round_robin()));
    world.backends[0].set_options(BackendOptions::default().with_max_concurrent_streams(1));
    world.backends[0].set_reply(CallReply::Echo.after(10 * MILLISECOND));
    world.sim.run(async {
        let change = async {
            for policy in petioles() {
                world.sim.sleep(7 * MILLISECOND).await;
                world.update(resolution(&[1], &policy)).await;
            }
        };
        let calls = join_all((0..10).map(|_| world.call()));
        let (hosts, ()) = join(calls, change).await;
        assert_eq!(hosts, [1; 10]);
    });
    assert_eq!(world.connections()[0], (1, 0));
}

/// The metrics of a subchannel have one locality as their label: an address that has another label is connected again.
#[test]
fn labels_are_not_mixed() {
    let of = |locality: &str| {
        let attributes = Attributes::new().with::<Locality>(locality.into());
        let endpoint = Endpoint::new([address(1)]).with_attributes(attributes);
        with_endpoints(vec![endpoint], &round_robin())
    };
    let world = World::new(of("one"));
    world.sim.run(async {
        assert_eq!(world.call().await, 1);
        let mut other = of("two");
        other.service_config = with_endpoints(Vec::new(), &petioles()[1]).service_config;
        world.update(other).await;
        world.sim.sleep(10 * MILLISECOND).await;
        assert_eq!(world.call().await, 1);
    });
    assert_eq!(world.connections()[0], (2, 1));
}
