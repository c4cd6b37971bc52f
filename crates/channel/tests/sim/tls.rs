//! Channels over TLS: what a call sends, whom it may be sent to, and how failures read.

use std::fs;
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_compat::Compat;
use bytes::Bytes;
use futures_rustls::TlsAcceptor;
use futures_rustls::rustls::ServerConfig;
use futures_rustls::server::TlsStream;
use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use http::Request;
use http_body_util::Full;
use trunkline_channel::{BuildErrorKind, Channel, ChannelEvent, Observer};
use trunkline_connector::tls::Tls;
use trunkline_connector::{Proxy, SecurityLevel};
use trunkline_endpoint::{Address, Endpoint};
use trunkline_resolver::StaticFactory;
use trunkline_runtime::{PeerAddr, Runtime, Stream, UnixAddr};
use trunkline_sim::Sim;
use trunkline_status::Code;
use trunkline_testkit::certificates::{
    Authority, ServerOptions, server_config, server_config_with,
};

use crate::policy::{AddressedTo, TEST_POLICY};
use crate::proxies::{URL, asked_for, start_proxy};
use crate::world::{ServerCall, address, builder, call, echo, request, unary, unary_within};

const NAME: &str = "orders.test";

/// A gRPC server over TLS, and what it has received.
struct TlsServer {
    config: Arc<Mutex<Arc<ServerConfig>>>,
    heads: Arc<Mutex<Vec<http::request::Parts>>>,
    accepts: Arc<Mutex<usize>>,
}

impl TlsServer {
    /// Starts a server that answers each call with its data. It ends its connections, in good order,
    /// when they have this age.
    fn start(sim: &Sim, config: Arc<ServerConfig>, max_age: Option<Duration>) -> Self {
        Self::start_at(sim, address(1).into(), config, max_age)
    }

    fn start_at(
        sim: &Sim,
        at: PeerAddr,
        config: Arc<ServerConfig>,
        max_age: Option<Duration>,
    ) -> Self {
        let server = Self {
            config: Arc::new(Mutex::new(config)),
            heads: Arc::default(),
            accepts: Arc::default(),
        };
        let mut listener = sim.net().listen(at).expect("a free address");
        let runtime = sim.runtime();
        let (config, heads) = (Arc::clone(&server.config), Arc::clone(&server.heads));
        let accepts = Arc::clone(&server.accepts);
        sim.spawn("server", async move {
            while let Ok((stream, _)) = listener.accept().await {
                *accepts.lock().expect("no panic") += 1;
                let config = Arc::clone(&config.lock().expect("no panic"));
                let accepting = TlsAcceptor::from(config).accept(stream);
                let (heads, tasks) = (Arc::clone(&heads), Arc::clone(&runtime));
                runtime.spawn(Box::pin(async move {
                    if let Ok(stream) = accepting.await {
                        serve_http2(Compat::new(stream), tasks, heads, max_age).await;
                    }
                }));
            }
        });
        server
    }

    fn authorities(&self) -> Vec<String> {
        let heads = self.heads.lock().expect("no panic");
        let authorities = heads.iter().map(|head| head.uri.authority().expect("one"));
        authorities.map(ToString::to_string).collect()
    }
}

async fn serve_http2(
    stream: Compat<TlsStream<Box<dyn Stream>>>,
    runtime: Arc<dyn Runtime>,
    heads: Arc<Mutex<Vec<http::request::Parts>>>,
    max_age: Option<Duration>,
) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    let age = max_age.unwrap_or(Duration::from_secs(1_000_000));
    let mut timer = runtime.sleep_until(runtime.now() + age);
    let mut is_closing = false;
    loop {
        let next = poll_fn(|cx| {
            if !is_closing && std::pin::Pin::new(&mut timer).poll(cx).is_ready() {
                is_closing = true;
                connection.graceful_shutdown();
            }
            connection.poll_accept(cx)
        });
        let Some(Ok((request, respond))) = next.await else {
            return;
        };
        let (head, body) = request.into_parts();
        heads.lock().expect("no panic").push(head.clone());
        runtime.spawn(Box::pin(echo(ServerCall {
            body,
            head,
            respond,
        })));
    }
}

fn trusting(authority: &Authority) -> Tls {
    Tls::new().with_ca_pem(authority.pem())
}

/// Returns a channel to `orders.test:50051`, which has the address of host 1.
fn channel(sim: &Sim, tls: Tls) -> Channel {
    let endpoints = [Endpoint::new([address(1)])];
    let resolver = StaticFactory::from_endpoints("inventory", endpoints);
    Channel::builder("inventory:orders.test:50051")
        .resolver(resolver)
        .tls(tls)
        .runtime(sim.runtime())
        .build()
        .expect("valid options")
}

/// Returns a request whose URI has an authority, as tonic's `with_origin` makes it.
fn request_to(authority: &str) -> Request<Full<Bytes>> {
    let mut request = request(Full::new(Bytes::from_static(b"hello")));
    let uri = format!("https://{authority}/test.Echo/Say");
    *request.uri_mut() = uri.parse().expect("a URI");
    request
}

/// The scheme is `https`, and the certificate is for the name in the target, not for the address.
///
/// Source: [gRPC over HTTP/2, Requests](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
#[test]
fn calls_are_made_over_tls() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let server = TlsServer::start(&sim, server_config(&authority.issue(&[NAME])), None);
    let channel = channel(&sim, trusting(&authority));
    let result = sim.run(unary(&channel, b"hello")).expect_ok();
    assert_eq!(result.data, b"hello"[..]);
    let heads = server.heads.lock().expect("no panic");
    assert_eq!(
        heads[0].uri.to_string(),
        "https://orders.test:50051/test.Echo/Say"
    );
}

/// The observer gets what the handshake agreed on.
#[test]
fn the_observer_sees_the_security_of_a_connection() {
    #[derive(Clone, Debug, Default)]
    struct Seen(Arc<Mutex<Vec<(SecurityLevel, String)>>>);
    impl Observer for Seen {
        fn observe(&self, event: &ChannelEvent, _: std::time::Instant) {
            if let ChannelEvent::Connected { info, .. } = event {
                let version = info.tls.as_ref().map(|tls| tls.version.clone());
                let seen = (info.security, version.unwrap_or_default());
                self.0.lock().expect("no panic").push(seen);
            }
        }
    }
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let _server = TlsServer::start(&sim, server_config(&authority.issue(&[NAME])), None);
    let seen = Seen::default();
    let channel = Channel::builder(format!("ipv4:{}", address(1)))
        .tls(trusting(&authority).with_server_name(NAME))
        .observer(seen.clone())
        .runtime(sim.runtime())
        .build()
        .expect("valid options");
    sim.run(unary(&channel, b"hello")).expect_ok();
    let expected = (SecurityLevel::PrivacyAndIntegrity, "TLSv1.3".to_owned());
    assert_eq!(*seen.0.lock().expect("no panic"), [expected]);
}

/// The name that is set is checked, and sent; the channel's own authority is sent in its place.
#[test]
fn the_name_of_the_override_is_sent() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let server = TlsServer::start(&sim, server_config(&authority.issue(&[NAME])), None);
    let target = format!("ipv4:{}", address(1));
    let named = trusting(&authority).with_server_name(NAME);
    for own in [None, Some("elsewhere.test:1")] {
        let mut builder = Channel::builder(&*target)
            .tls(named.clone())
            .runtime(sim.runtime());
        if let Some(own) = own {
            builder = builder.authority(own);
        }
        let channel = builder.build().expect("valid options");
        sim.run(unary(&channel, b"hello")).expect_ok();
    }
    assert_eq!(server.authorities(), [NAME, "elsewhere.test:1"]);
}

/// In a target that is an address, the address is what a server must prove.
#[test]
fn a_target_without_a_name_is_checked_by_its_address() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let server = TlsServer::start(&sim, server_config(&authority.issue(&["localhost"])), None);
    let channel = || {
        let builder = Channel::builder(format!("ipv4:{}", address(1)));
        let builder = builder.tls(trusting(&authority)).runtime(sim.runtime());
        builder.build().expect("valid options")
    };
    let text = "the server's certificate \"CN=localhost\" is not for \"198.51.100.1\"";
    sim.run(unary(&channel(), b"hello"))
        .expect(Code::Unavailable, &[text]);
    let certificate = authority.issue(&["198.51.100.1"]);
    *server.config.lock().expect("no panic") = server_config(&certificate);
    sim.run(unary(&channel(), b"hello")).expect_ok();
}

/// The server at a Unix socket is `localhost`, as for grpc-go.
#[test]
fn a_unix_socket_is_checked_as_localhost() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let socket = PeerAddr::Unix(UnixAddr::from_path("/run/orders"));
    let config = server_config(&authority.issue(&["localhost"]));
    let server = TlsServer::start_at(&sim, socket, config, None);
    let channel = Channel::builder("unix:///run/orders")
        .tls(trusting(&authority))
        .runtime(sim.runtime())
        .build()
        .expect("valid options");
    sim.run(unary(&channel, b"hello")).expect_ok();
    assert_eq!(server.authorities(), ["localhost"]);
}

/// A call whose own authority the certificate does not cover is not sent; the others are.
///
/// Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).
#[test]
fn a_call_names_only_hosts_of_the_certificate() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let certificate = authority.issue(&[NAME, "*.svc.test"]);
    let server = TlsServer::start(&sim, server_config(&certificate), None);
    let channel = channel(&sim, trusting(&authority));
    for covered in ["billing.svc.test", "orders.test:1"] {
        sim.run(call(&channel, request_to(covered))).expect_ok();
    }
    let refused = sim.run(call(&channel, request_to("bank.test:443")));
    assert_eq!(refused.status.code(), Code::Unavailable);
    assert_eq!(
        refused.status.message(),
        "the authority `bank.test:443` cannot be used on the connection to 198.51.100.1:50051: the \
         server's certificate does not cover it, its names are \"orders.test\", \"*.svc.test\""
    );
    sim.run(unary(&channel, b"hello")).expect_ok();
    let sent = ["billing.svc.test", "orders.test:1", "orders.test:50051"];
    assert_eq!(server.authorities(), sent);
}

/// The same holds for the host that a picker addresses a call to.
#[test]
fn a_picker_names_only_hosts_of_the_certificate() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let certificate = authority.issue(&[NAME, "billing.test"]);
    let server = TlsServer::start(&sim, server_config(&certificate), None);
    let channel = |host: &'static str| {
        let builder = Channel::builder(format!("ipv4:{}", address(1)));
        let builder = builder.tls(trusting(&authority).with_server_name(NAME));
        let builder = builder.policy(AddressedTo::policy(host));
        let builder = builder.default_service_config(TEST_POLICY);
        builder
            .runtime(sim.runtime())
            .build()
            .expect("valid options")
    };
    sim.run(unary(&channel("billing.test"), b"hello"))
        .expect_ok();
    sim.run(unary(&channel("bank.test"), b"hello")).expect(
        Code::Unavailable,
        &["the authority `bank.test`", "\"billing.test\""],
    );
    assert_eq!(server.authorities(), ["billing.test"]);
}

/// The same holds for the name that a resolver gives an address, unless the application trusts the
/// resolver: then the certificate must be for that name.
#[test]
fn an_address_names_only_hosts_of_the_certificate() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let certificate = authority.issue(&["bank.test"]);
    let server = TlsServer::start(&sim, server_config(&authority.issue(&[NAME])), None);
    let address = Address::from(address(1)).with_server_name("bank.test");
    let resolver = StaticFactory::from_endpoints("inventory", [Endpoint::new([address])]);
    let channel = |tls: Tls| {
        let builder = Channel::builder("inventory:orders.test").resolver(resolver.clone());
        let builder = builder.tls(tls).runtime(sim.runtime());
        builder.build().expect("valid options")
    };
    let distrusting = channel(trusting(&authority));
    sim.run(unary(&distrusting, b"hello")).expect(
        Code::Unavailable,
        &["the authority `bank.test`", "\"orders.test\""],
    );
    assert_eq!(server.authorities(), [""; 0]);
    let tls = trusting(&authority).with_trusted_address_names();
    let text = "the server's certificate \"CN=orders.test\" is not for \"bank.test\"";
    sim.run(unary(&channel(tls.clone()), b"hello"))
        .expect(Code::Unavailable, &[text]);
    *server.config.lock().expect("no panic") = server_config(&certificate);
    sim.run(unary(&channel(tls), b"hello")).expect_ok();
    assert_eq!(server.authorities(), ["bank.test"]);
}

/// A failed handshake reads as the connector has it, beside the address.
#[test]
fn a_failed_handshake_is_the_status_of_calls() {
    let sim = Sim::new(1);
    let config = server_config(&Authority::new("Other Root").issue(&[NAME]));
    let _server = TlsServer::start(&sim, config, None);
    let channel = channel(&sim, trusting(&Authority::new("Test Root")));
    sim.run(unary(&channel, b"hello")).expect(
        Code::Unavailable,
        &[
            "198.51.100.1:50051: the server's certificate \"CN=orders.test\" was issued by \
             \"CN=Other Root\", which is not among the given root",
        ],
    );
}

/// With TLS 1.3 a server refuses a client after the client's handshake is done: the reason is kept.
#[test]
fn a_missing_client_certificate_is_the_status_of_calls() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let options = ServerOptions {
        client_authority: Some(authority.der()),
        ..ServerOptions::default()
    };
    let config = server_config_with(&authority.issue(&[NAME]), &options);
    let _server = TlsServer::start(&sim, config, None);
    let without = channel(&sim, trusting(&authority));
    let text = "the server requires a client certificate, and this client has none (TLS alert \
                certificate_required)";
    sim.run(unary(&without, b"hello"))
        .expect(Code::Unavailable, &[text]);
    let client = authority.issue(&["client.test"]);
    let tls = trusting(&authority).with_identity_pem(client.chain_pem(), client.key_pem());
    sim.run(unary(&channel(&sim, tls), b"hello")).expect_ok();
}

/// Both mistakes of an operator: TLS on one side only.
#[test]
fn tls_on_one_side_is_named() {
    let authority = Authority::new("Test Root");
    let sim = Sim::new(1);
    let _server = TlsServer::start(&sim, server_config(&authority.issue(&[NAME])), None);
    let plain = builder(&sim, format!("ipv4:{}", address(1)))
        .build()
        .expect("valid");
    let text = "the peer speaks TLS, and this channel is plaintext";
    sim.run(unary(&plain, b"hello"))
        .expect(Code::Unavailable, &[text]);

    let sim = Sim::new(1);
    let _backend = sim.backend(address(1));
    let text = "the server speaks HTTP/2 without TLS: use a plaintext channel";
    let channel = channel(&sim, trusting(&authority));
    sim.run(unary(&channel, b"hello"))
        .expect(Code::Unavailable, &[text]);
}

/// The handshake counts for the connect timeout, and the texts name it.
#[test]
fn a_silent_peer_is_given_up() {
    let sim = Sim::new(1);
    let mut listener = sim.net().listen(address(1)).expect("a free address");
    sim.spawn("server", async move {
        let mut streams = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            streams.push(stream);
        }
    });
    let channel = channel(&sim, trusting(&Authority::new("Test Root")));
    let text = "198.51.100.1:50051: connected, but the TLS handshake has not ended";
    sim.run(unary_within(&channel, "2S"))
        .expect(Code::DeadlineExceeded, &[text]);
    let text = "gave up after 20s: connected, but the TLS handshake has not ended";
    sim.run(unary(&channel, b"hello"))
        .expect(Code::Unavailable, &[text]);
}

/// A peer that sends TLS records without end and without data keeps no thread busy.
#[test]
fn a_flood_of_records_is_a_failed_attempt() {
    let sim = Sim::new(1);
    let mut listener = sim.net().listen(address(1)).expect("a free address");
    let runtime = sim.runtime();
    sim.spawn("server", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            runtime.spawn(Box::pin(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                // change_cipher_spec, over and over.
                let flood = b"\x14\x03\x03\0\x01\x01".repeat(4096);
                while stream.write_all(&flood).await.is_ok() {}
            }));
        }
    });
    let channel = channel(&sim, trusting(&Authority::new("Test Root")));
    let text = "the server broke the TLS protocol";
    sim.run(unary(&channel, b"hello"))
        .expect(Code::Unavailable, &[text]);
}

/// Options that cannot work are errors of `build`.
#[test]
fn options_that_cannot_work_are_errors() {
    let sim = Sim::new(1);
    let tls = |tls| {
        Channel::builder("ipv4:192.0.2.1:443")
            .tls(tls)
            .runtime(sim.runtime())
    };
    let error = tls(Tls::new().with_ca_file("/nowhere/ca.pem"))
        .build()
        .expect_err("no file");
    assert_eq!(error.kind(), BuildErrorKind::Tls);
    assert_eq!(
        error.to_string(),
        "TLS cannot be used: /nowhere/ca.pem cannot be read: No such file or directory (os error 2)"
    );
    let error = tls(Tls::new())
        .plaintext()
        .build()
        .expect_err("two choices");
    assert_eq!(error.kind(), BuildErrorKind::Conflict);
    assert_eq!(
        error.to_string(),
        "`.plaintext()` and `.tls(..)` were both called: drop one of them"
    );
}

/// All certificates change, again and again, under 200 calls a second, while the server ends its
/// connections after a second: no call fails, and new connections use the new certificates.
///
/// Source: the `file_watcher` of [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md).
#[test]
fn certificates_rotate_under_calls() {
    const SECONDS: u64 = 20;
    let folder = std::env::temp_dir().join(format!("trunkline-rotation-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let path = |name: &str| -> PathBuf { folder.join(name) };
    let config = |authority: &Authority| {
        let options = ServerOptions {
            client_authority: Some(authority.der()),
            ..ServerOptions::default()
        };
        server_config_with(&authority.issue(&[NAME]), &options)
    };
    let write_identity = |authority: &Authority, turn: u64| {
        let client = authority.issue(&[&*format!("client-{turn}.test")]);
        fs::write(path("client.pem"), client.chain_pem()).expect("a file");
        // In between, the key does not fit: the pair before stays in use.
        fs::write(path("client.key"), client.key_pem()).expect("a file");
    };
    let mut old = Authority::new("Root 0");
    fs::write(path("ca.pem"), old.pem()).expect("a file");
    write_identity(&old, 0);
    let sim = Sim::new(1);
    let server = TlsServer::start(&sim, config(&old), Some(Duration::from_secs(1)));
    let tls = Tls::new()
        .with_ca_file(path("ca.pem"))
        .with_identity_files(path("client.pem"), path("client.key"));
    let channel = channel(&sim, tls);
    for turn in 1..=SECONDS {
        for _ in 0..200 {
            sim.run(async {
                unary(&channel, b"hello").await.expect_ok();
                sim.sleep(Duration::from_millis(5)).await;
            });
        }
        // A turn of all certificates, as operators do it: trust the new root, then use it.
        let new = Authority::new(&format!("Root {turn}"));
        fs::write(path("ca.pem"), old.pem() + &new.pem()).expect("a file");
        write_identity(&new, turn);
        *server.config.lock().expect("no panic") = config(&new);
        old = new;
    }
    let accepts = *server.accepts.lock().expect("no panic");
    assert!(accepts as u64 >= SECONDS, "{accepts} connections");
    fs::remove_dir_all(&folder).expect("removed");
}

/// TLS is between this side and the backend: a proxy passes it on, and cannot read it. The
/// certificate is for the name in the target, which the proxy looks up.
#[test]
fn a_proxy_passes_tls_on() {
    let authority = Authority::new("Test Root");
    for (name, is_trusted) in [(NAME, true), ("proxy.test", false)] {
        let sim = Sim::new(1);
        let server = TlsServer::start(&sim, server_config(&authority.issue(&[name])), None);
        sim.net().set_host(NAME, [address(1).ip()]);
        let asked = start_proxy(&sim);
        let channel = Channel::builder("dns:///orders.test:50051")
            .proxy(Proxy::all(URL).expect("a URL"))
            .tls(trusting(&authority))
            .runtime(sim.runtime())
            .build()
            .expect("valid options");
        let result = sim.run(unary(&channel, b"hello"));
        assert_eq!(asked_for(&asked), ["orders.test:50051"]);
        if is_trusted {
            result.expect_ok();
            assert_eq!(server.authorities(), ["orders.test:50051"]);
        } else {
            result.expect(Code::Unavailable, &["proxy.test", NAME]);
        }
    }
}
