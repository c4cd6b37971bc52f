//! Building a channel.

mod authority;
pub(crate) mod extension;
mod life;
mod life_options;
mod proxies;
mod security;
mod security_layer;
mod security_layers;

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use http::HeaderValue;
use serde_json::json;
use trunkline_backoff::BackoffPolicy;
use trunkline_connector::{Connector, DirectConnector, Proxy};
use trunkline_endpoint::AttemptDelay;
use trunkline_lb::{PolicyFactory, PolicyOptions, PolicyRegistry, StaticWeightsFactory};
use trunkline_resolver::{ResolverFactory, ResolverOptions, ResolverRegistry};
use trunkline_runtime::{IntoRuntime, Runtime, TcpOptions};
use trunkline_service_config::{ConfigSelector, PolicyChoice, ServiceConfig};
use trunkline_target::{ErrorKind, Schemes, Target, TargetView};
use trunkline_transport::{HttpOptions, KeepaliveOptions, ReplayBudget};

use self::authority::channel_authority;
use self::life_options::LifeOptions;
use self::proxies::Proxies;
use self::security::Security;
use self::security_layers::SecurityLayers;
use crate::call_timer::CallTimer;
use crate::channel::Channel;
use crate::control::inbox::Inbox;
use crate::control::resolver_metrics::ObserverMetrics;
use crate::control::task::ControlTaskParts;
use crate::core::CoreOptions;
use crate::core::config::{DefaultPolicy, HealthChecks};
use crate::core::snapshot::Snapshot;
use crate::credentials::{CallCredentials, CredentialsList};
use crate::error::{BuildError, BuildErrorKind};
use crate::handle::Handle;
use crate::observer::Observer;
use crate::observer::observers::Observers;
use crate::observer_factory::{ChannelIdentity, ObserverFactory};
use crate::open_calls::OpenCalls;
use crate::queue::CallQueue;
use crate::shared::{ChannelId, ChannelShared, Current, MessageLimits};
#[cfg(feature = "tracing")]
use crate::spans::TracingObserver;

/// The policy that is used where no service config names one.
///
/// Source: [service config](https://github.com/grpc/grpc/blob/master/doc/service_config.md).
const DEFAULT_POLICY: &str = "pick_first";

/// The environment variable that names the zone of the program.
const ZONE_VARIABLE: &str = "TRUNKLINE_ZONE";

/// The `user-agent` of a channel, after the application's own part.
///
/// Source: [gRPC over HTTP/2, User Agents](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#user-agents).
const USER_AGENT: &str = concat!("grpc-rust-trunkline/", env!("CARGO_PKG_VERSION"));

/// The most attempts of one call, the first included, unless the application sets another number.
///
/// Source: [gRFC A6, maximum number of retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#maximum-number-of-retries).
const MAX_ATTEMPTS: u32 = 5;

/// Sets up a [`Channel`].
///
/// The order of the calls does not matter.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use trunkline_backoff::BackoffPolicy;
/// use trunkline_channel::Channel;
/// use trunkline_runtime::TcpOptions;
/// # use trunkline_sim::Sim;
/// # let runtime = Sim::new(1).runtime();
///
/// let channel = Channel::builder("ipv4:192.0.2.1:50051,192.0.2.2:50051")
///     .plaintext()
///     .load_balancing("round_robin")
///     .authority("orders.example.com")
///     .user_agent("orders-client/1.0")
///     .connect_timeout(Duration::from_secs(5))
///     .backoff(BackoffPolicy::default().with_max(Duration::from_secs(30)))
///     .tcp(TcpOptions::default().with_user_timeout(Duration::from_secs(20)))
///     .runtime(runtime)
///     .build()?;
/// assert_eq!(channel.target(), "ipv4:192.0.2.1:50051,192.0.2.2:50051");
/// # Ok::<(), trunkline_channel::BuildError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ChannelBuilder {
    target: String,
    default_scheme: Option<String>,
    default_service_config: Option<String>,
    security: Option<Security>,
    /// True when `.plaintext()` and `.tls(..)` were both called.
    is_security_ambiguous: bool,
    security_layers: SecurityLayers,
    runtime: Option<Arc<dyn Runtime>>,
    /// From [`resolvers`](Self::resolvers). Kept apart from the single resolvers, which take
    /// precedence over every registry, whatever the order of the calls.
    resolver_registries: ResolverRegistry,
    /// From [`resolver`](Self::resolver).
    resolvers: ResolverRegistry,
    #[cfg(feature = "dns")]
    dns: Option<trunkline_resolver::DnsOptions>,
    /// From [`policies`](Self::policies). Kept apart from the single policies, which take
    /// precedence over every registry, whatever the order of the calls.
    policy_registries: PolicyRegistry,
    /// From [`policy`](Self::policy).
    policies: PolicyRegistry,
    load_balancing: Option<String>,
    zone: Option<String>,
    connector: Option<Arc<dyn Connector>>,
    proxy: Option<Proxy>,
    authority: Option<String>,
    user_agent: Option<String>,
    credentials: CredentialsList,
    backoff: BackoffPolicy,
    attempt_delay: AttemptDelay,
    ring_size_cap: Option<u32>,
    connect_timeout: Option<Duration>,
    tcp: Option<TcpOptions>,
    http: HttpOptions,
    keepalive: Option<KeepaliveOptions>,
    message_limits: MessageLimits,
    observers: Vec<Arc<dyn Observer>>,
    observer_factories: Vec<Box<dyn ObserverFactory>>,
    disable_service_config: bool,
    health_check: Option<String>,
    disable_health_checks: bool,
    max_attempts: u32,
    life: LifeOptions,
    retry_buffer_per_call: usize,
    retry_buffer_per_channel: usize,
}

impl Channel {
    /// Returns a builder of a channel to `target`, such as `dns:///orders.prod.svc:50051`.
    pub fn builder(target: impl Into<String>) -> ChannelBuilder {
        ChannelBuilder::new(target.into())
    }
}

impl ChannelBuilder {
    fn new(target: String) -> Self {
        Self {
            target,
            default_scheme: None,
            default_service_config: None,
            security: None,
            is_security_ambiguous: false,
            security_layers: SecurityLayers::default(),
            runtime: None,
            resolver_registries: ResolverRegistry::empty(),
            resolvers: ResolverRegistry::empty(),
            #[cfg(feature = "dns")]
            dns: None,
            policy_registries: PolicyRegistry::empty(),
            policies: PolicyRegistry::empty(),
            load_balancing: None,
            zone: None,
            connector: None,
            proxy: None,
            authority: None,
            user_agent: None,
            credentials: CredentialsList::default(),
            backoff: BackoffPolicy::default(),
            attempt_delay: AttemptDelay::default(),
            ring_size_cap: None,
            connect_timeout: None,
            tcp: None,
            http: HttpOptions::default(),
            keepalive: None,
            message_limits: MessageLimits::default(),
            observers: Vec::new(),
            observer_factories: Vec::new(),
            disable_service_config: false,
            health_check: None,
            disable_health_checks: false,
            max_attempts: MAX_ATTEMPTS,
            life: LifeOptions::default(),
            retry_buffer_per_call: ReplayBudget::DEFAULT_PER_CALL,
            retry_buffer_per_channel: ReplayBudget::DEFAULT_TOTAL,
        }
    }

    /// Sets the service config, as JSON, that is in force while the resolver returns none. Default:
    /// the empty config, which means pick_first.
    pub fn default_service_config(mut self, json: impl Into<String>) -> Self {
        self.default_service_config = Some(json.into());
        self
    }

    /// Ignores the service configs of the resolver. The DNS resolver then does not look them up.
    ///
    /// A resolver that routes calls, such as that of `xds:` targets, keeps its config, which has the
    /// policies of its routes.
    pub fn disable_service_config(mut self) -> Self {
        self.disable_service_config = true;
        self
    }

    /// Sends calls only to backends that report that `service` is serving; the empty name means
    /// the server as a whole. A service config with a `healthCheckConfig` takes precedence. Default:
    /// no health checks, unless the service config asks for them.
    ///
    /// Each connection runs `grpc.health.v1.Health/Watch`, which takes one of the streams that the
    /// server allows. A backend without that service counts as healthy, and
    /// [`ChannelEvent::Health`] reports it. Only policies with a connection to each endpoint, such as
    /// `round_robin`, check health; pick_first on its own has no other backend for its calls.
    ///
    /// ```
    /// use trunkline_channel::Channel;
    ///
    /// let channel = Channel::builder("ipv4:192.0.2.1:50051,192.0.2.2:50051")
    ///     .plaintext()
    ///     .load_balancing("round_robin")
    ///     .health_check("shop.Orders")
    /// #   .runtime(trunkline_sim::Sim::new(1).runtime())
    ///     .build()?;
    /// # Ok::<(), trunkline_channel::BuildError>(())
    /// ```
    ///
    /// Source: [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md).
    ///
    /// [`ChannelEvent::Health`]: crate::ChannelEvent::Health
    pub fn health_check(mut self, service: impl Into<String>) -> Self {
        self.health_check = Some(service.into());
        self
    }

    /// Makes no health checks, whatever service configs ask for. `build` fails with
    /// [`health_check`](Self::health_check).
    pub fn disable_health_checks(mut self) -> Self {
        self.disable_health_checks = true;
        self
    }

    /// Connects without encryption, and without a proof of the server's identity.
    pub fn plaintext(mut self) -> Self {
        self.choose_security(Security::Plaintext);
        self
    }

    /// Connects with TLS: encrypted, to servers that prove their identity.
    ///
    /// A server's certificate must be for the host in the channel's authority: that of
    /// [`authority`](Self::authority), or else of the target; `Tls::with_server_name` has precedence
    /// over both. For a target `ipv4:` or `ipv6:`, it must be for the address. A call with an authority of its own fails with `UNAVAILABLE` on a connection whose
    /// certificate does not cover that.
    ///
    /// TLS is put on the streams of the [`connector`](Self::connector), also of one of your own. The
    /// handshake is a part of the attempt to connect, and counts for the
    /// [`connect_timeout`](Self::connect_timeout).
    ///
    /// ```no_run
    /// use trunkline_channel::Channel;
    /// use trunkline_connector::tls::Tls;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = Tls::new()
    ///     .with_ca_file("/etc/orders/ca.pem")
    ///     .with_identity_files("/etc/orders/client.pem", "/etc/orders/client.key");
    /// let channel = Channel::builder("dns:///orders.prod.svc:50051").tls(tls).build()?;
    /// # let _ = channel;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: trunkline_connector::tls::Tls) -> Self {
        self.choose_security(Security::Tls(Box::new(tls)));
        self
    }

    /// Sets the runtime: a [`Runtime`], or an `Arc<dyn Runtime>`. Default: the runtime of the one
    /// feature that is on; with several, the first call decides (see
    /// [`default_runtime`](trunkline_runtime::default_runtime)).
    pub fn runtime(mut self, runtime: impl IntoRuntime) -> Self {
        self.runtime = Some(runtime.into_runtime());
        self
    }

    /// Adds a resolver for the targets of its scheme, in place of the one that is registered.
    pub fn resolver(mut self, factory: impl ResolverFactory + 'static) -> Self {
        self.resolvers.register(Arc::new(factory));
        self
    }

    /// Adds all resolvers of a registry, in place of standard ones for the same schemes. Those of
    /// [`resolver`](Self::resolver) and [`dns`](Self::dns) take precedence over them, whatever the
    /// order of the calls.
    pub fn resolvers(mut self, registry: ResolverRegistry) -> Self {
        self.resolver_registries.merge(registry);
        self
    }

    /// Sets how targets of the schemes `dns` and `srv` are resolved.
    #[cfg(feature = "dns")]
    pub fn dns(mut self, options: trunkline_resolver::DnsOptions) -> Self {
        self.dns = Some(options);
        self
    }

    /// Adds a load-balancing policy that a service config can name, in place of the one of the same
    /// name.
    pub fn policy(mut self, factory: impl PolicyFactory + 'static) -> Self {
        self.policies.register(Arc::new(factory));
        self
    }

    /// Adds all policies of a registry, in place of standard ones of the same name. Those of
    /// [`policy`](Self::policy) take precedence over them, whatever the order of the calls.
    pub fn policies(mut self, registry: PolicyRegistry) -> Self {
        self.policy_registries.merge(registry);
        self
    }

    /// Sets the load-balancing policy, with its default configuration, that is in force while the
    /// resolver returns no service config that names one; `round_robin`, for example. To give the
    /// policy a configuration, name it in [`default_service_config`](Self::default_service_config)
    /// instead: `build` fails if both choose a policy. Default: `pick_first`; for targets of the
    /// scheme `srv`, `static_weights`.
    ///
    /// Where endpoints have a priority, as those of `srv` have, the policy runs in each group of the
    /// same priority, and the first group that works gets the calls.
    pub fn load_balancing(mut self, policy: impl Into<String>) -> Self {
        self.load_balancing = Some(policy.into());
        self
    }

    /// Sets the zone in which this program runs, for policies that prefer the endpoints of their own
    /// zone, such as `zone_aware`; empty for none. Default: the environment variable
    /// `TRUNKLINE_ZONE`.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Sets the connector, which makes the streams to addresses. Default: TCP and Unix sockets of
    /// the runtime.
    pub fn connector(mut self, connector: impl Connector + 'static) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Sets the proxies. Default: those that the environment names when the channel is built
    /// ([`Proxy::from_env`]), or none with a [`connector`](Self::connector) of your own.
    /// [`Proxy::none`] turns them off.
    ///
    /// A `dns` target that is mapped to a proxy is looked up by the proxy; see [`Proxy`]. A
    /// [`resolver`](Self::resolver) of your own is used in any case. A connector of your own makes
    /// the streams to the proxy.
    ///
    /// ```
    /// use trunkline_channel::Channel;
    /// use trunkline_connector::Proxy;
    ///
    /// # let sim = trunkline_sim::Sim::new(1);
    /// let channel = Channel::builder("dns:///orders.example.com")
    ///     .proxy(Proxy::all("http://proxy.corp:3128")?)
    ///     .plaintext()
    /// #   .runtime(sim.runtime())
    ///     .build()?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Source: [gRFC A1](https://github.com/grpc/proposal/blob/master/A1-http-connect-proxy-support.md).
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Sets the scheme that a target without a known scheme gets. Default: `dns`.
    pub fn default_scheme(mut self, scheme: impl Into<String>) -> Self {
        self.default_scheme = Some(scheme.into());
        self
    }

    /// Sets `:authority`. A call sends the first of these that exists:
    ///
    /// 1. the authority in the URI of its request (tonic: `with_origin`);
    /// 2. this one;
    /// 3. the server name that the resolver gave the address;
    /// 4. the authority of the resolver's scheme, for example the domain of an `srv` target;
    /// 5. that of the target: [`Target::default_authority`].
    ///
    /// An authority of the target that HTTP/2 libraries refuse, such as the `orders%2Feu` of
    /// `etcd:///orders/eu`, becomes `localhost` on a plaintext channel, as for Unix sockets. The
    /// name of a host is never replaced: [`build`](Self::build) fails if it cannot be sent.
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// Sets the application's part of `user-agent`, in front of the name of this library.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// Adds credentials, whose metadata is sent with every call, such as a
    /// [`BearerToken`](crate::BearerToken). All that are added are sent, in their order. A call can
    /// have its own too: [`WithCallCredentials`](crate::WithCallCredentials).
    ///
    /// Credentials that require an encrypted connection, as they do by default, make `build` fail
    /// with [`plaintext`](Self::plaintext). With a [`connector`](Self::connector) of your own, the
    /// protection of each connection decides.
    pub fn call_credentials(mut self, credentials: impl CallCredentials + 'static) -> Self {
        self.credentials.push(Arc::new(credentials));
        self
    }

    /// Sets the delays between attempts to connect to one address.
    pub fn backoff(mut self, policy: BackoffPolicy) -> Self {
        self.backoff = policy;
        self
    }

    /// Sets how long an attempt to connect may take, up to the server's HTTP/2 SETTINGS, before it
    /// is given up. An attempt whose back-off delay is longer may take that long. Default:
    /// [`BackoffPolicy::min_attempt`], 20 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// Sets how long pick_first waits for one address of an endpoint before it tries the next as
    /// well; clamped to 100 ms to 2 s. Default: 250 ms.
    ///
    /// Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.attempt_delay = AttemptDelay::new(delay);
        self
    }

    /// Sets the largest size of the ring of the policy ring_hash, whatever its configuration asks for;
    /// 0 counts as 1. Default: 4096.
    ///
    /// Source: [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md).
    pub fn ring_size_cap(mut self, cap: u32) -> Self {
        self.ring_size_cap = Some(cap);
        self
    }

    /// Sets the options of TCP sockets. They are those of the default connector; with a
    /// [`connector`](Self::connector) of your own, `build` fails.
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.tcp = Some(options);
        self
    }

    /// Sets the options of HTTP/2.
    pub fn http(mut self, options: HttpOptions) -> Self {
        self.http = options;
        self
    }

    /// Sets when a connection whose server is silent is tested by a PING, and given up. Default: off.
    /// It takes precedence over [`HttpOptions::keepalive`].
    ///
    /// On Linux, keepalive also sets [`TcpOptions::user_timeout`] of the default connector to its
    /// time-out, unless [`tcp`](Self::tcp) sets that. Give it to a [`connector`](Self::connector) of
    /// your own yourself.
    ///
    /// A server that ends a connection because it gets too many PINGs (`too_many_pings`) doubles the
    /// time for later connections of the channel. [`ChannelEvent::KeepaliveRaised`] reports that.
    ///
    /// ```
    /// use std::time::Duration;
    /// use trunkline_channel::Channel;
    /// use trunkline_transport::KeepaliveOptions;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let keepalive = KeepaliveOptions::default()
    ///     .with_time(Duration::from_secs(300))
    ///     .with_timeout(Duration::from_secs(20));
    /// let channel = Channel::builder("ipv4:127.0.0.1:50051")
    ///     .plaintext()
    ///     .keepalive(keepalive)
    /// #   .runtime(trunkline_sim::Sim::new(1).runtime())
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Source: gRFCs [A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md)
    /// and [A18](https://github.com/grpc/proposal/blob/master/A18-tcp-user-timeout.md).
    ///
    /// [`ChannelEvent::KeepaliveRaised`]: crate::ChannelEvent::KeepaliveRaised
    pub fn keepalive(mut self, options: KeepaliveOptions) -> Self {
        self.keepalive = Some(options);
        self
    }

    /// Sets the most attempts of one call whose method has a retry or hedging policy, the first
    /// included. It caps the `maxAttempts` of service configs. Default: 5.
    ///
    /// With 1, service configs bring about no retries and no hedging. A call that no server acted on
    /// is sent again all the same (a transparent retry).
    ///
    /// Source: [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md).
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Makes no retries and no hedging, whatever service configs ask for: the same as
    /// [`max_attempts(1)`](Self::max_attempts).
    pub fn disable_retries(self) -> Self {
        self.max_attempts(1)
    }

    /// Sets how many bytes a message of a request may have after compression. A call with a longer one
    /// fails with `RESOURCE_EXHAUSTED`, and its text has both sizes. Default: no limit.
    ///
    /// A service config may have a lower limit for a method (`maxRequestMessageBytes`), and a stub its
    /// own: the lowest counts.
    pub fn max_request_message(mut self, bytes: u32) -> Self {
        self.message_limits.request = Some(bytes);
        self
    }

    /// Sets how many bytes a message of a response may have after compression. A call with a longer one
    /// fails with `RESOURCE_EXHAUSTED` as soon as the size of the message is known, before its data
    /// comes. Its text has both sizes. Default: no limit.
    ///
    /// A service config may have a lower limit for a method (`maxResponseMessageBytes`), and a stub its
    /// own, such as tonic's of 4 MiB: the lowest counts.
    pub fn max_response_message(mut self, bytes: u32) -> Self {
        self.message_limits.response = Some(bytes);
        self
    }

    /// Sets how much of the request of one call is kept so that it can be sent again, in bytes.
    /// Default: 256 KiB.
    ///
    /// A call that sends more is not sent again: it goes on, and ends with the status of the attempt
    /// that runs. Of hedged attempts, the one that has sent the most messages goes on. Each message
    /// counts with its length and 32 bytes. The message of a unary call counts for retries and hedging
    /// by a service config only, not for transparent retries.
    ///
    /// Source: [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#memory-management-buffering).
    pub fn retry_buffer_per_call(mut self, bytes: usize) -> Self {
        self.retry_buffer_per_call = bytes;
        self
    }

    /// Sets how much of the requests of all calls together is kept so that they can be sent again, in
    /// bytes. Default: 16 MiB.
    ///
    /// The call that would exceed it is not sent again, as one that exceeds its
    /// [own limit](Self::retry_buffer_per_call).
    pub fn retry_buffer_per_channel(mut self, bytes: usize) -> Self {
        self.retry_buffer_per_channel = bytes;
        self
    }

    /// Adds an observer, which receives the events of the channel. A channel can have several.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Adds an observer that is made for this channel, such as metrics with the target as a label.
    /// It receives events after those of [`observer`](Self::observer).
    pub fn telemetry(mut self, factory: impl ObserverFactory + 'static) -> Self {
        self.observer_factories.push(Box::new(factory));
        self
    }

    fn choose_security(&mut self, security: Security) {
        let old = self.security.replace(security);
        let new = self.security.as_ref();
        let differs = |old| new.is_some_and(|new| new.scheme() != Security::scheme(old));
        self.is_security_ambiguous |= old.as_ref().is_some_and(differs);
    }

    /// Builds the channel. Uses no network, and needs no running runtime. With TLS it reads the
    /// certificates from their files.
    ///
    /// # Errors
    ///
    /// When an option can never work; see [`BuildErrorKind`].
    pub fn build(mut self) -> Result<Channel, BuildError> {
        if self.is_security_ambiguous {
            return Err(conflict(
                "`.plaintext()` and `.tls(..)` were both called: drop one of them",
            ));
        }
        let Some(security) = self.security.take() else {
            return Err(BuildError::new(
                BuildErrorKind::Security,
                "no transport security was chosen: call `.plaintext()` for connections without \
                 encryption, or `.tls(..)` (feature `tls`); neither is implied",
            ));
        };
        let own = self.runtime.clone();
        let runtime = own.or_else(trunkline_runtime::default_runtime);
        let runtime = runtime.ok_or_else(|| {
            BuildError::new(
                BuildErrorKind::Runtime,
                "there is no runtime: give one with `.runtime(..)`, or turn on one of the features \
                 `async-std`, `smol`, `tokio`",
            )
        })?;
        let resolvers = self.resolver_registry()?;
        let policies = self.policy_registry();
        let is_chosen = self.security_layers.choose_security()?;
        let is_default = self.connector.is_none() && !is_chosen;
        if is_default && security.level() < self.credentials.min_security() {
            return Err(BuildError::new(
                BuildErrorKind::Credentials,
                "the call credentials are for encrypted connections, and `.plaintext()` makes none: \
                 use `.tls(..)`, or credentials that allow plaintext \
                 (`BearerToken::allow_plaintext`)",
            ));
        }
        if self.connector.is_some() && self.tcp.is_some() {
            return Err(conflict(
                "`.tcp(..)` sets the sockets of the default connector, and `.connector(..)` replaces \
                 that one: give the socket options to your connector",
            ));
        }
        let zone = self.zone.or_else(|| runtime.variable(ZONE_VARIABLE));
        let zone = zone.filter(|zone| !zone.is_empty()).map(Arc::from);
        let default_scheme = self.default_scheme.as_deref().unwrap_or("dns");
        let target = parse_target(&self.target, &resolvers, default_scheme)?;
        let resolver = resolver_for(&target, &self.target, &resolvers)?;
        let named = security.authority();
        let own = self.authority.as_deref().or(named.as_deref());
        let is_authority_set = own.is_some();
        let credentials = security.credentials();
        let authority = channel_authority(own, &*resolver, &target, credentials, &self.target)?;
        let proxy = match (self.proxy, &self.connector) {
            (Some(proxy), _) => proxy,
            (None, Some(_)) => Proxy::none(),
            (None, None) => Proxy::from_variables(|name| runtime.variable(name)),
        };
        let given = [&self.resolvers, &self.resolver_registries];
        let is_own_resolver = given
            .iter()
            .any(|given| given.get(target.scheme()).is_some());
        let proxies = Proxies::new(proxy, &target, is_own_resolver)?;
        let resolver = proxies.resolver(resolver);
        let default_config = parse_config(self.default_service_config.as_deref(), &policies)?;
        if self.load_balancing.is_some() && default_config.policy().is_some() {
            return Err(conflict(
                "`.load_balancing(..)` and the `loadBalancingConfig` of \
                 `.default_service_config(..)` both choose the policy: drop one of them",
            ));
        }
        let health_checks = match (self.health_check, self.disable_health_checks) {
            (Some(_), true) => {
                return Err(conflict(
                    "`.health_check(..)` and `.disable_health_checks()` were both called: drop one \
                     of them",
                ));
            }
            (None, true) => HealthChecks::Off,
            (default, false) => HealthChecks::On {
                default: default.map(Arc::from),
            },
        };
        let has_own = !self.policies.is_empty() || !self.policy_registries.is_empty();
        let default_policy = match self.load_balancing.as_deref() {
            Some(name) => {
                let chosen = parse_policy(name, &policies)?;
                DefaultPolicy {
                    plain: chosen.clone(),
                    in_group: chosen,
                }
            }
            None if has_own => usual_policy(&policies)?,
            None => standard_policy()?,
        };
        let user_agent = parse_user_agent(self.user_agent.as_deref())?;

        let mut http = self.http;
        http.keepalive = self.keepalive.unwrap_or(http.keepalive).in_force();
        let selector = Arc::clone(&default_config) as Arc<dyn ConfigSelector>;
        let connector = self.connector.unwrap_or_else(|| {
            let connector = DirectConnector::new(Arc::clone(&runtime));
            let tcp = with_user_timeout(self.tcp.unwrap_or_default(), http.keepalive);
            Arc::new(connector.with_tcp(tcp))
        });
        let connector = proxies.connector(&runtime, connector);
        let is_by_address = matches!(target.view(), TargetView::Ipv4(_) | TargetView::Ipv6(_));
        let proven = Some(&authority).filter(|_| is_authority_set || !is_by_address);
        let fallback = security.protect(Arc::clone(&connector), proven, &runtime)?;
        let layers = &self.security_layers;
        let protected = layers.protect(&connector, fallback, &runtime);
        let mut resolver_options = ResolverOptions::new(Arc::clone(&runtime))
            .with_disable_service_config(self.disable_service_config)
            .with_authority(authority.as_str())
            .with_is_authority_set(is_authority_set)
            .with_connector(Arc::clone(&connector))
            .with_credentials(credentials);
        let canonical = target.canonical();
        let id = ChannelId::next();
        let identity = ChannelIdentity {
            id,
            target: &self.target,
            canonical_target: &canonical,
            authority: authority.as_str(),
            runtime: &runtime,
        };
        let mut observers = self.observers;
        let factories = self.observer_factories.iter();
        observers.extend(factories.filter_map(|factory| factory.observer_for(&identity)));
        // Spans and lines are not made of weights: without another observer nothing reads them.
        let wants_weights = !observers.is_empty();
        #[cfg(feature = "tracing")]
        observers.push(Arc::new(TracingObserver::new(id, &canonical)));
        let observers = Observers::new(observers);
        resolver_options = resolver_options.with_metrics(Arc::new(ObserverMetrics {
            observers: observers.clone(),
            runtime: Arc::clone(&runtime),
        }));
        let shared = Arc::new(ChannelShared {
            id,
            canonical,
            target: self.target.into(),
            scheme: security.scheme(),
            authority,
            is_authority_set,
            user_agent,
            credentials: self.credentials,
            max_attempts: self.max_attempts,
            replay_budget: ReplayBudget::new(
                self.retry_buffer_per_call,
                self.retry_buffer_per_channel,
            ),
            runtime,
            observers,
            message_limits: self.message_limits,
            open_calls: OpenCalls::new(),
            queue: Arc::new(CallQueue::new(self.life.queue_limits)),
            call_timeout: self.life.call_timeout,
            call_timer: CallTimer::default(),
            wait_for_ready: self.life.wait_for_ready,
            current: Current::new(Snapshot::not_started(selector)),
        });
        let mut backoff = self.backoff;
        if let Some(timeout) = self.connect_timeout {
            backoff.min_attempt = timeout;
        }
        let mut policy_options = PolicyOptions::new(0)
            .with_attempt_delay(self.attempt_delay)
            .with_weight_reports(wants_weights);
        policy_options.zone = zone;
        if let Some(cap) = self.ring_size_cap {
            policy_options = policy_options.with_ring_size_cap(cap);
        }
        let (events, inbox) = async_channel::unbounded();
        let parts = ControlTaskParts {
            shared: Arc::clone(&shared),
            target,
            resolver,
            resolver_options,
            core: CoreOptions {
                policies,
                policy_options,
                default_config,
                default_policy,
                disable_service_config: self.disable_service_config,
                health_checks,
                disable_retries: self.max_attempts < 2,
                backoff,
                idle_timeout: self.life.idle_timeout,
                keepalive_time: http.keepalive.time,
                connections_limit: self.life.connections_limit,
            },
            connector: protected,
            http,
            events: events.clone(),
            inbox: Inbox::new(Arc::clone(&shared), inbox),
        };
        let channel = Channel::new(Handle::new(shared, events, parts));
        for factory in &self.observer_factories {
            factory.channel_built(&channel.downgrade());
        }
        Ok(channel)
    }

    /// Returns the resolvers of the channel: the standard ones, those of registries, the options of
    /// DNS, and single resolvers, each in place of those before it.
    fn resolver_registry(&self) -> Result<ResolverRegistry, BuildError> {
        let mut resolvers = ResolverRegistry::standard();
        resolvers.merge(self.resolver_registries.clone());
        #[cfg(feature = "dns")]
        if let Some(options) = &self.dns {
            let replaced = ["dns", "srv"].map(|scheme| self.resolvers.get(scheme).is_some());
            if replaced == [true, true] {
                return Err(conflict(
                    "`.dns(..)` sets the resolvers of `dns` and `srv`, and `.resolver(..)` replaces \
                     both: drop one of them",
                ));
            }
            resolvers = resolvers.with_dns(options.clone());
        }
        resolvers.merge(self.resolvers.clone());
        Ok(resolvers)
    }

    /// Returns the policies of the channel: the standard ones, those of registries, and single
    /// policies, each in place of those before it.
    fn policy_registry(&self) -> PolicyRegistry {
        let mut policies = STANDARD_POLICIES.clone();
        policies.merge(self.policy_registries.clone());
        policies.merge(self.policies.clone());
        policies
    }
}

/// The standard policies. Their factories have no state, so all channels share them.
static STANDARD_POLICIES: LazyLock<PolicyRegistry> = LazyLock::new(PolicyRegistry::standard);

fn conflict(text: &'static str) -> BuildError {
    BuildError::new(BuildErrorKind::Conflict, text)
}

fn parse_target(
    text: &str,
    resolvers: &ResolverRegistry,
    default_scheme: &str,
) -> Result<Target, BuildError> {
    let known: Vec<&str> = resolvers.schemes().collect();
    Target::parse_with(text, Schemes::new(&known, default_scheme)).map_err(|error| {
        let hint = match (error.kind(), error.suggestion()) {
            (ErrorKind::Scheme, Some(_)) => " Or add a resolver of your own with `.resolver(..)`",
            (ErrorKind::Unsupported, None) => {
                "; a resolver of your own is added with `.resolver(..)`"
            }
            _ => "",
        };
        let text = format!("the target `{text}` cannot be used: {error}{hint}");
        BuildError::new(BuildErrorKind::Target, text).with_source(error)
    })
}

/// Returns the factory for the target's scheme, if that accepts the target.
fn resolver_for(
    target: &Target,
    text: &str,
    resolvers: &ResolverRegistry,
) -> Result<Arc<dyn ResolverFactory>, BuildError> {
    let resolver = resolvers.get(target.scheme()).ok_or_else(|| {
        BuildError::new(
            BuildErrorKind::Scheme,
            format!(
                "no resolver is registered for the scheme `{}` of the target `{text}`; registered \
                 are: {}",
                target.scheme(),
                resolvers.schemes().collect::<Vec<_>>().join(", "),
            ),
        )
    })?;
    resolver.check(target).map_err(|error| {
        let text = format!("the target `{text}` cannot be used: {error}");
        BuildError::new(BuildErrorKind::Target, text).with_source(error)
    })?;
    Ok(Arc::clone(resolver))
}

/// Limits how long sent bytes may stay unacknowledged, where the system can and keepalive is on.
///
/// Source: [gRFC A18](https://github.com/grpc/proposal/blob/master/A18-tcp-user-timeout.md).
fn with_user_timeout(mut tcp: TcpOptions, keepalive: KeepaliveOptions) -> TcpOptions {
    if keepalive.is_on() && cfg!(any(target_os = "android", target_os = "linux")) {
        tcp.user_timeout.get_or_insert(keepalive.timeout);
    }
    tcp
}

fn parse_config(
    json: Option<&str>,
    policies: &PolicyRegistry,
) -> Result<Arc<ServiceConfig>, BuildError> {
    let Some(json) = json else {
        return Ok(Arc::default());
    };
    ServiceConfig::parse(json, policies)
        .map(Arc::new)
        .map_err(|error| {
            let text = format!("the default service config is invalid: {error}");
            BuildError::new(BuildErrorKind::ServiceConfig, text).with_source(error)
        })
}

/// Returns the policies that are used where neither the application nor a service config chooses one.
fn usual_policy(policies: &PolicyRegistry) -> Result<DefaultPolicy, BuildError> {
    Ok(DefaultPolicy {
        plain: parse_policy(DEFAULT_POLICY, policies)?,
        in_group: parse_policy(StaticWeightsFactory::NAME, policies)?,
    })
}

/// Returns the same of the standard policies alone. All channels share them.
fn standard_policy() -> Result<DefaultPolicy, BuildError> {
    static STANDARD: OnceLock<DefaultPolicy> = OnceLock::new();
    if let Some(policy) = STANDARD.get() {
        return Ok(policy.clone());
    }
    let policy = usual_policy(&STANDARD_POLICIES)?;
    Ok(STANDARD.get_or_init(|| policy).clone())
}

fn parse_policy(name: &str, policies: &PolicyRegistry) -> Result<PolicyChoice, BuildError> {
    PolicyChoice::parse(&json!([{ name: {} }]), policies).map_err(|error| {
        let text = if policies.get(name).is_some() {
            format!("the default policy `{name}` cannot be used: {error}")
        } else {
            let known = policies.names().collect::<Vec<_>>().join(", ");
            format!(
                "the default policy `{name}` is not known; known are: {known}; a policy of your own \
                 is added with `.policy(..)`"
            )
        };
        BuildError::new(BuildErrorKind::ServiceConfig, text).with_source(error)
    })
}

fn parse_user_agent(own: Option<&str>) -> Result<HeaderValue, BuildError> {
    let Some(own) = own else {
        return Ok(HeaderValue::from_static(USER_AGENT));
    };
    HeaderValue::try_from(format!("{own} {USER_AGENT}")).map_err(|error| {
        let text = format!("the user agent {own:?} cannot be sent: {error}");
        BuildError::new(BuildErrorKind::UserAgent, text).with_source(error)
    })
}

impl fmt::Debug for ChannelBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelBuilder")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TCP_USER_TIMEOUT is the keepalive's time-out when keepalive is on, and is left alone otherwise.
    /// (gRFC A18)
    #[cfg(target_os = "linux")]
    #[test]
    fn the_user_timeout_follows_keepalive() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let on = KeepaliveOptions::default()
            .with_time(minute)
            .with_timeout(second);
        let off = KeepaliveOptions::default();
        let own = || TcpOptions::default().with_user_timeout(minute);
        for (tcp, keepalive, expected) in [
            (TcpOptions::default(), on, Some(second)),
            (TcpOptions::default(), off, None),
            (own(), on, Some(minute)),
            (own(), off, Some(minute)),
        ] {
            let user_timeout = with_user_timeout(tcp, keepalive).user_timeout;
            assert_eq!(user_timeout, expected);
        }
    }
}
