//! tonic's stubs over TLS, on each runtime.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trunkline::{Channel, PeerAddr, Proxy, Runtime, Tls};
use trunkline_testkit::certificates::{
    Authority, ServerOptions, server_config, server_config_with,
};
use trunkline_testkit::load::Load;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;
use trunkline_testkit::tls_server::TlsServer;

use crate::steady::until;
use crate::world::{PATIENCE, failure, greet, hello, peer};

/// Calls per second.
const RATE: u32 = 200;

fn channel(server: &TlsServer, tls: Tls, runtime: &Arc<dyn Runtime>) -> Channel {
    let target = format!("dns:///localhost:{}", server.address().port());
    let builder = Channel::builder(target).tls(tls).proxy(Proxy::none());
    builder
        .runtime(Arc::clone(runtime))
        .build()
        .expect("valid options")
}

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str, runtime: &dyn Runtime) -> Self {
        let name = format!(
            "trunkline-{test}-{}-{:x}",
            std::process::id(),
            runtime.seed()
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, contents: &str) {
        fs::write(self.path(name), contents).expect("a file");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(Path::new(&self.0));
    }
}

on_each_runtime! {
    /// A stub needs nothing else than for a plaintext channel, and a failed handshake gives the reason.
    async fn stubs_work_over_tls(runtime) {
        let authority = Authority::new("Test Root");
        let server = TlsServer::start(server_config(&authority.issue(&["localhost"])));
        let server = server.expect("a server");
        let trusting = Tls::new().with_ca_pem(authority.pem());
        let channel = channel(&server, trusting, &runtime);
        for _ in 0..20 {
            let response = greet(&channel).await.expect("an answer");
            assert_eq!(peer(&response), PeerAddr::Ip(server.address()));
        }
        // Many records and several windows, both ways; tonic's limit is 4 MiB.
        let name = "x".repeat(3 << 20);
        let answer = GreeterClient::new(channel.clone()).say_hello(hello(&name)).await;
        let answer = answer.expect("an answer").into_inner().message;
        assert!(answer == format!("Hello {name}"), "{} bytes", answer.len());
        assert_eq!(server.accepts(), 1);
        let distrusting = Tls::new().with_ca_pem(Authority::new("Other Root").pem());
        let status = failure(&self::channel(&server, distrusting, &runtime), PATIENCE).await;
        let text = "the server's certificate \"CN=localhost\" was issued by \"CN=Test Root\", \
                    which is not among the given root";
        assert!(status.message().contains(text), "{status:?}");
    }

    /// Mutual TLS: without a client certificate calls fail and say so, with one they are answered.
    async fn a_client_shows_its_certificate(runtime) {
        let authority = Authority::new("Test Root");
        let options = ServerOptions {
            client_authority: Some(authority.der()),
            ..ServerOptions::default()
        };
        let config = server_config_with(&authority.issue(&["localhost"]), &options);
        let server = TlsServer::start(config).expect("a server");
        let tls = Tls::new().with_ca_pem(authority.pem());
        let status = failure(&channel(&server, tls.clone(), &runtime), PATIENCE).await;
        let text = "the server requires a client certificate, and this client has none";
        assert!(status.message().contains(text), "{status:?}");
        let client = authority.issue(&["client.test"]);
        let tls = tls.with_identity_pem(client.chain_pem(), client.key_pem());
        greet(&channel(&server, tls, &runtime)).await.expect("an answer");
    }

    /// All certificates change from connection to connection under 200 calls a second, and the server ends
    /// each connection with GOAWAY: no call fails.
    async fn certificates_rotate_under_calls(runtime) {
        const TURNS: usize = 6;
        let folder = Folder::new("rotation", &*runtime);
        let clients = Authority::new("Client Root");
        let config = |authority: &Authority| {
            let options = ServerOptions {
                client_authority: Some(clients.der()),
                ..ServerOptions::default()
            };
            server_config_with(&authority.issue(&["localhost"]), &options)
        };
        let write_identity = || {
            let client = clients.issue(&["client.test"]);
            folder.write("client.pem", &client.chain_pem());
            folder.write("client.key", &client.key_pem());
        };
        let mut old = Authority::new("Root");
        folder.write("ca.pem", &old.pem());
        write_identity();
        let server = TlsServer::start(config(&old)).expect("a server");
        let tls = Tls::new()
            .with_ca_file(folder.path("ca.pem"))
            .with_identity_files(folder.path("client.pem"), folder.path("client.key"));
        let channel = channel(&server, tls, &runtime);
        let called = channel.clone();
        let call = move |_| {
            let channel = called.clone();
            let answer = async move {
                let answer = greet(&channel).await.map_err(|status| status.to_string())?;
                match peer(&answer) {
                    PeerAddr::Ip(peer) => Ok(peer),
                    other => Err(format!("answered by {other}")),
                }
            };
            Box::pin(answer) as trunkline::BoxFuture<_>
        };
        let load = Load::start(&runtime, RATE, Box::new(call));
        for turn in 1..=TURNS {
            load.go_on();
            let answered = load.outcome().answered;
            until(&runtime, &load, |outcome| outcome.answered > answered + 50).await;
            let new = Authority::new("Root");
            // As operators do it: the client trusts both roots before the server uses the new one.
            folder.write("ca.pem", &(old.pem() + &new.pem()));
            write_identity();
            server.drain();
            until(&runtime, &load, |_| server.handshakes() > turn).await;
            server.set_config(config(&new));
            old = new;
            // A second GOAWAY may end a call that one has refused already. No call gets two.
            load.pause();
            until(&runtime, &load, |outcome| outcome.in_flight() == 0).await;
        }
        let outcome = load.outcome();
        assert_eq!(outcome.failed(), 0, "{outcome:?}");
        assert_eq!(server.handshakes(), TURNS + 1);
    }
}
