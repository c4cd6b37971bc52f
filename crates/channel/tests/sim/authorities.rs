//! The `:authority` that calls to each kind of target send.
//!
//! Source: [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests),
//! [RFC 9113 section 8.3.1](https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1).

use http_body_util::Full;
use tower_service::Service;
use trunkline_channel::{BuildErrorKind, ChannelBuilder};
use trunkline_endpoint::{Address, Endpoint};
use trunkline_resolver::StaticFactory;
use trunkline_runtime::{PeerAddr, UnixAddr};
use trunkline_sim::{Backend, Sim};

use crate::policy::{AddressedTo, TEST_POLICY};
use crate::world::{address, builder, read_to_end, request, unary};

/// Makes a call over the channel of this builder, which must reach `backend`, and returns the
/// `:authority` that arrived.
fn sent(sim: &Sim, backend: &Backend, builder: ChannelBuilder) -> String {
    let channel = builder.build().expect("a channel");
    sim.run(unary(&channel, b"hello")).expect_ok();
    backend.received().last().expect("a call").authority.clone()
}

/// Checks the `:authority` of a target that a resolver of its own scheme resolves.
#[track_caller]
fn check_fleet(target: &str, authority: &str) {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let fleet = StaticFactory::from_endpoints("fleet", [Endpoint::new([address(1)])]);
    let arrived = sent(&sim, &backend, builder(&sim, target).resolver(fleet));
    assert_eq!(arrived, authority, "{target}");
}

/// Checks the `:authority` of a target that is a Unix socket at `/run/db`.
#[track_caller]
fn check_unix(target: &str, authority: &str) {
    let sim = Sim::new(1);
    let backend = sim.backend(PeerAddr::Unix(UnixAddr::from_path("/run/db")));
    let arrived = sent(&sim, &backend, builder(&sim, target));
    assert_eq!(arrived, authority, "{target}");
}

/// A scheme of its own: the endpoint, if it can be sent.
#[test]
fn an_endpoint_that_can_be_sent_is_sent() {
    check_fleet("fleet:///target.test", "target.test");
    check_fleet("fleet:///target.test:50051", "target.test:50051");
    check_fleet("fleet:///~my_service$", "~my_service$");
    check_fleet("fleet:///[::1]:50051", "[::1]:50051");
    check_fleet("fleet:///:50051", "localhost:50051");
}

/// grpc-go sends `%HH` for what is no character of a host. HTTP/2 libraries of Rust refuse that, as
/// clients and as servers, so such a call would never reach a tonic server. `localhost` reaches
/// every server.
#[test]
fn an_endpoint_that_cannot_be_sent_becomes_localhost() {
    check_fleet("fleet:///a/b", "localhost");
    check_fleet("fleet:///a%20b", "localhost");
    check_fleet("fleet:///a:b:c", "localhost");
    check_fleet("fleet:///", "localhost");
}

/// A Unix socket has no host, under any scheme.
#[test]
fn a_unix_socket_is_localhost() {
    for target in [
        "unix:/run/db",
        "unix:///run/db",
        "passthrough:///unix:/run/db",
        "passthrough:///unix:///run/db",
    ] {
        check_unix(target, "localhost");
    }
}

/// Address lists name no host either; a host under `passthrough` and an address under `dns` do.
#[test]
fn addresses_and_hosts() {
    for (target, authority) in [
        ("ipv4:198.51.100.1:50051", "localhost"),
        ("passthrough:///198.51.100.1:50051", "198.51.100.1:50051"),
        ("dns:///198.51.100.1:50051", "198.51.100.1:50051"),
        ("198.51.100.1:50051", "198.51.100.1:50051"),
    ] {
        let sim = Sim::new(1);
        let backend = sim.backend(address(1));
        assert_eq!(
            sent(&sim, &backend, builder(&sim, target)),
            authority,
            "{target}"
        );
    }
}

/// The application's own authority goes before `localhost`, also in one call.
#[test]
fn an_own_authority_replaces_localhost() {
    let sim = Sim::new(1);
    let backend = sim.backend(PeerAddr::Unix(UnixAddr::from_path("/run/db")));
    let target = || builder(&sim, "passthrough:///unix:///run/db");
    assert_eq!(
        sent(&sim, &backend, target().authority("db.test")),
        "db.test"
    );
    let mut channel = target().build().expect("a channel");
    let mut call = request(Full::new("hello".into()));
    *call.uri_mut() = "http://call.test/test.Echo/Say".parse().expect("a URI");
    sim.run(async {
        let Ok(response) = channel.call(call).await;
        read_to_end(response).await.expect_ok();
    });
    assert_eq!(
        backend.received().last().expect("a call").authority,
        "call.test"
    );
}

/// What the application sets itself, and the name of a host, is never replaced: it cannot be sent, so
/// there is no channel.
#[test]
fn a_host_that_cannot_be_sent_is_an_error() {
    let sim = Sim::new(1);
    for builder in [
        builder(&sim, "passthrough:///m\u{fc}nchen.test:443"),
        builder(&sim, "unix:///run/db").authority("a%2Fb"),
        builder(&sim, "unix:///run/db").authority(""),
    ] {
        let error = builder
            .build()
            .expect_err("an authority that cannot be sent");
        assert_eq!(error.kind(), BuildErrorKind::Authority, "{error}");
        assert!(error.to_string().contains(".authority("), "{error}");
    }
}

/// The authority of a call goes before that of the picker, that before the channel's, that before the
/// address's, and that before the target's.
///
/// Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).
#[test]
fn authorities_have_an_order() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let sent = |builder: ChannelBuilder, uri: &'static str| {
        let endpoint = Endpoint::new([Address::from(address(1)).with_server_name("address.test")]);
        let fleet = StaticFactory::from_endpoints("fleet", [endpoint]);
        let mut channel = builder.resolver(fleet).build().expect("a channel");
        let mut call = request(Full::new("hello".into()));
        *call.uri_mut() = uri.parse().expect("a URI");
        sim.run(async {
            let Ok(response) = channel.call(call).await;
            read_to_end(response).await.expect_ok();
        });
        let received = backend.received();
        received.last().expect("a call").authority.clone()
    };
    let target = || builder(&sim, "fleet:///target.test");
    let path = "/test.Echo/Say";
    assert_eq!(sent(target(), path), "address.test");
    assert_eq!(
        sent(target().authority("channel.test"), path),
        "channel.test"
    );
    let with_own = "http://call.test/test.Echo/Say";
    assert_eq!(
        sent(target().authority("channel.test"), with_own),
        "call.test"
    );
    let picked = || {
        target()
            .policy(AddressedTo::policy("picked.test:1"))
            .default_service_config(TEST_POLICY)
    };
    let with_both = || picked().authority("channel.test");
    assert_eq!(sent(picked(), path), "picked.test:1");
    assert_eq!(sent(with_both(), path), "picked.test:1");
    assert_eq!(sent(with_both(), with_own), "call.test");
}
