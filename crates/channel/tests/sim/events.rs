//! The events that an observer receives of a channel and its subchannels.

use std::sync::Arc;
use std::time::{Duration, Instant};

use h2::server::Builder;
use trunkline_channel::{ChannelBuilder, ChannelEvent, Observer};
use trunkline_endpoint::{Address, Endpoint};
use trunkline_resolver::{ManualResolver, Resolution, StaticFactory};
use trunkline_runtime::Lock;
use trunkline_service_config::{IgnoredPart, IgnoredReason};
use trunkline_sim::Sim;

use crate::world::{ROUND_ROBIN, address, builder, echo, serve, unary};

/// Records the state changes and connections of a channel, as texts.
#[derive(Clone, Debug, Default)]
struct States(Arc<Lock<Vec<String>>>);

impl Observer for States {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        let text = match event {
            ChannelEvent::State(state) => format!("channel {state}"),
            ChannelEvent::Subchannel { id, state, .. } => format!("subchannel {id:?} {state:?}"),
            ChannelEvent::SubchannelRemoved { id, .. } => format!("subchannel {id:?} removed"),
            ChannelEvent::Connected { id, info, .. } => format!("{id:?} to {}", info.peer),
            ChannelEvent::ServerNameIgnored { id, address } => {
                format!("{id:?} not as {:?}", address.server_name())
            }
            _ => return,
        };
        self.0.lock().push(text);
    }
}

/// The observer receives every transition of the channel and of its subchannels, from the first to
/// SHUTDOWN.
#[test]
fn all_transitions_are_observed() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let states = States::default();
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .observer(states.clone())
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        drop(channel);
        sim.sleep(Duration::from_secs(1)).await;
    });
    let expected = [
        "channel CONNECTING",
        "subchannel #0.0 Connecting",
        "#0.0 to 198.51.100.1:50051",
        "subchannel #0.0 Ready",
        "channel READY",
        "subchannel #0.0 removed",
        "channel SHUTDOWN",
    ];
    assert_eq!(*states.0.lock(), expected);
}

/// A server name that cannot be sent is reported; the calls have the authority of the channel.
#[test]
fn server_names_that_cannot_be_sent_are_observed() {
    for (name, is_reported) in [("a b", true), ("", true), ("orders.test", false)] {
        let sim = Sim::new(1);
        let backend = sim.backend(address(1));
        let states = States::default();
        let endpoint = Endpoint::new([Address::from(address(1)).with_server_name(name)]);
        let channel = builder(&sim, "fleet:///target.test")
            .resolver(StaticFactory::from_endpoints("fleet", [endpoint]))
            .observer(states.clone())
            .build()
            .expect("a channel");
        sim.run(async { unary(&channel, b"hello").await.expect_ok() });
        let report = format!("#0.0 not as Some({name:?})");
        assert_eq!(states.0.lock().contains(&report), is_reported, "{name:?}");
        let expected = if is_reported { "target.test" } else { name };
        let received = backend.received();
        assert_eq!(received.last().expect("a call").authority, expected);
    }
}

/// Records the ignored parts of service configs.
#[derive(Clone, Debug, Default)]
struct Ignored(Arc<Lock<Vec<Arc<[IgnoredPart]>>>>);

impl Observer for Ignored {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::ConfigIgnored(parts) = event {
            self.0.lock().push(Arc::clone(parts));
        }
    }
}

/// The parts of a service config that have no effect are reported, once for each config: what this
/// client does not know or have, and what the application has turned off.
#[test]
fn ignored_parts_of_the_config() {
    let check = |config: &str,
                 set_up: fn(ChannelBuilder) -> ChannelBuilder,
                 expected: &[(&str, IgnoredReason)]| {
        let sim = Sim::new(1);
        serve(&sim, 1, Builder::new(), echo);
        let ignored = Ignored::default();
        let builder = builder(&sim, format!("ipv4:{}", address(1)))
            .default_service_config(config)
            .observer(ignored.clone());
        let channel = set_up(builder).build().expect("a channel");
        sim.run(async {
            // The call makes the channel resolve. How it ends does not matter.
            let _ = unary(&channel, b"hello").await;
        });
        let part =
            |(pointer, reason): &(&str, IgnoredReason)| IgnoredPart::new(*pointer, reason.clone());
        let expected: Arc<[IgnoredPart]> = expected.iter().map(part).collect();
        let expected = if expected.is_empty() {
            vec![]
        } else {
            vec![expected]
        };
        assert_eq!(*ignored.0.lock(), expected, "{config}");
    };
    const CONFIG: &str = r#"{
        "loadBalancingConfig": [{"best_v9": {}}, {"round_robin": {}}],
        "methodConfig": [
            {"name": [{"service": "a"}], "timeout": "1s", "maxRequestMessageBytes": 10},
            {"name": [{"service": "b"}], "hedgingPolicy": {"maxAttempts": 2}}
        ],
        "healthCheckConfig": {"serviceName": ""},
        "connectionScaling": {"maxConnectionsPerSubchannel": 2},
        "later": 1
    }"#;
    let unknown = IgnoredReason::UnknownPolicy("best_v9".to_owned());
    let policy = ("/loadBalancingConfig/0", unknown);
    let field = ("/later", IgnoredReason::UnknownField);
    check(CONFIG, |builder| builder, &[policy.clone(), field.clone()]);
    check(
        CONFIG,
        |builder| builder.disable_retries().disable_health_checks(),
        &[
            policy,
            field,
            ("/methodConfig/1/hedgingPolicy", IgnoredReason::TurnedOff),
            ("/healthCheckConfig", IgnoredReason::TurnedOff),
        ],
    );
    let pick_first = IgnoredReason::UnusedByPolicy("pick_first".to_owned());
    check(
        r#"{"healthCheckConfig": {"serviceName": "a"}}"#,
        |builder| builder,
        &[("/healthCheckConfig", pick_first)],
    );
    check(
        r#"{"methodConfig": [{"name": [{}]}]}"#,
        |builder| builder,
        &[],
    );
}

/// Records the texts of all events.
#[derive(Clone, Debug, Default)]
struct Texts(Arc<Lock<Vec<String>>>);

impl Observer for Texts {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        self.0.lock().push(format!("{}: {event}", event.name()));
    }
}

/// The steps of a channel from its first use to idleness, and a new policy: each is an event, in the order
/// of what happens.
#[test]
fn steps_of_a_channel() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let texts = Texts::default();
    let names = ManualResolver::new("fleet");
    let list = || Resolution::new([Endpoint::new([address(1)])]);
    names.update(list());
    let channel = builder(&sim, "fleet:///any")
        .resolver(names.clone())
        .observer(texts.clone())
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        let config = list()
            .with_service_config(ROUND_ROBIN)
            .with_service_config_place("page 1");
        names.update(config);
        sim.sleep(Duration::from_secs(1)).await;
        names.update(list().with_service_config("{"));
        sim.sleep(Duration::from_secs(1)).await;
        channel.enter_idle();
        sim.sleep(Duration::from_secs(1)).await;
    });
    let list = "endpoints: 1 endpoint: 198.51.100.1:50051";
    let error = "resolver_error: the resolver's service config is invalid: ";
    let expected = [
        "idle_left: the channel left idleness, and resolves its name",
        "state: the channel is CONNECTING",
        list,
        "config: the service config names no policy: the channel's default is used",
        "policy: calls are balanced by pick_first",
        "subchannel_created: 198.51.100.1:50051 created",
        "connect_started: 198.51.100.1:50051: connecting (connection 1)",
        "subchannel_state: 198.51.100.1:50051 CONNECTING",
        "resolution_accepted: 1 endpoint in use, addresses: 1",
        "connected: 198.51.100.1:50051: connected to 198.51.100.1:50051 (connection 1)",
        "subchannel_state: 198.51.100.1:50051 READY",
        "state: the channel is READY",
        list,
        "config: service config with the policy round_robin, from page 1",
        "policy: calls are balanced by round_robin, in place of pick_first",
        "resolution_accepted: 1 endpoint in use, addresses: 1",
        list,
        error,
        "idle_entered: the channel is idle: its connections are closed",
        "subchannel_removed: 198.51.100.1:50051 removed",
        "state: the channel is IDLE",
    ];
    let mut texts = std::mem::take(&mut *texts.0.lock());
    for text in &mut texts {
        if text.starts_with(error) {
            text.truncate(error.len());
        }
    }
    assert_eq!(texts, expected);
}

/// The addresses of a name that a connection attempt tries are events, each with its fate, before the end of
/// the attempt.
#[test]
fn the_addresses_of_a_name() {
    let sim = Sim::new(1);
    sim.net()
        .set_host("orders.test", [1, 2].map(|host| address(host).ip()));
    serve(&sim, 2, Builder::new(), echo);
    let texts = Texts::default();
    let channel = builder(&sim, "passthrough:///orders.test:50051")
        .observer(texts.clone())
        .build()
        .expect("a channel");
    sim.run(async { unary(&channel, b"hello").await.expect_ok() });
    let texts = std::mem::take(&mut *texts.0.lock());
    let is_attempt = |text: &&String| text.starts_with("address") || text.starts_with("connect");
    let attempt: Vec<&String> = texts.iter().filter(is_attempt).collect();
    let expected = [
        "connect_started: orders.test:50051: connecting (connection 1)",
        "address_tried: orders.test:50051: tried 198.51.100.1:50051: failed after 2ms: connection refused",
        "address_tried: orders.test:50051: tried 198.51.100.2:50051: connected after 2ms",
        "connected: orders.test:50051: connected to 198.51.100.2:50051 (connection 1)",
    ];
    assert_eq!(attempt, expected);
}
