//! A link: the channel to one server, and the stream over it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use trunkline_channel::{BearerToken, Channel};
#[cfg(feature = "tls")]
use trunkline_connector::tls::Tls;
use trunkline_lb::ConnectivityState;
use trunkline_resolver::ResolverRegistry;
use trunkline_runtime::{Runtime, TcpOptions};
use trunkline_target::{Schemes, Target};
use trunkline_transport::KeepaliveOptions;

#[cfg(feature = "tls")]
use super::certificates::ProviderPool;
#[cfg(feature = "tls")]
use super::server_certificates::ServerCertificates;
use super::server_error::ServerError;
use super::stream::{Stream, StreamEvent};
use crate::core::ads::StreamId;
use crate::core::{ServerCallCredentials, ServerConfig, ServerCredentials};

/// How long the connection to a server may be silent before a PING tests it. Common servers punish
/// a client that sends more of them.
const PING_TIME: Duration = Duration::from_secs(300);

/// How long the answer to a PING, and the acknowledgement of sent data, may take.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a TCP connection may be silent before the system tests it.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// The time between two such tests.
const TCP_INTERVAL: Duration = Duration::from_secs(10);

/// How many tests without an answer end the connection.
const TCP_PROBES: u32 = 3;

/// The scheme of a server that is given by its name, also where the URI has no scheme.
const DNS: &str = "dns";

/// What the links of a client have in common.
#[derive(Clone, Debug)]
pub(super) struct LinkOptions {
    /// The runtime of the channel that started the client.
    pub(super) runtime: Arc<dyn Runtime>,
    /// The resolvers for the URIs of servers.
    pub(super) resolvers: ResolverRegistry,
    /// The longest message of a server that is accepted, in bytes.
    pub(super) message_limit: usize,
    /// The certificates of connections to servers.
    #[cfg(feature = "tls")]
    pub(super) providers: ProviderPool,
}

/// The channel to one server, with its streams.
pub(super) struct Link {
    /// The channel, or why there is none.
    channel: Result<Channel, ServerError>,
    /// Ready with the text of the channel's next failure; `None` once there can be none.
    failure: Option<NextFailure>,
    streams: BTreeMap<StreamId, Stream>,
}

type NextFailure = Pin<Box<dyn Future<Output = String> + Send>>;

/// What happens on a link.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// The channel cannot connect, for this reason.
    Failed(String),
    /// Something happened on a stream.
    Stream(StreamId, StreamEvent),
}

impl Link {
    /// Makes the channel to a server. It connects when the first stream starts.
    pub(super) fn new(server: &ServerConfig, options: &LinkOptions) -> Self {
        let channel = connect(server, options);
        let failure: NextFailure = match &channel {
            Ok(channel) => Box::pin(next_failure(channel.clone(), ConnectivityState::Idle)),
            Err(error) => Box::pin(std::future::ready(error.to_string())),
        };
        Self {
            channel,
            failure: Some(failure),
            streams: BTreeMap::new(),
        }
    }

    /// Starts a stream of the method at `path`, whose messages have up to `limit` bytes. Without a
    /// channel it never has a response: the link has failed.
    pub(super) fn start(&mut self, stream: StreamId, path: &'static str, limit: usize) {
        if let Ok(channel) = &self.channel {
            let started = Stream::start(channel, path, limit);
            let started = started.with_setting("Xds::with_message_limit");
            self.streams.insert(stream, started);
        }
    }

    /// Cancels a stream.
    pub(super) fn end(&mut self, stream: StreamId) {
        self.streams.remove(&stream);
    }

    /// Returns an open stream.
    pub(super) fn stream(&mut self, stream: StreamId) -> Option<&mut Stream> {
        self.streams.get_mut(&stream)
    }

    /// Ready with what happened.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        for (id, stream) in &mut self.streams {
            let id = *id;
            if let Poll::Ready(event) = stream.poll_event(cx) {
                if matches!(event, StreamEvent::Ended(_)) {
                    self.streams.remove(&id);
                }
                return Poll::Ready(LinkEvent::Stream(id, event));
            }
        }
        if let Some(failure) = &mut self.failure
            && let Poll::Ready(text) = failure.as_mut().poll(cx)
        {
            self.failure = self.channel.as_ref().ok().map(|channel| {
                let known = ConnectivityState::TransientFailure;
                Box::pin(next_failure(channel.clone(), known)) as NextFailure
            });
            return Poll::Ready(LinkEvent::Failed(text));
        }
        Poll::Pending
    }
}

/// Waits until the channel leaves the state `known` and then cannot connect; returns why.
async fn next_failure(channel: Channel, mut known: ConnectivityState) -> String {
    loop {
        known = channel.state_changed(known).await;
        if known == ConnectivityState::TransientFailure
            && let Err(status) = channel.ready().await
        {
            return status.message().to_owned();
        }
    }
}

/// Makes the channel to a server.
pub(super) fn connect(
    server: &ServerConfig,
    options: &LinkOptions,
) -> Result<Channel, ServerError> {
    if options.resolvers.get(DNS).is_none() && needs_dns(&server.uri, &options.resolvers) {
        return Err(ServerError::NoDns);
    }
    let is_insecure = matches!(server.credentials, ServerCredentials::Insecure);
    if is_insecure && !server.call_credentials.is_empty() {
        return Err(ServerError::TokenInPlaintext);
    }
    let tcp = TcpOptions::default()
        .with_keepalive(TCP_KEEPALIVE)
        .with_keepalive_interval(TCP_INTERVAL)
        .with_keepalive_probes(TCP_PROBES)
        .with_user_timeout(PING_TIMEOUT);
    let keepalive = KeepaliveOptions::default()
        .with_time(PING_TIME)
        .with_timeout(PING_TIMEOUT);
    let mut builder = Channel::builder(server.uri.as_str())
        .tcp(tcp)
        .keepalive(keepalive)
        .resolvers(options.resolvers.clone())
        .runtime(Arc::clone(&options.runtime));
    for credentials in &server.call_credentials {
        builder = match credentials {
            ServerCallCredentials::JwtTokenFile(file) => {
                builder.call_credentials(BearerToken::from_file(file))
            }
        };
    }
    let secured = match &server.credentials {
        ServerCredentials::Insecure => builder.plaintext(),
        #[cfg(feature = "tls")]
        ServerCredentials::Tls(_) => builder.tls(tls(server, options)),
        #[cfg(not(feature = "tls"))]
        ServerCredentials::Tls(_) => return Err(ServerError::NoTls),
    };
    Ok(secured.build()?)
}

/// Returns whether a server is found by DNS.
fn needs_dns(uri: &str, resolvers: &ResolverRegistry) -> bool {
    let known: Vec<&str> = resolvers.schemes().chain([DNS]).collect();
    let target = Target::parse_with(uri, Schemes::new(&known, DNS));
    target.is_ok_and(|target| target.scheme() == DNS)
}

/// Returns the TLS options for a server.
#[cfg(feature = "tls")]
fn tls(server: &ServerConfig, options: &LinkOptions) -> Tls {
    match ServerCertificates::of(server, &options.providers, &options.runtime) {
        Some(certificates) => Tls::new().with_certificate_source(certificates),
        None => Tls::new(),
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("channel", &self.channel)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that is given by its name needs the resolver `dns`: without it, the error names the
    /// feature.
    #[test]
    fn servers_that_dns_finds() {
        let dns = "server_uri is a name, and this program has no DNS client: turn on the feature `dns` \
                   of trunkline, or give an address, such as `ipv4:192.0.2.1:443`";
        let sim = trunkline_sim::Sim::new(1);
        let standard = ResolverRegistry::standard();
        let mut resolvers = ResolverRegistry::empty();
        let others = standard.schemes().filter(|scheme| *scheme != DNS);
        for factory in others.filter_map(|scheme| standard.get(scheme)) {
            resolvers.register(Arc::clone(factory));
        }
        let options = LinkOptions {
            runtime: sim.runtime(),
            resolvers,
            message_limit: 4096,
            #[cfg(feature = "tls")]
            providers: ProviderPool::default(),
        };
        for (uri, expected) in [
            ("plane.test:18000", Some(dns)),
            ("dns:///plane.test:18000", Some(dns)),
            ("ipv4:192.0.2.1:18000", None),
            ("unix:///run/plane.sock", None),
        ] {
            let made = connect(&ServerConfig::insecure(uri), &options);
            let error = made.err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), expected, "{uri}");
        }
    }
}
