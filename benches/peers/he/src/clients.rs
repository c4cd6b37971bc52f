//! The connectors that are compared, each with its defaults.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use trunkline_connect::io::{ConnectOptions, connect, connect_host};
use trunkline_connect::runtime::{AsyncStd, Runtime, Tokio};
use trunkline_dns::ClientConfig;
use trunkline_dns::io::Client as DnsClient;

use crate::fate::PROMPT_V4;

/// The names of all clients.
pub const NAMES: [&str; 7] = [
    "trunkline-async-std",
    "trunkline-tokio",
    "tokio",
    "hyper-util",
    "hyper-util-250",
    "happy-eyeballs",
    "curl",
];
const PORT: u16 = 80;

/// What to connect to.
pub enum Goal {
    /// These addresses, in this order.
    Addresses(Vec<SocketAddr>),
    /// A name to look up.
    Host(String),
}

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// A connector and its runtime.
pub enum Client {
    AsyncStd,
    Tokio(tokio::runtime::Runtime, Kind),
    Curl,
}

/// The connectors that run on tokio.
pub enum Kind {
    Trunkline,
    Plain,
    HyperUtil(Duration),
    HappyEyeballs,
}

impl Client {
    /// Returns the client with this name.
    pub fn named(name: &str) -> Result<Self> {
        let kind = match name {
            "trunkline-async-std" => return Ok(Self::AsyncStd),
            "curl" => return Ok(Self::Curl),
            "trunkline-tokio" => Kind::Trunkline,
            "tokio" => Kind::Plain,
            "hyper-util" => Kind::HyperUtil(Duration::from_millis(300)),
            "hyper-util-250" => Kind::HyperUtil(Duration::from_millis(250)),
            "happy-eyeballs" => Kind::HappyEyeballs,
            _ => return Err(format!("no client `{name}`").into()),
        };
        let mut tokio = tokio::runtime::Builder::new_current_thread();
        Ok(Self::Tokio(tokio.enable_all().build()?, kind))
    }

    /// Connects, and returns the address and the time it took. Gives up after `limit`.
    #[expect(clippy::disallowed_methods, reason = "this measures real time")]
    pub fn connect(&self, goal: Goal, limit: Duration) -> Result<(SocketAddr, Duration)> {
        let began = Instant::now();
        let address = match self {
            // curl reports the time itself, without the start of its process and the HTTP request.
            Self::Curl => return curl(goal, limit),
            Self::AsyncStd => async_std::task::block_on(race(AsyncStd::new(), goal, limit))?,
            Self::Tokio(tokio, kind) => tokio.block_on(async {
                let connecting = on_tokio(kind, goal, limit);
                tokio::time::timeout(limit, connecting).await?
            })?,
        };
        Ok((address, began.elapsed()))
    }
}

async fn on_tokio(kind: &Kind, goal: Goal, limit: Duration) -> Result<SocketAddr> {
    let stream = match (kind, goal) {
        (Kind::Trunkline, goal) => return race(Tokio::new(), goal, limit).await,
        (Kind::HyperUtil(delay), goal) => hyper_util(goal, *delay).await?,
        (Kind::Plain, Goal::Addresses(list)) => TcpStream::connect(&list[..]).await?,
        (Kind::Plain, Goal::Host(host)) => TcpStream::connect((host, PORT)).await?,
        (Kind::HappyEyeballs, Goal::Addresses(list)) => {
            happy_eyeballs::tokio::connect(&list[..]).await?
        }
        (Kind::HappyEyeballs, Goal::Host(host)) => {
            happy_eyeballs::tokio::connect((host, PORT)).await?
        }
    };
    Ok(stream.peer_addr()?)
}

async fn race(runtime: impl Runtime, goal: Goal, limit: Duration) -> Result<SocketAddr> {
    let runtime: Arc<dyn Runtime> = Arc::new(runtime);
    let mut options = ConnectOptions::default();
    options.race.timeout = Some(limit);
    let connected = match goal {
        Goal::Addresses(list) => connect(&*runtime, list, &options).await?,
        Goal::Host(host) => {
            let servers = vec![SocketAddr::from((PROMPT_V4, 53))];
            let config = ClientConfig::with_servers(servers).no_hosts();
            let lookup = DnsClient::new(Arc::clone(&runtime), config);
            connect_host(&*runtime, &host, PORT, &lookup, &options).await?
        }
    };
    connected.stream.abort();
    Ok(connected.address)
}

async fn hyper_util(goal: Goal, delay: Duration) -> Result<TcpStream> {
    match goal {
        Goal::Addresses(list) => {
            let connector = HttpConnector::new_with_resolver(Listed(list));
            dial(connector, "he.test", delay).await
        }
        Goal::Host(host) => {
            let connector = HttpConnector::new_with_resolver(GaiResolver::new());
            dial(connector, &host, delay).await
        }
    }
}

async fn dial<R>(mut connector: HttpConnector<R>, host: &str, delay: Duration) -> Result<TcpStream>
where
    HttpConnector<R>: Service<Uri, Response = TokioIo<TcpStream>>,
    <HttpConnector<R> as Service<Uri>>::Error: Error + 'static,
{
    connector.set_happy_eyeballs_timeout(Some(delay));
    let uri: Uri = format!("http://{host}:{PORT}/").parse()?;
    Ok(connector.call(uri).await?.into_inner())
}

/// A resolver that returns a fixed list.
#[derive(Clone)]
struct Listed(Vec<SocketAddr>);

impl Service<Name> for Listed {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        let list = self.0.clone();
        Box::pin(async { Ok(list.into_iter()) })
    }
}

fn curl(goal: Goal, limit: Duration) -> Result<(SocketAddr, Duration)> {
    // Uses `timeout`, because curl divides its own limit among the addresses.
    let mut command = Command::new("timeout");
    command.args([&limit.as_secs_f64().to_string(), "curl"]);
    command.args(["--silent", "--noproxy", "*", "--output", "/dev/null"]);
    command.args(["--write-out", "%{remote_ip} %{time_connect}"]);
    let host = match goal {
        Goal::Host(host) => host,
        Goal::Addresses(list) => {
            let list: Vec<String> = list.iter().map(|one| one.ip().to_string()).collect();
            command.args(["--resolve", &format!("he.test:{PORT}:{}", list.join(","))]);
            "he.test".to_owned()
        }
    };
    let output = command.arg(format!("http://{host}:{PORT}/")).output()?;
    if !output.status.success() {
        return Err(format!("curl: {}", output.status).into());
    }
    let printed = String::from_utf8(output.stdout)?;
    let (address, seconds) = printed.split_once(' ').ok_or("curl printed no time")?;
    let address: IpAddr = address.parse()?;
    let took = Duration::try_from_secs_f64(seconds.trim().parse()?)?;
    Ok((SocketAddr::new(address, PORT), took))
}
