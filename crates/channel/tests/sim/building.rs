//! Building a channel: the options add up in any order, or `build` returns an error.

use std::sync::Arc;
use std::time::Duration;

use h2::server::Builder;
use http_body_util::Full;
use tower_service::Service;
use trunkline_channel::{BuildErrorKind, ChannelBuilder, SecurityLayer};
use trunkline_connector::{Connector, DirectConnector};
use trunkline_endpoint::Endpoint;
use trunkline_lb::{ConnectivityState, PolicyRegistry};
use trunkline_resolver::{DnsOptions, ResolverRegistry, StaticFactory};
use trunkline_runtime::{Runtime, TcpOptions};
use trunkline_sim::{ConnectFate, Sim};
use trunkline_status::Code;

use crate::policy::TestPolicyFactory;
use crate::world::{ROUND_ROBIN, address, builder, echo, read_to_end, request, serve, unary};

/// Returns a resolver for the scheme `fleet` that returns host 1.
fn fleet() -> StaticFactory {
    StaticFactory::from_endpoints("fleet", [Endpoint::new([address(1)])])
}

/// A step of a builder.
type Step = fn(ChannelBuilder) -> ChannelBuilder;

/// The options that set resolvers add up in any order.
#[test]
fn resolvers_add_up_in_any_order() {
    let steps: [Step; 3] = [
        |builder| builder.resolver(fleet()),
        |builder| builder.resolvers(ResolverRegistry::standard()),
        |builder| builder.dns(DnsOptions::default()),
    ];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let sim = Sim::new(1);
        serve(&sim, 1, Builder::new(), echo);
        let built = order
            .into_iter()
            .fold(builder(&sim, "fleet:///x"), |builder, at| {
                steps[at](builder)
            });
        let channel = built.build().expect("a channel");
        sim.run(unary(&channel, b"hello")).expect_ok();
    }
}

/// A single policy is registered, whether a registry is added before it or after it.
#[test]
fn policies_add_up_in_any_order() {
    let steps: [Step; 2] = [
        |builder| builder.policy(TestPolicyFactory::default()),
        |builder| builder.policies(PolicyRegistry::standard()),
    ];
    for order in [[0, 1], [1, 0]] {
        let sim = Sim::new(1);
        let target = format!("ipv4:{}", address(1));
        let built = order
            .into_iter()
            .fold(builder(&sim, target), |builder, at| steps[at](builder));
        built
            .load_balancing("test_policy")
            .build()
            .expect("a channel");
    }
}

/// Checks the kind of the error of a builder after `step`, and that its message contains each of
/// `words`.
#[track_caller]
fn check_error(kind: BuildErrorKind, words: &[&str], step: Step) {
    let sim = Sim::new(1);
    let error = step(builder(&sim, "ipv4:192.0.2.1:1")).build();
    let error = error.expect_err("a contradiction");
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(
            error.to_string().contains(word),
            "{word:?} is missing in: {error}"
        );
    }
}

/// A layer that chooses plaintext for each connection.
#[derive(Debug)]
struct AlwaysPlain;

impl SecurityLayer for AlwaysPlain {
    fn protect(
        &self,
        plain: Arc<dyn Connector>,
        _: Arc<dyn Connector>,
        _: &Arc<dyn Runtime>,
    ) -> Arc<dyn Connector> {
        plain
    }
}

/// One layer chooses the security of connections: a second one never replaces it silently.
#[test]
fn two_security_layers_are_an_error() {
    let words = ["AlwaysPlain", "both choose the transport security"];
    check_error(BuildErrorKind::Conflict, &words, |builder| {
        builder
            .security_layer(AlwaysPlain)
            .security_layer(AlwaysPlain)
    });
}

/// Options that contradict each other are an error that names both.
#[test]
fn contradictions_are_errors() {
    let words = ["load_balancing", "default_service_config"];
    check_error(BuildErrorKind::Conflict, &words, |builder| {
        builder
            .load_balancing("round_robin")
            .default_service_config(ROUND_ROBIN)
    });
    check_error(
        BuildErrorKind::Conflict,
        &[".tcp(", ".connector("],
        |builder| {
            let runtime = Sim::new(2).runtime();
            builder
                .tcp(TcpOptions::default())
                .connector(DirectConnector::new(runtime))
        },
    );
    check_error(
        BuildErrorKind::Conflict,
        &[".dns(", ".resolver("],
        |builder| {
            let own =
                |scheme: &str| StaticFactory::from_endpoints(scheme, [Endpoint::new([address(1)])]);
            builder
                .dns(DnsOptions::default())
                .resolver(own("dns"))
                .resolver(own("srv"))
        },
    );
    let words = ["`fastest`", "round_robin"];
    check_error(BuildErrorKind::ServiceConfig, &words, |builder| {
        builder.load_balancing("fastest")
    });
}

/// An authority that cannot be sent is an error that names where it was set.
#[test]
fn an_authority_that_cannot_be_sent() {
    let sim = Sim::new(1);
    let error = builder(&sim, "orders:50051").authority("a b").build();
    assert_eq!(
        error.expect_err("an error").to_string(),
        "the authority `a b` that `.authority(..)` or `Tls::with_server_name` set cannot be sent \
         over HTTP/2 (invalid uri character)"
    );
}

/// A scheme or a policy without a plug-in is an error that names the method that adds one.
#[test]
fn what_is_not_registered_can_be_added() {
    let sim = Sim::new(1);
    let error = |builder: ChannelBuilder| builder.build().expect_err("an error").to_string();
    assert_eq!(
        error(builder(&sim, "fleet:///orders")),
        "the target `fleet:///orders` cannot be used: unknown scheme `fleet`; did you mean \
         `dns:///orders`? Or add a resolver of your own with `.resolver(..)`"
    );
    assert_eq!(
        error(builder(&sim, "xds:///orders")),
        "the target `xds:///orders` cannot be used: nothing here resolves the scheme `xds`; a \
         resolver of your own is added with `.resolver(..)`"
    );
    assert_eq!(
        error(builder(&sim, "http://orders:50051")),
        "the target `http://orders:50051` cannot be used: `http` is no scheme of a gRPC target; did \
         you mean `dns:///orders:50051`?"
    );
    let registry = PolicyRegistry::standard();
    let known = registry.names().collect::<Vec<_>>().join(", ");
    assert_eq!(
        error(builder(&sim, "orders:50051").load_balancing("fastest")),
        format!(
            "the default policy `fastest` is not known; known are: {known}; a policy of your own is \
             added with `.policy(..)`"
        )
    );
}

/// `load_balancing` chooses the policy by its name.
#[test]
fn a_policy_by_name() {
    let sim = Sim::new(1);
    for host in [1, 2] {
        serve(&sim, host, Builder::new(), echo);
    }
    let target = format!("ipv4:{},{}", address(1), address(2));
    let channel = builder(&sim, target).load_balancing("round_robin").build();
    let channel = channel.expect("a channel");
    sim.run(async {
        channel.ready().await.expect("a connection");
        unary(&channel, b"one").await.expect_ok();
        let runtime = sim.runtime();
        runtime
            .sleep_until(runtime.now() + Duration::from_secs(1))
            .await;
        let first = unary(&channel, b"two").await.expect_ok().host();
        let second = unary(&channel, b"three").await.expect_ok().host();
        assert_ne!(first, second);
    });
}

/// `ready` waits for a connection, and returns the channel to make calls on.
#[test]
fn ready_waits_for_a_connection() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .build()
        .expect("a channel");
    sim.run(async {
        let mut ready = channel.ready().await.expect("a connection");
        assert_eq!(ready.state(), ConnectivityState::Ready);
        let Ok(response) = ready.call(request(Full::new("hello".into()))).await;
        read_to_end(response).await.expect_ok();
        // In one expression, without a mutable channel.
        let asked = request(Full::new("hello".into()));
        let Ok(response) = channel
            .ready()
            .await
            .expect("a connection")
            .call(asked)
            .await;
        read_to_end(response).await.expect_ok();
        // `ready` leaves idleness, too.
        channel.enter_idle();
        channel.state_changed(ConnectivityState::Ready).await;
        channel.ready().await.expect("a connection");
    });
}

/// `Debug` prints the target, the state and the runtime.
#[test]
fn debug_is_one_struct() {
    let sim = Sim::new(1);
    let channel = builder(&sim, "ipv4:192.0.2.1:50051")
        .build()
        .expect("a channel");
    let runtime = sim.runtime();
    let expected = format!(
        "Channel {{ target: \"ipv4:192.0.2.1:50051\", state: Idle, runtime: {runtime:?}, .. }}"
    );
    assert_eq!(format!("{channel:?}"), expected);
    sim.run(channel.close(Duration::ZERO));
    assert_eq!(format!("{channel:?}"), expected.replace("Idle", "Shutdown"));
}

/// `ready` fails with the reason for which there is no connection.
#[test]
fn ready_fails_with_the_reason() {
    let sim = Sim::new(1);
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .build()
        .expect("a channel");
    let error = sim.run(async { channel.ready().await.expect_err("no server") });
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("198.51.100.1:50051"), "{error}");
}

/// An attempt ends after the connect timeout, and the message names the phase that it was in.
#[test]
fn a_connect_timeout_bounds_attempts() {
    let sim = Sim::new(1);
    sim.net().set_fate(address(1), ConnectFate::AcceptSilently);
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .connect_timeout(Duration::from_secs(3))
        .build()
        .expect("a channel");
    let error = sim.run(async { channel.ready().await.expect_err("no server") });
    assert!(error.message().contains("gave up after 3s"), "{error}");
}
