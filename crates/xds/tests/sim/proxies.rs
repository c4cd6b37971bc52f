//! 6.2: backends behind HTTP proxies that the control plane names.
//!
//! Source: [gRFC A86](https://github.com/grpc/proposal/blob/master/A86-xds-http-connect.md).

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::future::select;
use futures_util::io::{AsyncReadExt, AsyncWriteExt, copy};
#[cfg(feature = "tls")]
use trunkline_channel::BuildErrorKind;
use trunkline_channel::{Channel, SecurityLayer};
use trunkline_connector::{Connected, Connector};
use trunkline_endpoint::Address;
use trunkline_runtime::{BoxFuture, Runtime, Stream, TcpOptions};
use trunkline_sim::control_plane::proto::TypeUrl;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::transport_socket::ConfigType;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::{Metadata, TransportSocket};
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::http_11_proxy::v3::Http11ProxyUpstreamTransport;
use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, call};

fn proxy() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 8], 3128))
}

/// The CONNECT requests that a proxy received, up to their first line, in their order.
type Asked = Arc<Mutex<Vec<String>>>;

/// Starts a proxy, which connects to whatever address it is asked for.
fn start_proxy(mesh: &Mesh) -> Asked {
    let asked = Asked::default();
    let mut listener = mesh.sim.net().listen(proxy()).expect("a free address");
    let (runtime, log) = (Arc::clone(&mesh.runtime), Arc::clone(&asked));
    mesh.sim.spawn("proxy", async move {
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
    let line = head.lines().next().unwrap_or_default().to_owned();
    let to = line.split(' ').nth(1).and_then(|to| to.parse().ok());
    asked.lock().expect("no panic").push(line);
    let server = runtime.connect_tcp(to.expect("an address"), &TcpOptions::default());
    let server = server.await.expect("a server");
    let answer = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
    answer.expect("an open connection");
    let ((from_client, mut to_client), (from_server, mut to_server)) =
        (client.split(), server.split());
    let up = copy(from_client, &mut to_server);
    let down = copy(from_server, &mut to_client);
    select(Box::pin(up), Box::pin(down)).await;
}

fn asked_for(asked: &Asked) -> Vec<String> {
    asked.lock().expect("no panic").clone()
}

/// Returns the transport socket that asks for the proxies of endpoints, around another one.
fn through_proxies(inner: Option<TransportSocket>) -> TransportSocket {
    let config = Http11ProxyUpstreamTransport {
        transport_socket: inner,
    };
    TransportSocket {
        name: "envoy.transport_sockets.http_11_proxy".into(),
        config_type: Some(ConfigType::TypedConfig(config.pack())),
    }
}

/// Sets the endpoints: the first one has a proxy, the others do not.
fn set_endpoints(mesh: &Mesh, addresses: &[SocketAddr]) {
    let mut endpoints: Vec<_> = addresses.iter().copied().map(resources::endpoint).collect();
    let host = proxy().ip().to_string();
    let address = resources::address(&host, proxy().port().into()).pack();
    let key = "envoy.http11_proxy_transport_socket.proxy_address";
    endpoints[0].metadata = Some(Metadata {
        typed_filter_metadata: [(key.to_owned(), address)].into(),
        ..Metadata::default()
    });
    let locality = resources::locality_endpoints(resources::locality("here", "", ""), endpoints);
    let assignment = resources::assignment("endpoints", [locality]);
    mesh.plane.set(assignment);
}

fn set_cluster(mesh: &Mesh, socket: Option<TransportSocket>) {
    let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    cluster.transport_socket = socket;
    mesh.plane.set(cluster);
}

/// The proxy of an endpoint is asked for the endpoint's address, whatever the credentials of the channel
/// are. An endpoint without a proxy is connected to directly.
#[test]
fn xds_6_2_a_proxy_of_the_endpoint() {
    let mesh = Mesh::with_backends(550, [1, 2]);
    let asked = start_proxy(&mesh);
    set_endpoints(&mesh, &[backend(1), backend(2)]);
    set_cluster(&mesh, Some(through_proxies(None)));
    let channel = mesh.channel();
    mesh.sim.run(async {
        for _ in 0..4 {
            call(&channel, "/a.B/C").await.expect("an answer");
        }
    });
    assert_eq!(asked_for(&asked), ["CONNECT 192.0.2.1:50051 HTTP/1.1"]);
    assert_eq!(mesh.sim.net().attempts(backend(2)), 1);
}

/// The metadata alone does nothing: the cluster must ask for proxies. A cluster that begins to ask for
/// them moves its connections, and no call fails.
#[test]
fn xds_6_2_only_where_the_cluster_asks_for_proxies() {
    let mesh = Mesh::with_backends(551, [1]);
    let asked = start_proxy(&mesh);
    set_endpoints(&mesh, &[backend(1)]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
        assert!(asked_for(&asked).is_empty());
        set_cluster(&mesh, Some(through_proxies(None)));
        for _ in 0..100 {
            mesh.sleep(std::time::Duration::from_millis(10)).await;
            call(&channel, "/a.B/C").await.expect("an answer");
        }
        assert_eq!(asked_for(&asked), ["CONNECT 192.0.2.1:50051 HTTP/1.1"]);
    });
}

/// TLS of the cluster runs through the tunnel.
#[cfg(feature = "tls")]
#[test]
fn xds_6_2_tls_through_a_proxy() {
    use crate::credentials::secure_mesh::{SecureMesh, secure, socket, tls, validation};

    let secure_mesh = SecureMesh::new(552);
    let mesh = &secure_mesh.mesh;
    let asked = start_proxy(mesh);
    set_endpoints(mesh, &[secure()]);
    let inner = socket(&tls(validation([])));
    set_cluster(mesh, Some(through_proxies(Some(inner))));
    let channel = secure_mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
    });
    assert_eq!(asked_for(&asked), ["CONNECT 192.0.2.9:443 HTTP/1.1"]);
    assert_eq!(secure_mesh.sent(), [None]);
}

/// A layer of a program that connects to every address itself, and keeps them.
#[derive(Clone, Debug, Default)]
struct OwnLayer(Arc<Mutex<Vec<String>>>);

impl SecurityLayer for OwnLayer {
    fn protect(
        &self,
        plain: Arc<dyn Connector>,
        _: Arc<dyn Connector>,
        _: &Arc<dyn Runtime>,
    ) -> Arc<dyn Connector> {
        Arc::new(OwnConnector {
            plain,
            log: Arc::clone(&self.0),
        })
    }
}

#[derive(Debug)]
struct OwnConnector {
    plain: Arc<dyn Connector>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Connector for OwnConnector {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        self.log.lock().expect("no panic").push(address.to_string());
        self.plain.connect(address)
    }
}

/// The proxies of endpoints leave the security layer of the program in use, whichever of them is set first.
#[test]
fn xds_6_2_proxies_around_a_security_layer() {
    for (is_first, seed) in [(true, 554), (false, 555)] {
        let mesh = Mesh::with_backends(seed, [1]);
        let asked = start_proxy(&mesh);
        set_endpoints(&mesh, &[backend(1)]);
        set_cluster(&mesh, Some(through_proxies(None)));
        let (layer, xds) = (OwnLayer::default(), mesh.xds(mesh.bootstrap()));
        let builder = Channel::builder("xds:///orders")
            .plaintext()
            .runtime(Arc::clone(&mesh.runtime));
        let builder = match is_first {
            true => builder.security_layer(layer.clone()).with(xds),
            false => builder.with(xds).security_layer(layer.clone()),
        };
        let channel = builder.build().expect("a channel");
        mesh.sim.run(async {
            call(&channel, "/a.B/C").await.expect("an answer");
        });
        assert_eq!(asked_for(&asked), ["CONNECT 192.0.2.1:50051 HTTP/1.1"]);
        assert_eq!(*layer.0.lock().expect("no panic"), [backend(1).to_string()]);
    }
}

/// A program's own security layer and clusters that choose the security are a contradiction.
#[cfg(feature = "tls")]
#[test]
fn xds_6_1_credentials_beside_a_security_layer() {
    let mesh = Mesh::new(556);
    let xds = mesh.xds(mesh.bootstrap()).with_xds_credentials();
    let builder = mesh.builder_with("xds:///orders", xds);
    let error = builder
        .security_layer(OwnLayer::default())
        .build()
        .expect_err("two layers");
    assert_eq!(error.kind(), BuildErrorKind::Conflict);
    let text = error.to_string();
    assert!(text.contains("ConnectionLayer` and `"), "{text}");
    assert!(text.contains("OwnLayer` both choose"), "{text}");
}

/// 4.8: the failure of a proxy names it.
#[test]
fn xds_6_2_a_proxy_that_is_down() {
    let mesh = Mesh::with_backends(553, [1]);
    set_endpoints(&mesh, &[backend(1)]);
    set_cluster(&mesh, Some(through_proxies(None)));
    let channel = mesh.channel();
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no proxy");
        let text = status.message();
        assert!(text.contains("http://198.51.100.8:3128"), "{text}");
    });
}
