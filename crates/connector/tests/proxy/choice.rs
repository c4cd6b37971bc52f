//! Which proxy a destination gets: gRFC A1, and the environment variables of gRPC's C core.

use std::net::SocketAddr;
use std::path::Path;

use trunkline_connector::{
    Connector, Destination, NoProxy, Proxy, ProxyServer, TargetRoute, ViaProxy,
};
use trunkline_endpoint::{Address, Attributes};
use trunkline_sim::Sim;

use crate::world::{answer, connector, failure, named, start};

/// Returns the setting for these variables.
fn with(variables: &[(&str, &str)]) -> Proxy {
    Proxy::from_variables(|name| {
        let mut found = variables.iter().filter(|(own, _)| *own == name);
        found.next().map(|(_, value)| (*value).to_owned())
    })
}

fn via(url: &str) -> TargetRoute {
    TargetRoute::Via(url.parse().expect("the URL of a proxy"))
}

fn orders() -> Destination {
    Destination::new("orders.test", 443)
}

fn server_for(proxy: &Proxy, host: &str) -> Option<String> {
    let server = proxy
        .server_for(&Destination::new(host, 443))
        .expect("a valid proxy");
    server.map(|server| server.host().to_owned())
}

/// The first variable that is set decides; an empty value means no proxy.
#[test]
fn variables_have_an_order() {
    let names = [
        "grpc_proxy",
        "GRPC_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "http_proxy",
    ];
    for first in 0..names.len() {
        let mut variables: Vec<(&str, &str)> = vec![(names[first], "first.test")];
        variables.extend(names[first + 1..].iter().map(|name| (*name, "other.test")));
        let route = with(&variables).route(&orders()).expect("a valid proxy");
        assert_eq!(route, via("http://first.test"), "{variables:?}");
        variables[0].1 = "";
        let route = with(&variables).route(&orders()).expect("no proxy");
        assert_eq!(route, TargetRoute::ByAddress, "{variables:?}");
        assert_eq!(server_for(&with(&variables), "192.0.2.1"), None);
    }
    // A CGI server makes this variable from a header of the request.
    let route = with(&[("HTTP_PROXY", "evil.test"), ("all_proxy", "x.test")]).route(&orders());
    assert_eq!(route.expect("no proxy"), TargetRoute::ByAddress);
}

/// `no_grpc_proxy` replaces `no_proxy`, also when it is empty. A target that is listed is connected
/// to directly at all its addresses.
#[test]
fn listed_targets_are_direct() {
    let proxy = ("https_proxy", "http://proxy.test:3128");
    for (variables, expected) in [
        (vec![proxy], via("http://proxy.test:3128")),
        (vec![proxy, ("no_proxy", ".test")], TargetRoute::Direct),
        (
            vec![proxy, ("NO_PROXY", "orders.test")],
            TargetRoute::Direct,
        ),
        (
            vec![proxy, ("no_grpc_proxy", "orders.test"), ("no_proxy", "")],
            TargetRoute::Direct,
        ),
        (
            vec![proxy, ("no_grpc_proxy", ""), ("no_proxy", "*")],
            via("http://proxy.test:3128"),
        ),
    ] {
        let route = with(&variables).route(&orders()).expect("a valid proxy");
        assert_eq!(route, expected, "{variables:?}");
    }
}

/// This host itself never gets a proxy from the environment, by name or by address.
#[test]
fn this_host_is_direct() {
    let proxy = with(&[("https_proxy", "proxy.test")]);
    for host in [
        "localhost",
        "LOCALHOST.",
        "db.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
    ] {
        assert_eq!(server_for(&proxy, host), None, "{host}");
        let route = proxy.route(&Destination::new(host, 443)).expect("no proxy");
        assert_eq!(route, TargetRoute::Direct, "{host}");
    }
    for host in ["notlocalhost", "localhost.test", "128.0.0.1"] {
        assert_eq!(
            server_for(&proxy, host).as_deref(),
            Some("proxy.test"),
            "{host}"
        );
    }
}

/// `GRPC_ADDRESS_HTTP_PROXY` is for the addresses that its own list has, and has precedence there.
#[test]
fn addresses_have_a_proxy_of_their_own() {
    let variables = [
        ("GRPC_ADDRESS_HTTP_PROXY", "192.0.2.8:3128"),
        (
            "GRPC_ADDRESS_HTTP_PROXY_ENABLED_ADDRESSES",
            "10.0.0.0/8,192.0.2.1",
        ),
        ("no_proxy", "10.0.0.0/8"),
        ("https_proxy", "proxy.test"),
    ];
    for (variables, others) in [
        (&variables[..], Some("proxy.test")),
        (&variables[..3], None),
    ] {
        let proxy = with(variables);
        for host in ["10.1.2.3", "192.0.2.1"] {
            assert_eq!(
                server_for(&proxy, host).as_deref(),
                Some("192.0.2.8"),
                "{host}"
            );
        }
        assert_eq!(server_for(&proxy, "192.0.2.2").as_deref(), others);
    }
}

/// A variable that cannot be read is an error where its proxy would be used, and nowhere else: a
/// direct connection could leak what the operator sent through a proxy. The error names the
/// variable, without its value.
#[test]
fn a_bad_variable_is_an_error_where_it_counts() {
    let proxy = with(&[
        ("HTTPS_PROXY", "https://user:secret@proxy.test"),
        ("no_proxy", ".corp"),
    ]);
    let errors = [
        proxy.route(&orders()).expect_err("a bad proxy"),
        proxy.server_for(&orders()).expect_err("a bad proxy"),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(
            text.starts_with("the environment variable HTTPS_PROXY is not the URL of a proxy: "),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
    }
    let route = proxy
        .route(&Destination::new("db.corp", 443))
        .expect("not used");
    assert_eq!(route, TargetRoute::Direct);
    assert_eq!(server_for(&proxy, "127.0.0.1"), None);
}

/// A mapper made of a function is asked for the name first, then for each address.
#[test]
fn a_function_chooses() {
    let server: ProxyServer = "http://proxy.test:3128".parse().expect("a URL");
    let own = server.clone();
    let proxy = Proxy::from_fn(move |to| (to.port() == 443).then(|| own.clone()));
    assert_eq!(
        proxy.route(&orders()).expect("a route"),
        TargetRoute::Via(server)
    );
    let other = proxy
        .route(&Destination::new("orders.test", 80))
        .expect("a route");
    assert_eq!(other, TargetRoute::ByAddress);
    let listed: NoProxy = "orders.test".parse().expect("a list");
    let route = proxy
        .clone()
        .with_no_proxy(listed)
        .route(&orders())
        .expect("a route");
    assert_eq!(route, TargetRoute::Direct);
    let local = proxy.with_local_lookup(true);
    assert_eq!(
        local.route(&orders()).expect("a route"),
        TargetRoute::ByAddress
    );
    assert_eq!(
        server_for(&local, "192.0.2.1").as_deref(),
        Some("proxy.test")
    );
    assert_eq!(server_for(&Proxy::none(), "192.0.2.1"), None);
}

/// Without a proxy, and for Unix sockets, the inner connector connects.
#[test]
fn other_addresses_are_direct() {
    let sim = Sim::new(1);
    let address = SocketAddr::from(([198, 51, 100, 1], 443));
    let _backend = sim.backend(address);
    let socket = trunkline_runtime::UnixAddr::from_path("/run/orders");
    let _local = sim.backend(trunkline_runtime::PeerAddr::Unix(socket.clone()));
    let listed: NoProxy = "198.51.100.0/24".parse().expect("a list");
    let proxy = crate::world::all("http://192.0.2.8:3128").with_no_proxy(listed);
    let connector = connector(&sim, proxy);
    let direct = sim
        .run(connector.connect(&Address::from(address)))
        .expect("a stream");
    assert_eq!(direct.info.peer, address.into());
    let path = trunkline_endpoint::Location::from(Path::new("/run/orders"));
    let local = sim
        .run(connector.connect(&Address::new(path)))
        .expect("a stream");
    assert_eq!(local.info.peer, trunkline_runtime::PeerAddr::Unix(socket));
}

/// The attribute of an address has precedence over the channel's setting, the off switch too.
#[test]
fn an_address_can_choose_its_proxy() {
    let sim = Sim::new(1);
    let seen = start(
        &sim,
        answer(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
    );
    let server: ProxyServer = "192.0.2.8:3128".parse().expect("a URL");
    let attributes = Attributes::new().with::<ViaProxy>(server);
    let address = named("orders.test", 443).with_attributes(attributes);
    let (_, text) = failure(sim.run(connector(&sim, Proxy::none()).connect(&address)));
    assert!(text.contains("503 Busy"), "{text}");
    let seen = seen.lock().expect("no panic");
    assert!(seen.starts_with(b"CONNECT orders.test:443 "));
}
