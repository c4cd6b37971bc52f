//! Inspections of a channel, at each stage of its life.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, join, select};
use h2::server::Builder;
use http_body_util::Full;
use serde_json::{Value, json};
use trunkline_channel::{
    Channel, ChannelLife, ConnectingStep, ConnectionInspection, EventLevel, InspectOptions,
    Inspection, SubchannelStage,
};
use trunkline_endpoint::{Endpoint, Weight};
use trunkline_lb::ConnectivityState;
use trunkline_resolver::{
    DnsOptions, ManualResolver, Resolution, ResolveError, ResolveErrorKind, StaticFactory,
};
use trunkline_runtime::{PeerAddr, UnixAddr};
use trunkline_sim::dns::Data;
use trunkline_sim::{CallReply, Sim};

use crate::hand_server::HandServer;
use crate::world::{
    ROUND_ROBIN, address, builder, call, channel, echo, request, serve, unary, unary_within,
};

/// The inspection that the documentation shows.
const EXAMPLE: &str = include_str!("../../../../docs/inspection.json");

/// Returns an inspection. Its future can be sent to other threads.
async fn inspect(channel: &Channel) -> Inspection {
    fn sent<F: Future + Send>(future: F) -> F {
        future
    }
    sent(channel.inspect()).await
}

/// Returns the JSON of an inspection without what differs between runs and tests: the id of the channel,
/// and the events.
fn shown(inspection: &Inspection) -> Value {
    let mut json = serde_json::to_value(inspection).expect("JSON");
    let object = json.as_object_mut().expect("an object");
    object.remove("id");
    object.remove("events");
    json
}

/// Returns the texts of the events of an inspection, each with its age in milliseconds.
fn events(inspection: &Inspection) -> Vec<(u128, &str)> {
    let events = inspection.events.iter();
    events
        .map(|event| (event.age.as_millis(), &*event.text))
        .collect()
}

/// Returns what an inspection shows of a list or a number that there is not.
fn no_items() -> Value {
    json!({"total": 0, "next": null, "items": []})
}

/// A channel answers before its first use, and the inspection does not start it.
#[test]
fn a_channel_that_was_never_used() {
    let sim = Sim::new(1);
    let server = serve(&sim, 1, Builder::new(), echo);
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .default_service_config(ROUND_ROBIN)
        .authority("echo.test")
        .build()
        .expect("a channel");
    let inspection = sim.run(async {
        let inspection = inspect(&channel).await;
        sim.sleep(Duration::from_secs(1)).await;
        inspection
    });
    let expected = json!({
        "target": "ipv4:198.51.100.1:50051",
        "canonical_target": "ipv4:///198.51.100.1:50051",
        "authority": "echo.test",
        "taken_at_unix_ms": 1_767_225_600_000_u64,
        "life": "not_started",
        "state": "IDLE",
        "state_age_ms": null,
        "resolver": {
            "is_active": false,
            "is_resolving": false,
            "waiting_for": null,
            "last_answer": null,
            "ttl_left_ms": null,
            "next_in_ms": null,
            "last_error": null,
        },
        "service_config": {
            "origin": "default",
            "place": null,
            "config": {"loadBalancingConfig": [{"round_robin": {}}]},
            "has_selector": false,
            "rejected": null,
        },
        "policy": null,
        "endpoints": no_items(),
        "subchannels": no_items(),
        "calls": {"begun": 0, "ended": 0, "open": 0, "queued": 0, "queued_bytes": 0},
    });
    assert_eq!(shown(&inspection), expected);
    assert_eq!(events(&inspection), []);
    assert_eq!(
        (server.accepts(), channel.state()),
        (0, ConnectivityState::Idle)
    );
}

/// While the name is being resolved, and while the first connection is made, the inspection names the step
/// and the calls that wait for it.
#[test]
fn a_channel_that_connects() {
    let sim = Sim::new(1);
    let server = HandServer::start(&sim, 1, 10);
    server.set_silent(true);
    let names = ManualResolver::new("fleet");
    let channel = builder(&sim, "fleet:///any")
        .resolver(names.clone())
        .build()
        .expect("a channel");
    sim.run(async {
        let calls = join(unary_within(&channel, "5S"), unary_within(&channel, "5S"));
        let steps = async {
            sim.sleep(Duration::from_secs(1)).await;
            let resolving = inspect(&channel).await;
            let resolver = &resolving.resolver;
            assert!(resolver.is_active);
            assert_eq!(resolver.last_answer, None);
            assert_eq!((resolving.calls.open, resolving.calls.queued), (2, 2));
            assert_eq!(resolving.state, ConnectivityState::Connecting);
            assert_eq!(resolving.policy, None);

            names.update(Resolution::new([Endpoint::new([address(1)])]));
            sim.sleep(Duration::from_secs(1)).await;
            let connecting = inspect(&channel).await;
            let answer = connecting.resolver.last_answer.as_ref().expect("a list");
            assert_eq!((answer.endpoints, answer.addresses), (1, 1));
            let subchannel = &connecting.subchannels.items[0];
            assert_eq!(subchannel.stage, SubchannelStage::Connecting);
            assert_eq!(subchannel.connecting, Some(ConnectingStep::Http2Handshake));
            assert_eq!(subchannel.stage_age, Duration::from_secs(1));
            assert_eq!(
                (subchannel.attempts_started, subchannel.attempts_failed),
                (1, 0)
            );
            assert_eq!((connecting.calls.open, connecting.calls.queued), (2, 2));
        };
        join(calls, steps).await;
    });
}

/// The example of the documentation is what a channel shows: two backends that a DNS name has, of which
/// one answers calls, and the other refuses connections. It is read again without a loss.
///
/// Set `WRITE_EXAMPLE` to write the file.
#[test]
fn the_example_of_the_documentation() {
    let sim = Sim::new(1);
    let mut server_address = address(53);
    server_address.set_port(53);
    let server = sim.dns_server(server_address);
    for host in [1, 2] {
        server.insert("orders.test", 60, Data::A([198, 51, 100, host].into()));
    }
    let config = format!(r#"grpc_config=[{{"serviceConfig":{ROUND_ROBIN}}}]"#);
    server.insert(
        "_grpc_config.orders.test",
        60,
        Data::Txt(vec![config.into()]),
    );
    let backend = sim.backend(address(1));
    backend.set_reply(CallReply::Echo.after(Duration::from_millis(30)));
    let dns = DnsOptions::default()
        .with_servers(vec![server_address])
        .with_txt_service_config(true);
    let channel = builder(&sim, "dns:///orders.test:50051").dns(dns);
    let channel = channel.build().expect("a channel");
    let inspection = sim.run(async {
        for _ in 0..3 {
            unary(&channel, b"hello").await.expect_ok();
        }
        sim.sleep(Duration::from_millis(500)).await;
        let open = call(&channel, request(Full::new(Bytes::from_static(b"hello"))));
        let inspected = async {
            sim.sleep(Duration::from_millis(10)).await;
            inspect(&channel).await
        };
        join(open, inspected).await.1
    });
    let mut json = serde_json::to_value(&inspection).expect("JSON");
    // Other tests of the process make channels too.
    json["id"] = json!(1);
    let read: Inspection = serde_json::from_value(json.clone()).expect("the inspection");
    assert_eq!(serde_json::to_value(&read).expect("JSON"), json);
    let text = serde_json::to_string_pretty(&read).expect("JSON") + "\n";
    if std::env::var_os("WRITE_EXAMPLE").is_some() {
        let at = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/inspection.json");
        std::fs::write(at, &text).expect("the example is written");
    }
    assert_eq!(text, EXAMPLE);
}

/// Addresses of all kinds are texts in JSON, and are read again without a loss.
#[test]
fn addresses_are_texts_in_json() {
    let sim = Sim::new(1);
    let path = UnixAddr::from_path("/run/echo.sock");
    let name = UnixAddr::from_abstract_name("echo");
    for (address, target, text) in [
        (path, "unix:/run/echo.sock", "unix:/run/echo.sock"),
        (name, "unix-abstract:echo", "unix-abstract:echo"),
    ] {
        let _backend = sim.backend(address.clone());
        let channel = builder(&sim, target).build().expect("a channel");
        let inspection = sim.run(async {
            unary(&channel, b"hello").await.expect_ok();
            inspect(&channel).await
        });
        let json = serde_json::to_value(&inspection).expect("JSON");
        let subchannel = &json["subchannels"]["items"][0];
        assert_eq!(json["endpoints"]["items"][0]["addresses"], json!([text]));
        assert_eq!(subchannel["address"], json!(text));
        assert_eq!(subchannel["connections"][0]["peer"], json!(text));
        let read: Inspection = serde_json::from_value(json).expect("the inspection");
        let (shown, read) = (&inspection.subchannels.items[0], &read.subchannels);
        assert_eq!(shown.connections[0].peer, PeerAddr::Unix(address));
        assert_eq!(shown.address, read.items[0].address);
        let connection = read.items[0].connections[0].clone();
        assert_eq!(shown.connections[0].peer, connection.peer);
        assert_eq!(shown.connections[0].local, connection.local);
    }
    let named = r#"{"peer": "backend.test:443"}"#;
    let error = serde_json::from_str::<ConnectionInspection>(named).expect_err("a name");
    assert!(
        error.to_string().contains("the address of a peer"),
        "{error}"
    );
}

/// A backend that refuses connections is backing off: the inspection has the reason, and what is left of
/// the back-off. After the loss of a connection it has that too.
#[test]
fn failures_and_losses_stay() {
    let sim = Sim::new(1);
    let channel = channel(&sim, 1);
    sim.run(async {
        channel.ready().await.expect_err("nothing listens");
        let failing = inspect(&channel).await;
        assert_eq!(failing.state, ConnectivityState::TransientFailure);
        let [subchannel] = &failing.subchannels.items[..] else {
            panic!("one subchannel: {failing:?}")
        };
        assert_eq!(subchannel.stage, SubchannelStage::BackingOff);
        let wait = subchannel.wait_left.expect("a back-off");
        assert!((Duration::from_millis(700)..Duration::from_millis(1300)).contains(&wait));
        assert_eq!(
            (subchannel.attempts_started, subchannel.attempts_failed),
            (1, 1)
        );
        let failure = subchannel.last_failure.as_ref().expect("a failure");
        assert_eq!(failure.message, "connection refused");

        let backend = sim.backend(address(1));
        sim.sleep(wait + Duration::from_secs(1)).await;
        unary(&channel, b"hello").await.expect_ok();
        backend.kill();
        sim.sleep(Duration::from_secs(1)).await;
        let idle = inspect(&channel).await;
        assert_eq!(idle.state, ConnectivityState::Idle);
        let [subchannel] = &idle.subchannels.items[..] else {
            panic!("one subchannel: {idle:?}")
        };
        assert_eq!(subchannel.stage, SubchannelStage::Idle);
        assert_eq!(subchannel.connections, []);
        let loss = subchannel.last_loss.as_ref().expect("a loss");
        assert_eq!(loss.age, subchannel.stage_age);
        assert!(!loss.was_unused);
        let failure = subchannel.last_failure.as_ref().expect("a failure");
        assert!(failure.age > loss.age);
        let (last, lost) = (idle.events.last(), "connection_lost");
        assert!(idle.events.iter().any(|event| event.name == lost));
        assert_eq!(last.map(|event| event.level), Some(EventLevel::Info));
    });
}

/// An idle channel has no list, no policy and no subchannels, and an inspection does not wake it. A closed
/// one still has its last events.
#[test]
fn idle_and_closed_channels() {
    let sim = Sim::new(1);
    let server = serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        channel.enter_idle();
        sim.sleep(Duration::from_secs(2)).await;
        let idle = inspect(&channel).await;
        assert_eq!(
            (idle.life, idle.state),
            (ChannelLife::Running, ConnectivityState::Idle)
        );
        assert_eq!(idle.state_age, Some(Duration::from_secs(2)));
        assert!(!idle.resolver.is_active);
        assert_eq!(
            (&idle.policy, idle.endpoints.total, idle.subchannels.total),
            (&None, 0, 0)
        );
        let last: Vec<&str> = idle
            .events
            .iter()
            .rev()
            .take(3)
            .map(|event| &*event.name)
            .collect();
        assert_eq!(last, ["state", "subchannel_removed", "idle_entered"]);
        sim.sleep(Duration::from_secs(2)).await;
        assert_eq!(
            (server.accepts(), channel.state()),
            (1, ConnectivityState::Idle)
        );

        channel.close(Duration::ZERO).await;
        sim.sleep(Duration::from_secs(3)).await;
        let closed = inspect(&channel).await;
        assert_eq!(
            (closed.life, closed.state),
            (ChannelLife::Closed, ConnectivityState::Shutdown)
        );
        assert_eq!(closed.state_age, Some(Duration::from_secs(3)));
        assert_eq!(closed.service_config, None);
        assert_eq!((closed.calls.begun, closed.calls.ended), (1, 1));
        let last = events(&closed).pop();
        assert_eq!(last, Some((3000, "the channel is SHUTDOWN")));
    });
}

/// A channel that is being closed while calls go on answers as such.
#[test]
fn a_channel_that_closes() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    backend.set_reply(CallReply::Echo.after(Duration::from_secs(5)));
    let channel = channel(&sim, 1);
    sim.run(async {
        let open = unary(&channel, b"hello");
        let steps = async {
            sim.sleep(Duration::from_secs(1)).await;
            let closing = std::pin::pin!(channel.close(Duration::MAX));
            let inspected = std::pin::pin!(inspect(&channel));
            let Either::Right((inspection, closing)) = select(closing, inspected).await else {
                panic!("closed while a call goes on")
            };
            assert_eq!(inspection.life, ChannelLife::Closing);
            assert_eq!(
                (inspection.calls.open, inspection.subchannels.total),
                (1, 1)
            );
            closing.await;
        };
        join(open, steps).await.0.expect_ok();
    });
}

/// The service config in force, with its origin. An invalid one of the resolver is named, and the
/// earlier one stays.
#[test]
fn service_configs_and_their_origin() {
    let sim = Sim::new(1);
    let _backend = sim.backend(address(1));
    let names = ManualResolver::new("fleet");
    let channel = builder(&sim, "fleet:///any").resolver(names.clone());
    let channel = channel.build().expect("a channel");
    sim.run(async {
        let list = || Resolution::new([Endpoint::new([address(1)])]);
        let good = list()
            .with_service_config(ROUND_ROBIN)
            .with_service_config_place("page 1 of the registry");
        names.update(good);
        unary(&channel, b"hello").await.expect_ok();
        names.update(list().with_service_config("[]"));
        sim.sleep(Duration::from_secs(1)).await;
        let inspection = inspect(&channel).await;
        let config = serde_json::to_value(&inspection.service_config).expect("JSON");
        let error = "the resolver's service config is invalid: expected an object, found an array";
        let expected = json!({
            "origin": "resolver",
            "place": "page 1 of the registry",
            "config": {"loadBalancingConfig": [{"round_robin": {}}]},
            "has_selector": false,
            "rejected": {"age_ms": 1000, "message": error},
        });
        assert_eq!(config, expected);
        let last_error = inspection.resolver.last_error.expect("an error");
        assert_eq!((last_error.age.as_millis(), &*last_error.message), (1000, error));
        names.update(list());
        sim.sleep(Duration::from_secs(1)).await;
        let inspection = inspect(&channel).await;
        let config = serde_json::to_value(&inspection.service_config).expect("JSON");
        let expected = json!({
            "origin": "default", "place": null, "config": {}, "has_selector": false, "rejected": null,
        });
        assert_eq!(config, expected);
    });
}

/// The endpoints are those of the list in use, with their attributes, and long lists have pages.
#[test]
fn endpoints_and_pages() {
    let sim = Sim::new(1);
    let endpoints = (1..=5).map(|host| {
        let endpoint = Endpoint::new([address(host)]);
        let attributes = endpoint.attributes().with::<Weight>(u32::from(host));
        endpoint.with_attributes(attributes)
    });
    let channel = builder(&sim, "fleet:///any")
        .resolver(StaticFactory::from_endpoints("fleet", endpoints))
        .default_service_config(ROUND_ROBIN)
        .build()
        .expect("a channel");
    sim.run(async {
        channel.ready().await.expect_err("nothing listens");
        let page = InspectOptions::none()
            .with_endpoints(1, 2)
            .with_subchannels(1, 3);
        let inspection = channel.inspect_with(page).await;
        let endpoints = serde_json::to_value(&inspection.endpoints).expect("JSON");
        let expected = json!({
            "total": 5,
            "next": 3,
            "items": [
                {"addresses": ["198.51.100.2:50051"], "attributes": {"weight": "2"}},
                {"addresses": ["198.51.100.3:50051"], "attributes": {"weight": "3"}},
            ],
        });
        assert_eq!(endpoints, expected);
        let subchannels = inspection.subchannels;
        let items = subchannels.items.iter().map(|item| item.id.index());
        assert_eq!(items.collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((subchannels.total, subchannels.next), (5, Some(4)));
        assert_eq!((inspection.policy, inspection.events), (None, Vec::new()));
        let last = InspectOptions::none()
            .with_endpoints(3, 9)
            .with_subchannels(4, 9);
        let inspection = channel.inspect_with(last).await;
        assert_eq!(
            (inspection.endpoints.items.len(), inspection.endpoints.next),
            (2, None)
        );
        assert_eq!(
            (
                inspection.subchannels.items.len(),
                inspection.subchannels.next
            ),
            (1, None)
        );
        let beyond = InspectOptions::none()
            .with_endpoints(9, 9)
            .with_subchannels(9, 9);
        let inspection = channel.inspect_with(beyond).await;
        assert_eq!(
            (inspection.endpoints.items.len(), inspection.endpoints.next),
            (0, None)
        );
        assert_eq!(
            (
                inspection.subchannels.items.len(),
                inspection.subchannels.next
            ),
            (0, None)
        );
    });
}

/// A resolver that returns very many lists, configs and errors fills no memory: a hundred events are
/// kept, and the text of each is bounded, as is the list of endpoints.
#[test]
fn what_a_resolver_sends_is_bounded() {
    let sim = Sim::new(1);
    let names = ManualResolver::new("fleet");
    let channel = builder(&sim, "fleet:///any").resolver(names.clone());
    let channel = channel.build().expect("a channel");
    let host = |at: u32| SocketAddr::from((std::net::Ipv4Addr::from(0x0a00_0000 + at), 50051));
    let list: Vec<Endpoint> = (0..12_000).map(|at| Endpoint::new([host(at)])).collect();
    let long = "x".repeat(1 << 20);
    sim.run(async {
        channel.connect().expect("a runtime");
        for turn in 0..60 {
            let error = ResolveError::new(ResolveErrorKind::Unavailable, format!("{turn} {long}"));
            names.update(Resolution::from_error(error));
        }
        sim.sleep(Duration::from_secs(1)).await;
        let inspection = inspect(&channel).await;
        let longest = inspection.events.iter().map(|event| event.text.len()).max();
        assert_eq!(longest, Some(1024));
        let error = inspection.resolver.last_error.expect("an error");
        assert_eq!(error.message.len(), 4096);

        for turn in 0..60 {
            let config = format!(r#"{{"{turn}": 1, "later-{long}": 2}}"#);
            let list = list[..list.len() - turn].to_vec();
            names.update(Resolution::new(list).with_service_config(config));
        }
        sim.sleep(Duration::from_secs(1)).await;
        let inspection = inspect(&channel).await;
        assert_eq!(inspection.endpoints.total, 11_941);
        assert_eq!(inspection.endpoints.items.len(), 10_000);
        assert_eq!(inspection.endpoints.next, Some(10_000));
        assert_eq!(inspection.events.len(), 100);
        let texts = inspection.events.iter().map(|event| event.text.len());
        assert!(texts.max() <= Some(1024));
        let tree = inspection.policy.as_ref().expect("a policy");
        let shown: usize = tree.iter().map(|node| node.endpoints.len()).sum();
        assert!(shown <= 10_000, "{shown}");
        let json = serde_json::to_string(&inspection).expect("JSON");
        assert!(json.len() < 8 << 20, "{}", json.len());
    });
}

/// Calls go on while an inspection of ten thousand endpoints is made: it takes them no time, and the control
/// task answers in one poll.
#[test]
fn an_inspection_of_ten_thousand_endpoints() {
    let sim = Sim::new(1);
    let host = |at: u32| SocketAddr::from((std::net::Ipv4Addr::from(0x0a00_0000 + at), 50051));
    let backend = sim.backend(host(0));
    let list = (0..10_000).map(|at| Endpoint::new([host(at)]));
    let channel = builder(&sim, "fleet:///any")
        .resolver(StaticFactory::from_endpoints("fleet", list))
        .default_service_config(ROUND_ROBIN)
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        let start = sim.elapsed();
        let (inspection, result) = join(inspect(&channel), unary(&channel, b"hello")).await;
        result.expect_ok();
        assert!(sim.elapsed() - start < Duration::from_millis(10));
        assert_eq!(
            (
                inspection.subchannels.total,
                inspection.subchannels.items.len()
            ),
            (10_000, 10_000)
        );
        assert_eq!(
            (
                inspection.endpoints.items.len(),
                inspection.subchannels.next
            ),
            (10_000, None)
        );
        assert_eq!(backend.calls(), 2);
    });
}
