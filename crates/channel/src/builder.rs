//! Building a channel.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Authority, Scheme};
use serde_json::json;
use trunkline_backoff::BackoffPolicy;
use trunkline_connector::{Connector, DirectConnector};
use trunkline_endpoint::AttemptDelay;
use trunkline_lb::{PolicyFactory, PolicyOptions, PolicyRegistry};
use trunkline_resolver::{ResolverFactory, ResolverOptions, ResolverRegistry};
use trunkline_runtime::{Runtime, TcpOptions};
use trunkline_service_config::{PolicyChoice, ServiceConfig};
use trunkline_target::{Schemes, Target};
use trunkline_transport::HttpOptions;

use crate::channel::Channel;
use crate::control::task::{Control, Inbox};
use crate::core::CoreOptions;
use crate::core::event::Observer;
use crate::core::snapshot::Snapshot;
use crate::error::{BuildError, BuildErrorKind};
use crate::shared::{Handle, Shared};

/// The policy that is used where no service config names one.
///
/// Source: [service config](https://github.com/grpc/grpc/blob/master/doc/service_config.md).
const DEFAULT_POLICY: &str = "pick_first";

/// What `user-agent` says, after what the application says.
///
/// Source: [gRPC over HTTP/2, User Agents](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#user-agents).
const USER_AGENT: &str = concat!("grpc-rust-trunkline/", env!("CARGO_PKG_VERSION"));

/// Sets a [`Channel`] up.
#[must_use = "a builder does nothing until `build`"]
pub struct ChannelBuilder {
    target: String,
    default_scheme: Option<String>,
    default_service_config: Option<String>,
    security: Option<Security>,
    runtime: Option<Arc<dyn Runtime>>,
    resolvers: ResolverRegistry,
    policies: PolicyRegistry,
    connector: Option<Arc<dyn Connector>>,
    authority: Option<String>,
    user_agent: Option<String>,
    backoff: BackoffPolicy,
    attempt_delay: AttemptDelay,
    tcp: TcpOptions,
    http: HttpOptions,
    observer: Option<Arc<dyn Observer>>,
    disable_service_config: bool,
}

/// How connections are secured.
#[derive(Clone, Copy, Debug)]
enum Security {
    Plaintext,
}

impl ChannelBuilder {
    pub(crate) fn new(target: String) -> Self {
        Self {
            target,
            default_scheme: None,
            default_service_config: None,
            security: None,
            runtime: None,
            resolvers: ResolverRegistry::standard(),
            policies: PolicyRegistry::standard(),
            connector: None,
            authority: None,
            user_agent: None,
            backoff: BackoffPolicy::default(),
            attempt_delay: AttemptDelay::default(),
            tcp: TcpOptions::default(),
            http: HttpOptions::default(),
            observer: None,
            disable_service_config: false,
        }
    }

    /// The service config, as JSON, that holds while the resolver gives none. Default: empty, which
    /// means pick_first.
    pub fn default_service_config(mut self, json: impl Into<String>) -> Self {
        self.default_service_config = Some(json.into());
        self
    }

    /// Ignores the service config of the resolver, and asks for none.
    pub fn disable_service_config(mut self) -> Self {
        self.disable_service_config = true;
        self
    }

    /// Connects without encryption or proof of who is at the other end.
    pub fn plaintext(mut self) -> Self {
        self.security = Some(Security::Plaintext);
        self
    }

    /// The runtime to use. Default: that of the features that are on; with several of them
    /// async-std, then smol, then tokio.
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// A resolver for the targets of its scheme, in place of one that is there.
    pub fn resolver(mut self, factory: impl ResolverFactory + 'static) -> Self {
        self.resolvers.register(Arc::new(factory));
        self
    }

    /// All resolvers that this channel may use, in place of the standard ones.
    pub fn resolvers(mut self, registry: ResolverRegistry) -> Self {
        self.resolvers = registry;
        self
    }

    /// How the schemes `dns` and `srv` resolve.
    #[cfg(feature = "dns")]
    pub fn dns(mut self, options: trunkline_resolver::DnsOptions) -> Self {
        self.resolvers = self.resolvers.with_dns(options);
        self
    }

    /// A load-balancing policy that a service config can name, in place of one of the same name.
    pub fn policy(mut self, factory: impl PolicyFactory + 'static) -> Self {
        self.policies.register(Arc::new(factory));
        self
    }

    /// What makes streams to addresses. Default: TCP and Unix sockets of the runtime.
    pub fn connector(mut self, connector: impl Connector + 'static) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// The scheme that a target without a known one has. Default: `dns`.
    pub fn default_scheme(mut self, scheme: impl Into<String>) -> Self {
        self.default_scheme = Some(scheme.into());
        self
    }

    /// What `:authority` says, in place of the target's own name.
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// What `user-agent` says before the name of this library.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// How long to wait between attempts at one address.
    pub fn backoff(mut self, policy: BackoffPolicy) -> Self {
        self.backoff = policy;
        self
    }

    /// How long pick_first waits for one address of an endpoint before it tries the next as well;
    /// clamped to 100 ms to 2 s. Default: 250 ms.
    ///
    /// Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.attempt_delay = AttemptDelay::new(delay);
        self
    }

    /// How TCP sockets are set up.
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.tcp = options;
        self
    }

    /// How HTTP/2 is set up.
    pub fn http(mut self, options: HttpOptions) -> Self {
        self.http = options;
        self
    }

    /// Is told of everything that happens to the channel outside of its calls.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Builds the channel. Does no I/O, and needs no runtime to be running yet.
    ///
    /// # Errors
    ///
    /// When something that was asked for can never work; see [`BuildErrorKind`].
    pub fn build(self) -> Result<Channel, BuildError> {
        let Some(Security::Plaintext) = self.security else {
            return Err(BuildError::new(
                BuildErrorKind::Security,
                "no transport security was chosen: call `.plaintext()` for connections without \
                 encryption, or `.tls(..)` once this version has it; neither is implied",
            ));
        };
        let runtime = self.runtime.or_else(trunkline_runtime::default_runtime).ok_or_else(|| {
            BuildError::new(
                BuildErrorKind::Runtime,
                "there is no runtime: give one with `.runtime(..)`, or turn on one of the features \
                 `async-std`, `smol`, `tokio`",
            )
        })?;
        let default_scheme = self.default_scheme.as_deref().unwrap_or("dns");
        let target = parse_target(&self.target, &self.resolvers, default_scheme)?;
        let resolver = self.resolvers.get(target.scheme()).ok_or_else(|| {
            BuildError::new(
                BuildErrorKind::Scheme,
                format!(
                    "no resolver is registered for the scheme `{}` of the target `{}`; registered \
                     are: {}",
                    target.scheme(),
                    self.target,
                    self.resolvers.schemes().collect::<Vec<_>>().join(", "),
                ),
            )
        })?;
        let resolver = Arc::clone(resolver);
        resolver.check(&target).map_err(|error| {
            let text = format!("the target `{}` cannot be used: {error}", self.target);
            BuildError::new(BuildErrorKind::Target, text).with_source(error)
        })?;
        let authority = self
            .authority
            .or_else(|| resolver.default_authority(&target))
            .unwrap_or_else(|| target.default_authority().into_owned());
        let authority = parse_authority(&authority, &self.target)?;
        let default_config = parse_config(self.default_service_config.as_deref(), &self.policies)?;
        let default_policy = default_policy(&self.policies)?;
        let user_agent = parse_user_agent(self.user_agent.as_deref())?;

        let target_text: Arc<str> = self.target.into();
        let shared = Arc::new(Shared {
            canonical: target.canonical(),
            target: target_text,
            scheme: Scheme::HTTP,
            authority,
            user_agent,
            runtime: Arc::clone(&runtime),
            published: crate::shared::Published::new(Snapshot::idle(Arc::clone(&default_config))),
        });
        let connector = self.connector.unwrap_or_else(|| {
            Arc::new(DirectConnector::new(Arc::clone(&runtime)).with_tcp(self.tcp))
        });
        let mut policy_options = PolicyOptions::new(0);
        policy_options.attempt_delay = self.attempt_delay;
        let mut resolver_options = ResolverOptions::new(runtime);
        resolver_options.disable_service_config = self.disable_service_config;
        let (events, inbox) = async_channel::unbounded();
        let control = Control {
            shared: Arc::clone(&shared),
            target,
            resolver,
            resolver_options,
            core: CoreOptions {
                policies: self.policies,
                policy_options,
                default_config,
                default_policy,
                disable_service_config: self.disable_service_config,
                backoff: self.backoff,
            },
            connector,
            http: self.http,
            observer: self.observer,
            events: events.clone(),
            inbox: Inbox::new(Arc::clone(&shared), inbox),
        };
        Ok(Channel::new(Handle::new(shared, events, control)))
    }
}

fn parse_target(
    text: &str,
    resolvers: &ResolverRegistry,
    default_scheme: &str,
) -> Result<Target, BuildError> {
    let known: Vec<&str> = resolvers.schemes().collect();
    Target::parse_with(text, Schemes::new(&known, default_scheme)).map_err(|error| {
        let text = format!("the target `{text}` cannot be used: {error}");
        BuildError::new(BuildErrorKind::Target, text).with_source(error)
    })
}

fn parse_authority(text: &str, target: &str) -> Result<Authority, BuildError> {
    text.parse().map_err(|error: http::uri::InvalidUri| {
        BuildError::new(
            BuildErrorKind::Authority,
            format!(
                "the authority `{text}` of the target `{target}` cannot be sent over HTTP/2 \
                 ({error}); give another with `.authority(..)`"
            ),
        )
        .with_source(error)
    })
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

fn default_policy(policies: &PolicyRegistry) -> Result<PolicyChoice, BuildError> {
    PolicyChoice::parse(&json!([{ DEFAULT_POLICY: {} }]), policies).map_err(|error| {
        let text = format!("the default policy cannot be used: {error}");
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
