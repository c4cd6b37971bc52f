//! Targets of each scheme.

#[cfg(target_os = "linux")]
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::thread;

use trunkline::{
    BuildErrorKind, Channel, Endpoint, ManualResolver, PeerAddr, Resolution, StaticFactory,
};
use trunkline_testkit::dns::{DnsServer, Reply, Type};

use crate::world::{backend, builder, channel, dns, greet, peer, relay};

/// Relays connections of a Unix socket to a backend.
fn relay_all(listener: UnixListener, backend: std::net::SocketAddr) {
    thread::spawn(move || {
        while let Ok((near, _)) = listener.accept() {
            relay(near, backend);
        }
    });
}

on_each_runtime! {
    /// `dns:` with the DNS server in the target, as an address or a name.
    async fn dns_with_a_server_in_the_target(runtime) {
        let backend = backend("a");
        let server = DnsServer::start().expect("a DNS server");
        server.set("greeter.test", Type::A, Reply::a(30, [[127, 0, 0, 1].into()]));
        let dns_port = server.address().port();
        for host in ["127.0.0.1", "localhost"] {
            let target = format!("dns://{host}:{dns_port}/greeter.test:{}", backend.port());
            let response = greet(&channel(target, &runtime)).await.expect("a reply");
            assert_eq!(peer(&response), PeerAddr::Ip(backend.address_v4()));
        }
    }

    /// `dns:` over TCP, when the answer over UDP is truncated.
    async fn dns_over_tcp_when_truncated(runtime) {
        let backend = backend("a");
        let server = DnsServer::start().expect("a DNS server");
        let reply = Reply::a(30, [[127, 0, 0, 1].into()]).truncated();
        server.set("greeter.test", Type::A, reply);
        let channel = builder(format!("dns:///greeter.test:{}", backend.port()), &runtime)
            .dns(dns(&server))
            .build()
            .expect("a channel");
        greet(&channel).await.expect("a reply");
    }

    /// A name without a scheme is `dns:`; localhost needs no DNS server.
    async fn a_name_alone(runtime) {
        let backend = backend("a");
        let target = format!("localhost:{}", backend.port());
        greet(&channel(target, &runtime)).await.expect("a reply");
    }

    /// `ipv6:`, on a machine that has IPv6.
    async fn ipv6(runtime) {
        let backend = backend("a");
        let Some(address) = backend.address_v6() else { return };
        let response = greet(&channel(format!("ipv6:{address}"), &runtime)).await.expect("a reply");
        assert_eq!(peer(&response), PeerAddr::Ip(address));
    }

    /// `unix:`, by an absolute path, also under `passthrough:`.
    async fn unix(runtime) {
        let backend = backend("a");
        let folder = std::env::temp_dir().join(format!("trunkline-{}-{:p}", std::process::id(), &backend));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("greeter.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        relay_all(listener, backend.address_v4());
        let target = format!("unix://{}", path.display());
        for target in [target.clone(), format!("passthrough:///{target}")] {
            let response = greet(&channel(target, &runtime)).await.expect("a reply");
            assert_eq!(peer(&response).to_string(), format!("unix:{}", path.display()));
        }
        std::fs::remove_dir_all(&folder).expect("the test removes its files");
    }

    /// `unix-abstract:`, on Linux.
    async fn unix_abstract(runtime) {
        #[cfg(target_os = "linux")]
        {
            use std::os::linux::net::SocketAddrExt;
            let backend = backend("a");
            let name = format!("trunkline-{}-{:p}", std::process::id(), &backend);
            let address = SocketAddr::from_abstract_name(&name).expect("a name");
            relay_all(UnixListener::bind_addr(&address).expect("a socket"), backend.address_v4());
            let target = format!("unix-abstract:{name}");
            let response = greet(&channel(target, &runtime)).await.expect("a reply");
            assert_eq!(peer(&response).to_string(), format!("unix-abstract:{name}"));
        }
        #[cfg(not(target_os = "linux"))]
        drop(runtime);
    }

    /// `passthrough:` leaves the name to the connector, which looks it up with the system's resolver
    /// and races the addresses.
    async fn passthrough(runtime) {
        let backend = backend("a");
        let target = format!("passthrough:///localhost:{}", backend.port());
        greet(&channel(target, &runtime)).await.expect("a reply");
    }

    /// A resolver whose endpoints the application sets. The endpoint of the target cannot be sent as
    /// authority, and the call reaches its server all the same.
    async fn manual(runtime) {
        let (one, two) = (backend("one"), backend("two"));
        let resolver = ManualResolver::new("manual");
        let channel = builder("manual:///greeter/eu", &runtime)
            .resolver(resolver.clone())
            .build()
            .expect("a channel");
        resolver.update(Resolution::new([Endpoint::new([one.address_v4()])]));
        let response = greet(&channel).await.expect("a reply");
        assert_eq!(peer(&response), PeerAddr::Ip(one.address_v4()));
        resolver.update(Resolution::new([Endpoint::new([two.address_v4()])]));
        // The control task applies the list later: until then calls go to either backend.
        for _ in 0..10_000 {
            let response = greet(&channel).await.expect("a reply");
            if peer(&response) == PeerAddr::Ip(two.address_v4()) {
                return;
            }
        }
        panic!("the new backend was never called");
    }

    /// A fixed list of endpoints under a custom scheme.
    async fn fixed(runtime) {
        let backend = backend("a");
        let endpoints = [Endpoint::new([backend.address_v4()])];
        let channel = builder("fixed:greeter", &runtime)
            .resolver(StaticFactory::from_endpoints("fixed", endpoints))
            .build()
            .expect("a channel");
        greet(&channel).await.expect("a reply");
    }
}

fn check(target: &str, kind: BuildErrorKind, words: &[&str]) {
    let error = Channel::builder(target)
        .plaintext()
        .build()
        .expect_err(target);
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(
            error.to_string().contains(word),
            "{word:?} is missing in: {error}"
        );
    }
}

/// A target that can never work is an error of `build`, whose text has what was probably meant.
#[test]
fn bad_targets_are_errors_of_build() {
    check(
        "dns://my-svc:5000",
        BuildErrorKind::Target,
        &["my-svc:5000", "dns:///my-svc:5000"],
    );
    check("dns:///host:99999", BuildErrorKind::Target, &["99999"]);
    check(
        "http://host:80",
        BuildErrorKind::Target,
        &["dns:///host:80"],
    );
    check("unix://relative", BuildErrorKind::Target, &["relative"]);
    check("ipv4:1.2.3", BuildErrorKind::Target, &["1.2.3"]);
    check("", BuildErrorKind::Target, &[]);
    check("vsock:3:4", BuildErrorKind::Target, &["vsock"]);
    check("xds:///x", BuildErrorKind::Target, &["xds"]);
}

/// Missing security, an invalid service config and an invalid authority are errors of `build`.
#[test]
fn other_errors_of_build() {
    let error = Channel::builder("dns:///x")
        .build()
        .expect_err("no security");
    assert_eq!(error.kind(), BuildErrorKind::Security);
    let text = error.to_string();
    assert!(
        text.contains(".plaintext()") && text.contains(".tls(..)"),
        "{text}"
    );

    let builder = Channel::builder("dns:///x").plaintext();
    let error = builder
        .default_service_config("{")
        .build()
        .expect_err("bad JSON");
    assert_eq!(error.kind(), BuildErrorKind::ServiceConfig);

    let builder = Channel::builder("dns:///x").plaintext();
    let error = builder
        .authority("a b")
        .build()
        .expect_err("a bad authority");
    assert_eq!(error.kind(), BuildErrorKind::Authority);
}
