//! Proxies: gRFC A1, the default HTTP proxy mapper, and what grpc-go's delegating resolver does.
//!
//! Source: <https://github.com/grpc/proposal/blob/master/A1-http-connect-proxy-support.md>,
//! <https://github.com/grpc/grpc/blob/master/doc/default_http_proxy_mapper.md>.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::select;
use futures_util::io::{AsyncReadExt, AsyncWriteExt, copy};
use trunkline_channel::{BuildErrorKind, Channel, ChannelBuilder};
use trunkline_connector::{
    ConnectProgress, ConnectStep, Connected, Connector, DirectConnector, Proxy,
};
use trunkline_endpoint::{Address, Endpoint};
use trunkline_resolver::{AddressFamilies, DnsOptions, StaticFactory};
use trunkline_runtime::{BoxFuture, Runtime, Stream, TcpOptions};
use trunkline_sim::Sim;
use trunkline_sim::dns::Data;
use trunkline_status::Code;

use crate::world::{ROUND_ROBIN, address, builder, unary};

pub(crate) const URL: &str = "http://198.51.100.8:50051";
const HOST: u8 = 8;

/// The CONNECT requests that a proxy received, in their order.
pub(crate) type Asked = Arc<Mutex<Vec<String>>>;

/// Starts a proxy on host 8, which connects to whatever it is asked for; names are looked up by the
/// simulated system.
pub(crate) fn start_proxy(sim: &Sim) -> Asked {
    let asked = Asked::default();
    let mut listener = sim.net().listen(address(HOST)).expect("a free address");
    let (runtime, log) = (sim.runtime(), Arc::clone(&asked));
    sim.spawn("proxy", async move {
        while let Ok((stream, _)) = listener.accept().await {
            let task = serve(stream, Arc::clone(&runtime), Arc::clone(&log));
            runtime.spawn(Box::pin(task));
        }
    });
    asked
}

async fn serve(mut client: Box<dyn Stream>, runtime: Arc<dyn Runtime>, asked: Asked) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if client.read_exact(&mut byte).await.is_err() {
            return;
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("text");
    let to = head.split(' ').nth(1).expect("a request target").to_owned();
    asked.lock().expect("no panic").push(to.clone());
    let Some(server) = open(&to, &*runtime).await else {
        let _ = client
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 8\r\n\r\nno route")
            .await;
        return;
    };
    let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let ((from_client, mut to_client), (from_server, mut to_server)) =
        (client.split(), server.split());
    let (up, down) = (
        copy(from_client, &mut to_server),
        copy(from_server, &mut to_client),
    );
    // The tunnel ends when one side has ended.
    select(Box::pin(up), Box::pin(down)).await;
}

async fn open(to: &str, runtime: &dyn Runtime) -> Option<Box<dyn Stream>> {
    let address = match to.parse::<SocketAddr>() {
        Ok(address) => address,
        Err(_) => {
            let (host, port) = to.rsplit_once(':')?;
            let found = runtime.lookup_host(host, port.parse().ok()?).await;
            *found.ok()?.first()?
        }
    };
    runtime
        .connect_tcp(address, &TcpOptions::default())
        .await
        .ok()
}

pub(crate) fn asked_for(asked: &Asked) -> Vec<String> {
    asked.lock().expect("no panic").clone()
}

/// Starts a DNS server for this side, on which `orders.test` has the addresses of these hosts; and
/// gives the system of the proxy the first.
fn names(sim: &Sim, hosts: &[u8]) -> (trunkline_sim::dns::DnsServer, DnsOptions) {
    let mut at = address(53);
    at.set_port(53);
    let server = sim.dns_server(at);
    for host in hosts {
        if let IpAddr::V4(ip) = address(*host).ip() {
            server.insert("orders.test", 60, Data::A(ip));
        }
    }
    sim.net().set_host("orders.test", [address(hosts[0]).ip()]);
    let mut options = DnsOptions::default().with_servers(vec![at]);
    options.families = AddressFamilies::Ipv4Only;
    (server, options)
}

fn build(builder: ChannelBuilder) -> Channel {
    builder.build().expect("a channel")
}

/// Case 1 of A1, by default: a `dns` target is not looked up on this side. The proxy gets its name,
/// and the calls its authority.
#[test]
fn the_environment_decides_by_default() {
    let sim = Sim::new(1);
    let asked = start_proxy(&sim);
    let backend = sim.backend(address(1));
    let (dns, options) = names(&sim, &[1]);
    sim.set_variable("https_proxy", URL);
    let channel = build(builder(&sim, "dns:///orders.test.:50051").dns(options));
    let result = sim.run(unary(&channel, b"hello")).expect_ok();
    assert_eq!(asked_for(&asked), ["orders.test:50051"]);
    assert_eq!(dns.queries().len(), 0);
    assert_eq!(backend.received()[0].authority, "orders.test:50051");
    assert_eq!(result.peer, Some(address(HOST).into()));
}

/// The default port of a target is 443; an address in a `dns` target goes through the proxy, too.
#[test]
fn the_destination_has_a_port() {
    for (target, expected) in [
        ("orders.test", "orders.test:443"),
        ("dns:///192.0.2.7:81", "192.0.2.7:81"),
        ("dns:///[2001:db8::7]", "[2001:db8::7]:443"),
        ("ipv4:192.0.2.7", "192.0.2.7:443"),
        ("passthrough:///other.test:80", "other.test:80"),
    ] {
        let sim = Sim::new(1);
        let asked = start_proxy(&sim);
        let proxy = Proxy::all(URL).expect("a URL");
        let channel = build(builder(&sim, target).proxy(proxy));
        let words = [
            "the proxy http://198.51.100.8:50051 did not connect to",
            "502 Bad Gateway",
            "no route",
        ];
        sim.run(unary(&channel, b"hello"))
            .expect(Code::Unavailable, &words);
        assert_eq!(asked_for(&asked), [expected], "{target}");
    }
}

/// The switch turns the environment off; a target in `no_proxy` is looked up on this side, and none
/// of its addresses gets a proxy.
#[test]
fn some_channels_are_direct() {
    let off = |builder: ChannelBuilder| builder.proxy(Proxy::none());
    let same = |builder: ChannelBuilder| builder;
    type Change = fn(ChannelBuilder) -> ChannelBuilder;
    let cases: [(&str, Change); 3] = [
        ("", off),
        (".test", same),
        ("other.test, orders.test:50051", same),
    ];
    for (no_proxy, change) in cases {
        let sim = Sim::new(1);
        let asked = start_proxy(&sim);
        let _backend = sim.backend(address(1));
        let (_dns, options) = names(&sim, &[1]);
        sim.set_variable("https_proxy", URL);
        sim.set_variable("no_proxy", no_proxy);
        let channel = build(change(
            builder(&sim, "dns:///orders.test:50051").dns(options),
        ));
        let result = sim.run(unary(&channel, b"hello")).expect_ok();
        assert_eq!(result.host(), 1, "{no_proxy}");
        assert_eq!(asked_for(&asked), Vec::<String>::new());
    }
}

/// Checks that the calls of this channel are balanced over two backends, each through the proxy.
#[track_caller]
fn check_balanced(target: &str, set: impl FnOnce(ChannelBuilder, DnsOptions) -> ChannelBuilder) {
    let sim = Sim::new(1);
    let (_dns, options) = names(&sim, &[1, 2]);
    let asked = start_proxy(&sim);
    let backends = [1, 2].map(|host| sim.backend(address(host)));
    let channel = builder(&sim, target).default_service_config(ROUND_ROBIN);
    let channel = build(set(channel, options));
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
        for _ in 0..20 {
            unary(&channel, b"hello").await.expect_ok();
        }
    });
    let expected = BTreeSet::from([address(1).to_string(), address(2).to_string()]);
    let asked: BTreeSet<String> = asked_for(&asked).into_iter().collect();
    assert_eq!(asked, expected, "{target}");
    for backend in backends {
        assert!(backend.calls() >= 10, "{}", backend.calls());
    }
}

/// Where names are looked up on this side, calls are balanced over all backends, each through the
/// proxy: on request, with a resolver of the application's own, and with a DNS server in the target.
/// This is case 2 of A1.
#[test]
fn backends_are_balanced_through_a_proxy() {
    let proxy = || Proxy::all(URL).expect("a URL");
    check_balanced("dns:///orders.test:50051", |builder, options| {
        let local = proxy().with_local_lookup(true);
        builder.proxy(local).dns(options)
    });
    check_balanced("dns:///orders.test:50051", |builder, _| {
        let endpoints = [1, 2].map(|host| Endpoint::new([address(host)]));
        let own = StaticFactory::from_endpoints("dns", endpoints);
        builder.proxy(proxy()).resolver(own)
    });
    check_balanced(
        "dns://198.51.100.53/orders.test:50051",
        |builder, options| {
            let no_other = options.with_servers(Vec::new());
            builder.proxy(proxy()).dns(no_other)
        },
    );
}

/// An SRV target is looked up on this side, because its records have the ports; `no_proxy` counts
/// for its name, too.
#[test]
fn srv_targets_are_looked_up_here() {
    for (no_proxy, through) in [("", &["198.51.100.1:50051"][..]), (".test", &[])] {
        let sim = Sim::new(1);
        let asked = start_proxy(&sim);
        let _backend = sim.backend(address(1));
        let (dns, options) = names(&sim, &[1]);
        let record = Data::Srv {
            priority: 0,
            weight: 0,
            port: 50051,
            target: "orders.test".to_owned(),
        };
        dns.insert("_grpc._tcp.orders.test", 60, record);
        sim.set_variable("https_proxy", URL);
        sim.set_variable("no_proxy", no_proxy);
        let channel = build(builder(&sim, "srv:///_grpc._tcp.orders.test").dns(options));
        sim.run(unary(&channel, b"hello")).expect_ok();
        assert_eq!(asked_for(&asked), through);
    }
}

/// A connector of the application's own is not put behind the environment's proxy, but behind one
/// that the application sets.
#[test]
fn an_own_connector_ignores_the_environment() {
    for is_set in [false, true] {
        let sim = Sim::new(1);
        let asked = start_proxy(&sim);
        let _backend = sim.backend(address(1));
        sim.set_variable("https_proxy", URL);
        let mut builder = builder(&sim, format!("ipv4:{}", address(1)))
            .connector(DirectConnector::new(sim.runtime()));
        if is_set {
            builder = builder.proxy(Proxy::all(URL).expect("a URL"));
        }
        sim.run(unary(&build(builder), b"hello")).expect_ok();
        assert_eq!(asked_for(&asked).len(), usize::from(is_set));
    }
}

/// A variable that has no valid URL fails the build where its proxy would be used: a direct
/// connection would be a surprise. Its value is not printed.
#[test]
fn a_bad_variable_fails_the_build() {
    let sim = Sim::new(1);
    sim.set_variable("https_proxy", "https://user:secret@proxy.test");
    let error = builder(&sim, "dns:///orders.test")
        .build()
        .expect_err("a bad proxy");
    assert_eq!(error.kind(), BuildErrorKind::Proxy);
    let text = error.to_string();
    let expected = "no proxy is known for the target `dns:///orders.test`: the environment variable \
                    https_proxy is not the URL of a proxy: the scheme `https`";
    assert!(text.starts_with(expected), "{text}");
    assert!(!format!("{text} {error:?}").contains("secret"), "{error:?}");
    build(builder(&sim, "dns:///localhost:50051"));
    build(builder(&sim, "dns:///orders.test").proxy(Proxy::none()));
    let channel = build(builder(&sim, format!("ipv4:{}", address(1))));
    sim.run(unary(&channel, b"hello"))
        .expect(Code::Unavailable, &["the environment variable https_proxy"]);
}

/// A proxy that comes back is used again: its failures are failures of connection attempts, with
/// their back-off.
#[test]
fn a_lost_proxy_is_connected_again() {
    let sim = Sim::new(1);
    let _backend = sim.backend(address(1));
    names(&sim, &[1]);
    let proxy = Proxy::all(URL).expect("a URL");
    let channel = build(builder(&sim, "dns:///orders.test:50051").proxy(proxy));
    sim.run(unary(&channel, b"hello")).expect(
        Code::Unavailable,
        &["the proxy http://198.51.100.8:50051 cannot be reached"],
    );
    let asked = start_proxy(&sim);
    sim.run(async {
        sim.sleep(Duration::from_secs(5)).await;
        unary(&channel, b"hello").await.expect_ok();
    });
    sim.net().kill(address(HOST).ip());
    let again = start_proxy(&sim);
    sim.run(async {
        sim.sleep(Duration::from_secs(5)).await;
        unary(&channel, b"hello").await.expect_ok();
    });
    assert_eq!((asked_for(&asked).len(), asked_for(&again).len()), (1, 1));
}

/// A proxy that does not answer is named when an attempt is given up: as its phase, or by the
/// proxy's own time-out.
#[test]
fn a_silent_proxy_is_named() {
    for (timeout, words) in [
        (
            5,
            [
                "gave up after 5s",
                "connected to the proxy, which has not answered yet",
            ],
        ),
        (
            20,
            [
                "the proxy http://198.51.100.8:50051",
                "did not answer in 15s",
            ],
        ),
    ] {
        let sim = Sim::new(1);
        let mut listener = sim.net().listen(address(HOST)).expect("a free address");
        sim.spawn("proxy", async move {
            let mut accepted = Vec::new();
            while let Ok(connection) = listener.accept().await {
                accepted.push(connection);
            }
        });
        let proxy = Proxy::all(URL).expect("a URL");
        let channel = builder(&sim, "dns:///orders.test:50051")
            .proxy(proxy)
            .connect_timeout(Duration::from_secs(timeout));
        sim.run(unary(&build(channel), b"hello"))
            .expect(Code::Unavailable, &words);
    }
}

/// A connector over another one, whose steps must be passed on.
#[derive(Debug)]
struct Stepping;

impl Connector for Stepping {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        self.connect_with_progress(address, ConnectProgress::ignored())
    }

    fn connect_with_progress(
        &self,
        _: &Address,
        progress: ConnectProgress,
    ) -> BoxFuture<io::Result<Connected>> {
        progress.begin(ConnectStep::TlsHandshake);
        Box::pin(std::future::pending())
    }
}

/// The steps of a connector of the application's own are known, with a proxy or without.
#[test]
fn the_steps_of_an_own_connector_are_passed_on() {
    for proxy in [Proxy::none(), Proxy::all(URL).expect("a URL")] {
        let sim = Sim::new(1);
        let channel = builder(&sim, format!("ipv4:{}", address(1)))
            .connector(Stepping)
            .proxy(proxy);
        sim.run(unary(&build(channel), b"hello"))
            .expect(Code::Unavailable, &["the TLS handshake has not ended"]);
    }
}
