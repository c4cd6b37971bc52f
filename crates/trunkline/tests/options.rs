//! Options: each `with_*` method sets its own field, and no other.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use trunkline::connect::io::{AddressOrder, ConnectOptions};
use trunkline::connect::{OnFailure, RaceOptions, RttHistory};
use trunkline::dns::ClientConfig;
use trunkline::lb::{LeastRequestConfig, PickFirstConfig, PolicyOptions, RingHashConfig, Update};
use trunkline::resolver::{AddressFamilies, Pacing, ResolverEvent, ResolverMetrics};
use trunkline::runtime::Lock;
use trunkline::service_config::{AttemptPolicy, Client, MethodConfig, ServiceConfig};
use trunkline::{
    Address, AttemptDelay, AttributeKey, Attributes, BackoffPolicy, BoxFuture, Connected,
    Connector, CredentialsKind, DnsOptions, Family, HttpOptions, KeepaliveOptions, Resolution,
    ResolverOptions, TcpOptions, UdpOptions,
};

const SECOND: Duration = Duration::from_secs(1);

/// Sets each field once by its method and once itself, and compares all fields.
macro_rules! check {
    ($options:expr, $($method:ident($argument:expr) => $field:ident = $value:expr,)+) => {$({
        let set = $options.$method($argument);
        let mut expected = $options;
        expected.$field = $value;
        assert_eq!(format!("{set:?}"), format!("{expected:?}"));
        assert_ne!(format!("{set:?}"), format!("{:?}", $options), "the default is another value");
    })+};
}

#[test]
fn sockets() {
    let v4 = Ipv4Addr::LOCALHOST;
    check! {TcpOptions::default(),
        with_nodelay(false) => nodelay = false,
        with_keepalive(SECOND) => keepalive = Some(SECOND),
        with_keepalive_interval(SECOND) => keepalive_interval = Some(SECOND),
        with_keepalive_probes(7) => keepalive_probes = Some(7),
        with_bind_ipv4(v4) => bind_ipv4 = Some(v4),
        with_bind_ipv6(Ipv6Addr::LOCALHOST) => bind_ipv6 = Some(Ipv6Addr::LOCALHOST),
        with_interface("lo") => interface = Some("lo".to_owned()),
        with_mark(7) => mark = Some(7),
        with_user_timeout(SECOND) => user_timeout = Some(SECOND),
    }
    check! {UdpOptions::default(),
        with_bind(IpAddr::V4(v4)) => bind = Some(IpAddr::V4(v4)),
    }
}

#[test]
fn connections() {
    check! {BackoffPolicy::default(),
        with_initial(SECOND * 2) => initial = SECOND * 2,
        with_multiplier(3.0) => multiplier = 3.0,
        with_jitter(0.5) => jitter = 0.5,
        with_max(SECOND) => max = SECOND,
        with_min_attempt(SECOND) => min_attempt = SECOND,
    }
    check! {KeepaliveOptions::default(),
        with_time(SECOND) => time = SECOND,
        with_timeout(SECOND) => timeout = SECOND,
        with_without_calls(true) => without_calls = true,
    }
    let keepalive = KeepaliveOptions::default().with_time(SECOND);
    check! {HttpOptions::default(),
        with_keepalive(keepalive) => keepalive = keepalive,
        with_adaptive_window(true) => adaptive_window = true,
        with_stream_window(1) => stream_window = 1,
        with_connection_window(1) => connection_window = 1,
        with_max_header_list(1) => max_header_list = 1,
    }
    let delay = AttemptDelay::new(SECOND);
    check! {RaceOptions::default(),
        with_attempt_delay(delay) => attempt_delay = delay,
        with_dynamic_delay(true) => dynamic_delay = true,
        with_resolution_delay(SECOND) => resolution_delay = SECOND,
        with_prefer(Family::V4) => prefer = Some(Family::V4),
        with_interleave(false) => interleave = false,
        with_first_family_count(2) => first_family_count = 2,
        with_on_failure(OnFailure::Newest) => on_failure = OnFailure::Newest,
        with_min_gap(SECOND) => min_gap = SECOND,
        with_max_in_flight(2) => max_in_flight = 2,
        with_attempt_timeout(SECOND) => attempt_timeout = Some(SECOND),
        with_timeout(SECOND) => timeout = Some(SECOND),
        with_timeout(None) => timeout = None,
    }
    let history = Arc::new(Lock::new(RttHistory::default()));
    check! {ConnectOptions::default(),
        with_race(RaceOptions::strict()) => race = RaceOptions::strict(),
        with_tcp(TcpOptions::default().with_mark(1)) => tcp = TcpOptions::default().with_mark(1),
        with_order(AddressOrder::AsGiven) => order = AddressOrder::AsGiven,
        with_history(Arc::clone(&history)) => history = Some(Arc::clone(&history)),
    }
}

#[test]
fn resolving() {
    let backoff = BackoffPolicy::default().with_max(SECOND);
    check! {Pacing::default(),
        with_min_interval(SECOND) => min_interval = SECOND,
        with_jitter(0.5) => jitter = 0.5,
        with_refresh(false) => refresh = false,
        with_backoff(backoff) => backoff = backoff,
    }
    let server = SocketAddr::from(([127, 0, 0, 1], 53));
    let pacing = Pacing::default().with_refresh(false);
    let system = ClientConfig::system;
    check! {DnsOptions::default(),
        with_client(system().cache(1)) => client = system().cache(1),
        with_resolv_conf_file("f") => client = system().resolv_conf_file("f"),
        with_hosts_file("f") => client = system().hosts_file("f"),
        with_servers(vec![server]) => client = system().servers(vec![server]),
        with_resolving_timeout(SECOND) => client = system().deadline(SECOND),
        with_fallback_servers(vec![server]) => fallback_servers = vec![server],
        with_pacing(pacing.clone()) => pacing = pacing.clone(),
        with_families(AddressFamilies::Ipv4Only) => families = AddressFamilies::Ipv4Only,
        with_sort(false) => sort = false,
        with_txt_service_config(true) => txt_service_config = true,
        with_host_name("a") => host_name = Some("a".to_owned()),
        with_resolution_delay(SECOND) => resolution_delay = SECOND,
    }
    let connector: Arc<dyn Connector> = Arc::new(Nowhere);
    let metrics: Arc<dyn ResolverMetrics> = Arc::new(Dropped);
    let runtime = trunkline::default_runtime().expect("a runtime");
    check! {ResolverOptions::new(Arc::clone(&runtime)),
        with_disable_service_config(true) => disable_service_config = true,
        with_authority("a") => authority = Some("a".into()),
        with_is_authority_set(true) => is_authority_set = true,
        with_connector(Arc::clone(&connector)) => connector = Arc::clone(&connector),
        with_credentials(CredentialsKind::Tls) => credentials = CredentialsKind::Tls,
        with_metrics(Arc::clone(&metrics)) => metrics = Some(Arc::clone(&metrics)),
    }
    check! {Resolution::new([]),
        with_attributes(named()) => attributes = named(),
        with_resolution_note("a") => resolution_note = "a".into(),
    }
}

#[test]
fn policies_and_methods() {
    let delay = AttemptDelay::new(SECOND);
    check! {PolicyOptions::new(1),
        with_attempt_delay(delay) => attempt_delay = delay,
        with_ring_size_cap(1) => ring_size_cap = 1,
    }
    check! {PickFirstConfig::default(),
        with_shuffle_address_list(true) => shuffle_address_list = true,
    }
    check! {LeastRequestConfig::default(),
        with_choice_count(3) => choice_count = 3,
    }
    let header = HeaderName::from_static("user");
    check! {RingHashConfig::default(),
        with_min_ring_size(1) => min_ring_size = 1,
        with_max_ring_size(2) => max_ring_size = 2,
        with_request_hash_header(header.clone()) => request_hash_header = Some(header),
    }
    check! {Update::new([], Arc::new(PickFirstConfig::default())),
        with_attributes(named()) => attributes = named(),
        with_resolution_note("a") => resolution_note = "a".into(),
    }
    check! {Client::new(1, None),
        with_language("go") => language = "go",
    }
    let attempts = hedging();
    check! {MethodConfig::default(),
        with_wait_for_ready(true) => wait_for_ready = Some(true),
        with_timeout(SECOND) => timeout = Some(SECOND),
        with_max_request_message_bytes(1) => max_request_message_bytes = Some(1),
        with_max_response_message_bytes(1) => max_response_message_bytes = Some(1),
        with_attempts(attempts.clone()) => attempts = Some(attempts.clone()),
    }
}

/// A connector that reaches nothing.
#[derive(Debug)]
struct Nowhere;

impl Connector for Nowhere {
    fn connect(&self, address: &Address) -> BoxFuture<io::Result<Connected>> {
        let text = format!("{address} cannot be reached");
        Box::pin(async move { Err(io::Error::other(text)) })
    }
}

/// Metrics that are dropped.
#[derive(Debug)]
struct Dropped;

impl ResolverMetrics for Dropped {
    fn record(&self, _: &ResolverEvent) {}
}

/// Returns attributes that have a value.
fn named() -> Attributes {
    Attributes::new().with::<Name>(1)
}

struct Name;

impl AttributeKey for Name {
    type Value = u8;
    const NAME: &'static str = "name";
    const IDENTIFIES_CONNECTION: bool = false;
}

fn hedging() -> AttemptPolicy {
    let json = r#"{"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 2}}]}"#;
    let registry = trunkline::lb::PolicyRegistry::standard();
    let config = ServiceConfig::parse(json, &registry).expect("a service config");
    let method = config.method("/s/m").expect("a method");
    method.attempts.clone().expect("an attempt policy")
}
