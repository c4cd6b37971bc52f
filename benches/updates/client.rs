//! The clients on sockets, each in a process of its own.

use std::collections::BTreeSet;
use std::future::Future;
use std::io::BufRead;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body::Body;
use tokio::sync::mpsc::Sender;
use tonic::client::GrpcService;
use tonic::codegen::StdError;
use tonic::transport::Endpoint;
use tonic::transport::channel::Change;
use trunkline::{Channel, ManualResolver, Resolution, Tokio};
use trunkline_benches::usage::cpu_time;
use trunkline_testkit::proto::helloworld::HelloRequest;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

/// The roles of the processes.
pub(crate) const TONIC: &str = "tonic";
pub(crate) const TRUNKLINE: &str = "trunkline";

/// Obeys: a line of addresses is a new list, `call` is a call, `cpu` is nothing. Prints the CPU time of the
/// process in nanoseconds after each.
pub(crate) fn run(role: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match role {
        // tonic's channel starts a task at once.
        TONIC => runtime.block_on(async { obey(Tonic::new()).await }),
        TRUNKLINE => runtime.block_on(async { obey(Trunkline::new()).await }),
        _ => panic!("no client {role:?}"),
    }
}

/// A client whose list of endpoints changes.
trait Client {
    fn update(&mut self, list: &[SocketAddr]) -> impl Future<Output = ()>;

    fn call(&mut self) -> impl Future<Output = Result<(), tonic::Status>>;
}

async fn obey(mut client: impl Client) {
    // A thread reads, so that the connections work on while there is no line.
    let (sender, lines) = async_channel::unbounded();
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.for_each(|line| _ = sender.send_blocking(line));
    });
    println!("ready");
    while let Ok(line) = lines.recv().await {
        match line.as_str() {
            "cpu" => {}
            "call" => client.call().await.expect("a call that succeeds"),
            list => {
                let addresses = list
                    .split(' ')
                    .map(|address| address.parse().expect("an address"));
                let list: Vec<SocketAddr> = addresses.collect();
                client.update(&list).await;
            }
        }
        println!("{}", cpu_time().as_nanos());
    }
}

/// tonic's balanced channel.
struct Tonic {
    stub: GreeterClient<tonic::transport::Channel>,
    changes: Sender<Change<SocketAddr, Endpoint>>,
    list: BTreeSet<SocketAddr>,
}

impl Tonic {
    fn new() -> Self {
        let (channel, changes) = tonic::transport::Channel::balance_channel(1 << 16);
        Self {
            stub: GreeterClient::new(channel),
            changes,
            list: BTreeSet::new(),
        }
    }
}

impl Client for Tonic {
    async fn update(&mut self, list: &[SocketAddr]) {
        let new: BTreeSet<SocketAddr> = list.iter().copied().collect();
        let removed = self.list.difference(&new).map(|gone| Change::Remove(*gone));
        let added = new.difference(&self.list).map(|added| {
            let endpoint = Endpoint::from_shared(format!("http://{added}"));
            let endpoint = endpoint.expect("an address").tcp_nodelay(true);
            Change::Insert(*added, endpoint)
        });
        let changes: Vec<_> = removed.chain(added).collect();
        for change in changes {
            self.changes.send(change).await.expect("a channel");
        }
        self.list = new;
    }

    async fn call(&mut self) -> Result<(), tonic::Status> {
        call(&mut self.stub).await
    }
}

/// Our channel.
struct Trunkline {
    stub: GreeterClient<Channel>,
    resolver: ManualResolver,
}

impl Trunkline {
    fn new() -> Self {
        let resolver = ManualResolver::new("fleet");
        let channel = Channel::builder("fleet:///any")
            .plaintext()
            .resolver(resolver.clone())
            .load_balancing("round_robin")
            .runtime(Tokio::new())
            .build()
            .expect("a channel");
        channel.connect().expect("a runtime");
        Self {
            stub: GreeterClient::new(channel),
            resolver,
        }
    }
}

impl Client for Trunkline {
    async fn update(&mut self, list: &[SocketAddr]) {
        let endpoints = list
            .iter()
            .map(|address| trunkline::Endpoint::new([*address]));
        // The verdict comes when the channel has read the list.
        self.resolver
            .update(Resolution::new(endpoints.collect::<Vec<_>>()))
            .await;
    }

    async fn call(&mut self) -> Result<(), tonic::Status> {
        call(&mut self.stub).await
    }
}

async fn call<S>(stub: &mut GreeterClient<S>) -> Result<(), tonic::Status>
where
    S: GrpcService<
            tonic::body::Body,
            ResponseBody: Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
            Error: Into<StdError>,
        >,
{
    let request = HelloRequest {
        name: String::new(),
    };
    stub.say_hello(request).await.map(|_| ())
}
