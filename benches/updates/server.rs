//! A server at all addresses of the loopback network, which counts its connections.

use std::collections::HashMap;
use std::io::BufRead;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Response};
use tokio::net::{TcpListener, TcpStream};

/// The role of its process.
pub(crate) const ROLE: &str = "server";

/// An empty message.
const EMPTY: Bytes = Bytes::from_static(&[0; 5]);

/// Prints the port. Then it answers each line of the input, which has IP addresses, with the number of open
/// connections at these; at all addresses, if the line is empty.
pub(crate) fn run() {
    let open = OpenConnections::default();
    let counted = open.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("0.0.0.0:0"));
    let listener = listener.expect("a port");
    println!("{}", listener.local_addr().expect("its address").port());
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let address = stream.local_addr().expect("its address").ip();
            let connection = Open::new(&counted, address);
            tokio::spawn(async move {
                serve(stream).await;
                drop(connection);
            });
        }
    });
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let open = open.lock();
        let count: usize = if line.is_empty() {
            open.values().sum()
        } else {
            let addresses = line
                .split(' ')
                .map(|address| address.parse().expect("an address"));
            addresses
                .filter_map(|address: IpAddr| open.get(&address))
                .sum()
        };
        println!("{count}");
    }
}

/// The number of open connections at each address.
#[derive(Clone, Default)]
struct OpenConnections(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl OpenConnections {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().expect("a thread that did not panic")
    }
}

/// An open connection, which is counted until it is dropped.
struct Open {
    all: OpenConnections,
    address: IpAddr,
}

impl Open {
    fn new(all: &OpenConnections, address: IpAddr) -> Self {
        *all.lock().entry(address).or_default() += 1;
        Self {
            all: all.clone(),
            address,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        *self.all.lock().entry(self.address).or_default() -= 1;
    }
}

/// Answers all calls of a connection with an empty message, until it ends in any way.
async fn serve(stream: TcpStream) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((_, response))) = connection.accept().await {
        // Fails only if the client has gone.
        let _ = answer(response);
    }
}

fn answer(mut response: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let head = Response::builder().header("content-type", "application/grpc");
    let mut body = response.send_response(head.body(()).expect("a head"), false)?;
    body.send_data(EMPTY, false)?;
    let ok = ("grpc-status", HeaderValue::from_static("0"));
    let trailers = [ok].map(|(name, value)| (http::HeaderName::from_static(name), value));
    body.send_trailers(HeaderMap::from_iter(trailers))
}
