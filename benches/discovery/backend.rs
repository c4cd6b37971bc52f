//! A backend, in a process of its own.

use std::io::stdin;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, async_trait};
use trunkline_benches::clock::wall_time;
use trunkline_testkit::proto::helloworld::greeter_server::{Greeter, GreeterServer};
use trunkline_testkit::proto::helloworld::{HelloReply, HelloRequest};

pub(crate) const ROLE: &str = "backend";

/// Without a limit of the age of connections.
pub(crate) const NO_LIMIT: &str = "-";

/// Serves at `address`, and closes each connection gracefully after `age` seconds if that is a number.
///
/// It prints its port, and then the time of the arrival of each call: nanoseconds of the machine's clock. A line of
/// the input makes it stop gracefully.
pub(crate) fn run(address: &str, age: &str) {
    let address: SocketAddr = address.parse().expect("an address");
    let age: Option<u64> = (age != NO_LIMIT).then(|| age.parse().expect("seconds"));
    let mut server = Server::builder();
    if let Some(age) = age {
        server = server.max_connection_age(Duration::from_secs(age));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a tokio runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await;
        let listener = listener.unwrap_or_else(|error| panic!("{address}: {error}"));
        println!("{}", listener.local_addr().expect("its address").port());
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let stop = when_input_comes();
        server
            .serve_with_incoming_shutdown(GreeterServer::new(Clocked), incoming, stop)
            .await
            .expect("a listener that accepts");
    });
}

/// Returns when there is a line of input. Ends the process when the input ends, because the parent has ended.
async fn when_input_comes() {
    let (sender, line) = oneshot::channel();
    std::thread::spawn(move || {
        let mut lines = stdin().lines().map_while(Result::ok);
        if lines.next().is_some() {
            // Fails only if the server has ended.
            let _ = sender.send(());
            lines.for_each(drop);
        }
        std::process::exit(0);
    });
    // The sender sends before it is dropped, or the process ends.
    let _ = line.await;
}

/// Prints when each call arrives.
#[derive(Debug)]
struct Clocked;

#[async_trait]
impl Greeter for Clocked {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        println!("{}", wall_time().as_nanos());
        let message = request.into_inner().name;
        Ok(Response::new(HelloReply { message }))
    }
}
