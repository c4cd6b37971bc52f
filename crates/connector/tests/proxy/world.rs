//! A proxy whose answers are scripted.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use trunkline_connector::{
    Connected, Connector, DirectConnector, Proxy, ProxyConnector, ProxyError,
};
use trunkline_endpoint::{Address, Location};
use trunkline_sim::Sim;

pub(crate) fn proxy_addr() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 8], 3128))
}

/// What a scripted proxy does, step by step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads once: up to the end of one write of the client.
    Read,
    Write(Vec<u8>),
    /// Writes this until the client is gone.
    Flood(Vec<u8>),
    /// Waits for ever, and keeps the connection.
    Hang,
    /// Sends back what arrives.
    Echo,
}

/// Starts a proxy with one script for all connections; when the script ends, it closes the
/// connection. Returns what it has read.
pub(crate) fn start(sim: &Sim, script: impl Into<Vec<Step>>) -> Arc<Mutex<Vec<u8>>> {
    let script = script.into();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut listener = sim.net().listen(proxy_addr()).expect("a free address");
    let runtime = sim.runtime();
    let all_seen = Arc::clone(&seen);
    sim.spawn("proxy", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (script, seen) = (script.clone(), Arc::clone(&all_seen));
            runtime.spawn(Box::pin(async move {
                let mut buffer = [0; 4096];
                for step in script {
                    match step {
                        Step::Read => {
                            let length = stream.read(&mut buffer).await.unwrap_or(0);
                            let mut seen = seen.lock().expect("no panic");
                            seen.extend_from_slice(&buffer[..length]);
                        }
                        Step::Write(bytes) => {
                            let _ = stream.write_all(&bytes).await;
                        }
                        Step::Flood(bytes) => while stream.write_all(&bytes).await.is_ok() {},
                        Step::Hang => std::future::pending().await,
                        Step::Echo => {
                            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                                if stream.write_all(&buffer[..length]).await.is_err() {
                                    return;
                                }
                            }
                        }
                    }
                }
            }));
        }
    });
    seen
}

/// Returns a script that reads the request and writes an answer.
pub(crate) fn answer(bytes: &[u8]) -> Vec<Step> {
    vec![Step::Read, Step::Write(bytes.to_vec())]
}

pub(crate) fn connector(sim: &Sim, proxy: Proxy) -> ProxyConnector {
    let direct = DirectConnector::new(sim.runtime());
    ProxyConnector::new(sim.runtime(), Arc::new(direct), proxy)
}

/// Returns the setting with one proxy for everything.
pub(crate) fn all(url: &str) -> Proxy {
    Proxy::all(url).expect("the URL of a proxy")
}

pub(crate) fn named(host: &str, port: u16) -> Address {
    let host = host.into();
    Address::new(Location::Name { host, port })
}

/// Connects to `orders.test:443` through the proxy at this URL.
pub(crate) fn connect(sim: &Sim, url: &str) -> io::Result<Connected> {
    let connector = connector(sim, all(url));
    sim.run(connector.connect(&named("orders.test", 443)))
}

/// Returns the kind and the text of a failed connection, and checks that it is a proxy's.
#[track_caller]
pub(crate) fn failure(result: io::Result<Connected>) -> (io::ErrorKind, String) {
    let error = result.expect_err("no tunnel");
    let inner = error.get_ref().expect("an error inside");
    assert!(inner.downcast_ref::<ProxyError>().is_some(), "{inner:?}");
    (error.kind(), error.to_string())
}

/// Sends bytes through a connection, and checks that `expected` comes back.
pub(crate) fn exchange(sim: &Sim, connected: Connected, sent: &[u8], expected: &[u8]) {
    let mut stream = connected.stream;
    sim.run(async {
        stream.write_all(sent).await.expect("an open stream");
        let mut received = vec![0; expected.len()];
        stream.read_exact(&mut received).await.expect("an answer");
        assert_eq!(received, expected);
    });
}
