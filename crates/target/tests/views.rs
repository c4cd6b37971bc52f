//! Views of targets for the schemes of gRPC's naming document.

use std::net::SocketAddr;

use trunkline_target::{HostPort, Schemes, Target, TargetRef, TargetView};

fn view(text: &str) -> TargetView {
    Target::parse(text).expect(text).view().clone()
}

#[track_caller]
fn dns(text: &str, host: &str, port: u16, server: Option<&str>) {
    let TargetView::Dns {
        host: found,
        port: found_port,
        server: found_server,
    } = view(text)
    else {
        panic!("{text} is not dns");
    };
    let found_server = found_server.as_ref().map(HostPort::to_string);
    assert_eq!(
        (found.as_str(), found_port, found_server.as_deref()),
        (host, port, server),
        "{text}"
    );
}

/// `dns:[//server/]host[:port]`: the default port is 443, the server's is 53.
#[test]
fn dns_names_and_literals() {
    dns("orders", "orders", 443, None);
    dns("dns:orders:5000", "orders", 5000, None);
    dns("dns:///orders.", "orders.", 443, None);
    dns(":5000", "localhost", 5000, None);
    dns("dns:///[2001:db8::1]:80", "2001:db8::1", 80, None);
    dns("dns:///2001:db8::1", "2001:db8::1", 443, None);
    dns("dns:///%5B::1%5D:80", "::1", 80, None);
    dns("dns:///fe80::1%25eth0", "fe80::1%eth0", 443, None);
    dns("dns:or%64ers", "orders", 443, None);
    dns("dns://8.8.8.8/x", "x", 443, Some("8.8.8.8:53"));
    dns(
        "dns://[2001:db8::53]:5353/x",
        "x",
        443,
        Some("[2001:db8::53]:5353"),
    );
    dns(
        "dns://[fe80::1%25eth0]/x",
        "x",
        443,
        Some("[fe80::1%eth0]:53"),
    );
    dns("dns://:5353/x", "x", 443, Some("localhost:5353"));
    let server = Some("localhost:1053");
    dns(
        "dns://localhost:1053/my-headless-service:5000",
        "my-headless-service",
        5000,
        server,
    );
}

/// An IP literal is recognized, with its zone. Four numbers with a leading zero are a name.
#[test]
fn literals_are_recognised() {
    let host = |text: &str| match view(text) {
        TargetView::Dns { host, .. } => (host.ip(), host.zone().map(str::to_owned)),
        other => panic!("{other:?}"),
    };
    assert_eq!(host("10.0.0.1:80"), ("10.0.0.1".parse().ok(), None));
    assert_eq!(
        host("[::ffff:1.2.3.4]:80"),
        ("::ffff:1.2.3.4".parse().ok(), None)
    );
    let zoned = ("fe80::1".parse().ok(), Some("eth0".to_owned()));
    assert_eq!(host("[fe80::1%25eth0]:80"), zoned);
    assert_eq!(host("010.0.0.1:80"), (None, None));
    assert_eq!(host("orders:80"), (None, None));
}

/// A literal without a zone, or with a numeric one, is a socket address.
#[test]
fn literals_are_socket_addresses() {
    let server = |text: &str| match view(text) {
        TargetView::Dns { server, .. } => server.and_then(|server| server.socket_addr()),
        other => panic!("{other:?}"),
    };
    assert_eq!(server("dns://8.8.8.8/x"), "8.8.8.8:53".parse().ok());
    assert_eq!(
        server("dns://[fe80::1%252]/x"),
        "[fe80::1%2]:53".parse().ok()
    );
    assert_eq!(server("dns://[fe80::1%25eth0]/x"), None);
    assert_eq!(server("dns://ns.example/x"), None);
}

/// `srv:[//server/]name`: the SRV records supply the ports.
#[test]
fn srv_names() {
    let name = "_grpc._tcp.example.com".to_owned();
    assert_eq!(
        view("srv:///_grpc._tcp.example.com"),
        TargetView::Srv { name, server: None }
    );
    let TargetView::Srv { name, server } = view("srv://10.0.0.53:1053/orders.") else {
        panic!("not srv");
    };
    let server = server.as_ref().map(ToString::to_string);
    assert_eq!(
        (&*name, server.as_deref()),
        ("orders.", Some("10.0.0.53:1053"))
    );
}

/// `unix:path`, `unix:///path`, `unix-abstract:name`: escapes are decoded, to any byte.
#[test]
fn unix_sockets() {
    let unix = |text: &str, expected: &[u8]| {
        let path = expected.to_vec();
        assert_eq!(view(text), TargetView::Unix { path }, "{text}");
    };
    unix("unix:s.sock", b"s.sock");
    unix("unix:/tmp/s", b"/tmp/s");
    unix("unix:///tmp/s", b"/tmp/s");
    unix("unix:tmp/a%20b%FF", b"tmp/a b\xFF");
    let name = b"a\0b".to_vec();
    assert_eq!(
        view("unix-abstract:a%00b"),
        TargetView::UnixAbstract { name }
    );
    let name = b"/tmp/s".to_vec();
    assert_eq!(
        view("unix-abstract:///tmp/s"),
        TargetView::UnixAbstract { name }
    );
}

/// `ipv4:` and `ipv6:` lists keep the written order. The default port is 443; an IPv6 address before
/// a port is in brackets.
#[test]
fn address_lists() {
    let list = |addresses: &[&str]| -> Vec<SocketAddr> {
        let parse = |text: &&str| text.parse().expect("an address");
        addresses.iter().map(parse).collect()
    };
    assert_eq!(
        view("ipv4:10.0.0.2:80,10.0.0.1"),
        TargetView::Ipv4(list(&["10.0.0.2:80", "10.0.0.1:443"]))
    );
    assert_eq!(
        view("ipv6:[2001:db8::2]:80,2001:db8::1,[::1],fe80::1%252"),
        TargetView::Ipv6(list(&[
            "[2001:db8::2]:80",
            "[2001:db8::1]:443",
            "[::1]:443",
            "[fe80::1%2]:443",
        ]))
    );
    assert_eq!(
        view("ipv4:10.0.0.1%2C10.0.0.2"),
        TargetView::Ipv4(list(&["10.0.0.1:443", "10.0.0.2:443"]))
    );
    assert_eq!(
        Target::parse("ipv4:10.0.0.1,10.0.0.2")
            .expect("a list")
            .default_authority(),
        "localhost" // q23
    );
}

/// The authority of a name lacks the dot at its end.
#[test]
fn authority_of_absolute_names() {
    for (text, authority) in [
        ("dns:///orders.test.:50051", "orders.test:50051"),
        ("orders.test.", "orders.test"),
        ("dns:///[orders.test.]:1", "[orders.test]:1"),
        ("dns:///orders.test%2E:1", "orders.test:1"),
        ("passthrough:///orders.test.:1", "orders.test:1"),
        ("dns:///192.0.2.1:1", "192.0.2.1:1"),
        ("passthrough:///.", "."),
        ("xds:///orders.test.", "orders.test."),
    ] {
        let target = Target::parse(text).expect(text);
        assert_eq!(target.default_authority(), authority, "{text}");
    }
}

/// The authority of each kind of target, as grpc-go sends it. An IPv6 address is in brackets, which
/// grpc-go forgets (quirk q1).
#[test]
fn authorities() {
    let schemes = ["dns", "etcd", "ipv4", "passthrough", "unix"];
    for (text, authority) in [
        ("dns:///:50051", "localhost:50051"),
        ("dns:///2001:db8::1", "[2001:db8::1]"),
        ("unix:///run/db", "localhost"),
        ("ipv4:192.0.2.1:443", "localhost"),
        ("etcd:///orders", "orders"),
        ("etcd:///orders/eu", "orders%2Feu"),
        ("etcd:///", ""),
        ("passthrough:///unix:///run/db", "unix:%2F%2F%2Frun%2Fdb"),
    ] {
        let target = Target::parse_with(text, Schemes::new(&schemes, "dns")).expect(text);
        assert_eq!(target.default_authority(), authority, "{text}");
    }
}

/// `vsock:cid:port` with two numbers of 32 bits, `xds:[//authority/]name`,
/// `passthrough:///anything`, and a scheme of a custom resolver.
#[test]
fn the_others() {
    let (cid, port) = (2, 4_294_967_294);
    assert_eq!(view("vsock:2:4294967294"), TargetView::Vsock { cid, port });
    let xds = |authority: Option<&str>, name: &str| TargetView::Xds {
        authority: authority.map(str::to_owned),
        name: name.to_owned(),
    };
    assert_eq!(view("xds:///orders"), xds(None, "orders"));
    assert_eq!(view("xds://a.example/a/b"), xds(Some("a.example"), "a/b"));
    let passed = |text: &str| match view(text) {
        TargetView::Passthrough { address, host_port } => {
            (address, host_port.map(|found| found.to_string()))
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(passed("passthrough:///a b"), ("a b".to_owned(), None));
    let typed = ("[::1]:80".to_owned(), Some("[::1]:80".to_owned()));
    assert_eq!(passed("passthrough:[::1]:80"), typed);
    let schemes = Schemes::new(&["etcd"], "etcd");
    let custom = TargetRef::parse_with("etcd://h/a?b#c", schemes).expect("a target");
    assert_eq!(custom.view(), TargetView::Other);
}

/// A written scheme is compared in lower case. The default scheme applies only to a text without a
/// known scheme.
#[test]
fn schemes_are_arguments() {
    let schemes = Schemes::new(&["etcd", "caseTest2"], "etcd");
    let parse = |text| TargetRef::parse_with(text, schemes).expect("a target");
    assert_eq!(parse("ETCD:///x").scheme(), "etcd");
    assert!(parse("caseTest2:///x").used_default_scheme());
    assert_eq!(parse("localhost:80").canonical(), "etcd:///localhost:80");
}

/// A normal form parses to the same parts.
#[test]
fn normal_forms() {
    let normal = |text: &str| {
        let target = Target::parse(text).expect(text);
        let again = Target::parse(&target.normalized()).expect(text);
        assert_eq!(again.normalized(), target.normalized());
        assert_eq!(again.view(), target.view());
        target.normalized()
    };
    assert_eq!(normal("localhost:80"), "dns:///localhost:80");
    assert_eq!(normal("DNS:a%2Fb"), "dns:a/b");
    assert_eq!(normal("unix:%2F%2Fx"), "unix:%2F/x");
    assert_eq!(normal("dns:/%2Fx"), "dns:/%2Fx");
    assert_eq!(
        normal("dns://u@[::1%25e]:53/x y?q#f f"),
        "dns://u@[::1%25e]:53/x%20y?q#f%20f"
    );
}

/// Two targets are equal if their text and their scheme, written or default, are. The text is kept.
#[test]
fn values() {
    let a = Target::parse("orders").expect("a target");
    let b: Target = "orders".parse().expect("a target");
    assert_eq!(a, b);
    assert_eq!(a.to_string(), "orders");
    let c = Target::parse_with("orders", Schemes::new(&["etcd"], "etcd")).expect("a target");
    assert_ne!(a, c);
    let set: std::collections::HashSet<_> = [a.clone(), b, c].into();
    assert_eq!(set.len(), 2);
    assert_eq!(Target::from(a.as_ref()), a);
}
