//! Failures: the status has the right code, and a message with the cause and its address or server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use tonic::Code;
use trunkline::{Channel, Proxy, Tokio};
use trunkline_testkit::closed::ClosedTcp;
use trunkline_testkit::dns::{DnsServer, Rcode, Reply};
use trunkline_testkit::proto::helloworld::HelloRequest;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

use crate::world::{builder, channel, dns, failure};

const SHORT: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(15);

fn check(status: &tonic::Status, code: Code, words: &[&str]) {
    assert_eq!(status.code(), code, "{status}");
    for word in words {
        assert!(
            status.message().contains(word),
            "{word:?} is missing in: {}",
            status.message()
        );
    }
}

/// Starts a peer that sends `bytes` on each connection, and keeps it open until the client closes it.
fn peer_that_sends(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.write_all(bytes);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    address
}

on_each_runtime! {
    /// A port where nothing listens: UNAVAILABLE, with the address and "refused".
    async fn a_port_that_refuses(runtime) {
        let port = ClosedTcp::new().expect("a port");
        let address = port.address();
        let status = failure(&channel(format!("ipv4:{address}"), &runtime), LONG).await;
        check(&status, Code::Unavailable, &[&address.to_string(), "refused"]);
    }

    /// A name that does not exist: UNAVAILABLE, with the name, the server asked and NXDOMAIN.
    async fn a_name_that_does_not_exist(runtime) {
        let server = DnsServer::start().expect("a DNS server");
        server.set_default(Reply::nxdomain());
        let channel =
            builder("dns:///no-such.test:1", &runtime).dns(dns(&server)).build().expect("a channel");
        let status = failure(&channel, LONG).await;
        let server = server.address().to_string();
        check(&status, Code::Unavailable, &["no-such.test", &server, "NXDOMAIN"]);
    }

    /// A DNS server that fails: UNAVAILABLE, with the name, the server asked and SERVFAIL.
    async fn a_dns_server_that_fails(runtime) {
        let server = DnsServer::start().expect("a DNS server");
        server.set_default(Reply::rcode(Rcode::SERVFAIL));
        let channel =
            builder("dns:///greeter.test:1", &runtime).dns(dns(&server)).build().expect("a channel");
        let status = failure(&channel, LONG).await;
        let server = server.address().to_string();
        check(&status, Code::Unavailable, &["greeter.test", &server, "SERVFAIL"]);
    }

    /// A DNS server that does not answer: DEADLINE_EXCEEDED, with the target that is being resolved.
    async fn a_dns_server_that_is_silent(runtime) {
        let server = DnsServer::start().expect("a DNS server");
        server.set_default(Reply::silence());
        let channel =
            builder("dns:///greeter.test:1", &runtime).dns(dns(&server)).build().expect("a channel");
        let status = failure(&channel, SHORT).await;
        check(&status, Code::DeadlineExceeded, &["waiting for dns:///greeter.test:1 to be resolved"]);
    }

    /// A peer that accepts and sends nothing: DEADLINE_EXCEEDED, with the address and the missing
    /// SETTINGS.
    async fn a_peer_that_is_silent(runtime) {
        let address = peer_that_sends(b"");
        let channel = channel(format!("ipv4:{address}"), &runtime);
        let mut status = failure(&channel, SHORT).await;
        // A busy machine may need longer to connect.
        if !status.message().contains("SETTINGS") {
            status = failure(&channel, LONG).await;
        }
        check(&status, Code::DeadlineExceeded, &[&address.to_string(), "no HTTP/2 SETTINGS"]);
    }

    /// A peer that speaks HTTP/1: UNAVAILABLE, with the first line that it sent.
    async fn a_peer_that_speaks_http1(runtime) {
        let address = peer_that_sends(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        let status = failure(&channel(format!("ipv4:{address}"), &runtime), LONG).await;
        check(&status, Code::Unavailable, &[&address.to_string(), "HTTP/1.1 400 Bad Request"]);
    }

    /// A peer that speaks another protocol: UNAVAILABLE, with what it sent, escaped.
    async fn a_peer_that_speaks_something_else(runtime) {
        let address = peer_that_sends(b"220 mail.test ESMTP\r\n");
        let status = failure(&channel(format!("ipv4:{address}"), &runtime), LONG).await;
        check(&status, Code::Unavailable, &[&address.to_string(), r"220 mail.test ESMTP\r\n"]);
    }

    /// A peer that speaks TLS: UNAVAILABLE, with the address and "TLS".
    async fn a_peer_that_speaks_tls(runtime) {
        let address = peer_that_sends(b"\x15\x03\x01\x00\x02\x02\x16");
        let status = failure(&channel(format!("ipv4:{address}"), &runtime), LONG).await;
        check(&status, Code::Unavailable, &[&address.to_string(), "TLS"]);
    }

    /// A path where no socket is: UNAVAILABLE, with the path.
    async fn a_unix_socket_that_is_not_there(runtime) {
        let channel = channel("unix:///nonexistent/trunkline.sock", &runtime);
        let status = failure(&channel, LONG).await;
        check(&status, Code::Unavailable, &["unix:/nonexistent/trunkline.sock"]);
    }
}

/// The runtime `Tokio` used outside of tokio: the call fails with INTERNAL instead of a panic.
#[test]
fn tokio_outside_of_tokio() {
    let runtime: std::sync::Arc<dyn trunkline::Runtime> = std::sync::Arc::new(Tokio::new());
    let channel = channel("ipv4:127.0.0.1:1", &runtime);
    let status = async_std::task::block_on(async {
        use tower_service::Service;
        let request = http::Request::post("/s/m")
            .body(trunkline::Body::empty())
            .expect("a request");
        let response = channel
            .clone()
            .call(request)
            .await
            .expect("a call never returns Err");
        trunkline::Status::from_trailers(response.headers()).expect("a status")
    });
    assert_eq!(status.code(), trunkline::Code::Internal);
    assert!(status.message().contains("tokio"), "{status}");
}

/// A tokio runtime whose drivers are off: the call fails with INTERNAL and names the method of tokio's
/// builder, also where the channel was given no runtime or a handle.
#[test]
fn tokio_without_drivers() {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a tokio runtime");
    let target = || {
        Channel::builder("ipv4:127.0.0.1:1")
            .plaintext()
            .proxy(Proxy::none())
    };
    for builder in [
        target(),
        target().runtime(Tokio::new()),
        target().runtime(Tokio::with_handle(tokio.handle().clone())),
    ] {
        let channel = builder.build().expect("a channel");
        let status = tokio.block_on(async {
            let mut stub = GreeterClient::new(channel);
            stub.say_hello(HelloRequest::default()).await
        });
        let status = status.expect_err("no timers");
        check(
            &status,
            Code::Internal,
            &["cannot be used here", "`enable_all`"],
        );
    }
}
