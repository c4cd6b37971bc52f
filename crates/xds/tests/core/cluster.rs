//! Validation of clusters: section 3.3 of the specification.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use serde_json::{Value, json};
use trunkline_lb::{
    FailurePercentageEjection, OutlierDetectionConfig, PolicyRegistry, SuccessRateEjection,
};
use trunkline_service_config::PolicyChoice;
use trunkline_sim::control_plane::proto::TypeUrl;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, CustomClusterType, DiscoveryType, LbConfig, LbPolicy,
    LeastRequestLbConfig, RingHashLbConfig, TransportSocketMatch,
};
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::{
    CircuitBreakers, Cluster as Proto, OutlierDetection,
};
use trunkline_sim::control_plane::proto::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::{
    ConfigSource, Metadata, RoutingPriority, SelfConfigSource,
};
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use trunkline_sim::control_plane::proto::envoy::extensions::clusters::aggregate::v3::ClusterConfig;
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::CertificateProvider;
use trunkline_xds::core::resources::{Cluster, ClusterKind, LoadReporting};
use trunkline_xds::policies::{ClusterCounters, registry};

use crate::decoding::server;
use crate::values;

/// Returns all policies that a client has.
pub(crate) fn policies() -> PolicyRegistry {
    let mut policies = PolicyRegistry::standard();
    policies.merge(registry(&ClusterCounters::new()));
    policies
}

/// Returns the policy of a list.
#[track_caller]
pub(crate) fn policy(list: &Value) -> PolicyChoice {
    PolicyChoice::parse(list, &policies()).expect("a valid policy")
}

/// Decodes a cluster with these certificate providers.
pub(crate) fn decode_with(
    message: &Proto,
    providers: &BTreeMap<Arc<str>, CertificateProvider>,
) -> Result<Cluster, String> {
    let decoded = Cluster::decode(
        &message.encode_to_vec(),
        &Arc::new(server()),
        &policies(),
        providers,
    );
    decoded.map_err(|faults| faults.to_string())
}

/// Decodes a cluster without certificate providers.
pub(crate) fn decode(message: &Proto) -> Result<Cluster, String> {
    decode_with(message, &BTreeMap::new())
}

#[track_caller]
pub(crate) fn check_faults(message: &Proto, faults: &[&str]) {
    assert_eq!(decode(message), Err(faults.join("\n")));
}

/// Returns what a cluster has that sets nothing.
fn plain(name: &str) -> Cluster {
    let kind = ClusterKind::Eds {
        service_name: name.into(),
    };
    let lb_policy = policy(&json!([
        { "xds_wrr_locality_experimental": { "childPolicy": [{ "round_robin": {} }] } }
    ]));
    values::cluster(name, kind, lb_policy)
}

fn of_type(kind: DiscoveryType) -> Proto {
    Proto {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(kind.into())),
        ..resources::cluster("orders")
    }
}

/// An EDS cluster has the endpoints of its own name, and the defaults of all other fields.
#[test]
fn xds_3_3_1_eds() {
    assert_eq!(decode(&resources::cluster("orders")), Ok(plain("orders")));
}

/// The endpoints may have another name.
#[test]
fn xds_3_3_1_eds_service_name() {
    let message = resources::cluster_with_endpoints("orders", "orders-v2");
    let kind = ClusterKind::Eds {
        service_name: "orders-v2".into(),
    };
    assert_eq!(decode(&message).map(|cluster| cluster.kind), Ok(kind));
}

/// A cluster with an xdstp name must give the name of its endpoints.
#[test]
fn xds_3_3_1_eds_service_name_of_xdstp() {
    let name = "xdstp://a/envoy.config.cluster.v3.Cluster/orders";
    check_faults(
        &resources::cluster(name),
        &["eds_cluster_config.service_name: is missing: a cluster with an xdstp name must give it"],
    );
}

/// The endpoints come from the same server (3.0.6: "`config_source` fields must be `ads` or `self`").
#[test]
fn xds_3_3_1_eds_source() {
    let mut message = resources::cluster("orders");
    let eds = message.eds_cluster_config.as_mut().expect("it is set");
    eds.eds_config = Some(ConfigSource::default());
    check_faults(
        &message,
        &["eds_cluster_config.eds_config: must be ads or self"],
    );
    eds_source(&mut message, None);
    check_faults(
        &message,
        &["eds_cluster_config.eds_config: must be ads or self"],
    );
    eds_source(&mut message, Some(self_source()));
    assert_eq!(decode(&message), Ok(plain("orders")));
    message.eds_cluster_config = None;
    check_faults(&message, &["eds_cluster_config: is missing"]);
}

fn eds_source(message: &mut Proto, source: Option<ConfigSource>) {
    if let Some(eds) = &mut message.eds_cluster_config {
        eds.eds_config = source;
    }
}

fn self_source() -> ConfigSource {
    ConfigSource {
        config_source_specifier: Some(ConfigSourceSpecifier::Self_(SelfConfigSource {})),
    }
}

/// A LOGICAL_DNS cluster has one host name and port.
#[test]
fn xds_3_3_1_logical_dns() {
    let expected = Cluster {
        kind: ClusterKind::LogicalDns {
            host: "db.local".into(),
            port: 443,
        },
        ..plain("orders")
    };
    assert_eq!(
        decode(&resources::dns_cluster("orders", "db.local", 443)),
        Ok(expected)
    );
}

/// It has exactly one locality, one endpoint, a name, a port in range, and no resolver of its own.
#[test]
fn xds_3_3_1_logical_dns_faults() {
    let at = "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address";
    check_faults(
        &resources::dns_cluster("orders", "", 65536),
        &[
            &format!("{at}.address: is empty"),
            &format!("{at}.port_value: must be from 1 to 65535"),
        ],
    );
    let valid = || resources::dns_cluster("orders", "db.local", 443);

    let mut resolved = valid();
    let assignment = resolved.load_assignment.as_mut().expect("it is set");
    let endpoint = &mut assignment.endpoints[0].lb_endpoints[0];
    if let Some(HostIdentifier::Endpoint(endpoint)) = &mut endpoint.host_identifier {
        let mut address = resources::address("db.local", 443);
        if let Some(trunkline_sim::control_plane::proto::envoy::config::core::v3::address::Address::SocketAddress(socket)) =
            &mut address.address
        {
            socket.resolver_name = "mine".into();
        }
        endpoint.address = Some(address);
    }
    check_faults(
        &resolved,
        &[&format!(
            "{at}.resolver_name: unsupported resolver \"mine\""
        )],
    );

    let mut two = valid();
    let assignment = two.load_assignment.as_mut().expect("it is set");
    let endpoint = assignment.endpoints[0].lb_endpoints[0].clone();
    assignment.endpoints[0].lb_endpoints.push(endpoint);
    check_faults(
        &two,
        &["load_assignment.endpoints[0].lb_endpoints: must be exactly one, is 2"],
    );

    let none = Proto {
        load_assignment: None,
        ..valid()
    };
    check_faults(
        &none,
        &["load_assignment.endpoints: must be exactly one locality, is 0"],
    );
}

/// An aggregate cluster names its clusters in order.
#[test]
fn xds_3_3_1_aggregate() {
    let expected = Cluster {
        kind: ClusterKind::Aggregate {
            clusters: ["near".into(), "far".into()].into(),
        },
        ..plain("orders")
    };
    let message = resources::aggregate_cluster("orders", ["near", "far"]);
    assert_eq!(decode(&message), Ok(expected));
    check_faults(
        &resources::aggregate_cluster("orders", []),
        &["cluster_type.typed_config.clusters: is empty"],
    );
    check_faults(
        &resources::aggregate_cluster("orders", ["near", ""]),
        &["cluster_type.typed_config.clusters[1]: is empty"],
    );
}

/// Other types are refused by their names.
#[test]
fn xds_3_3_1_other_types() {
    check_faults(
        &of_type(DiscoveryType::StrictDns),
        &["type: unsupported cluster type STRICT_DNS"],
    );
    let none = Proto {
        cluster_discovery_type: None,
        ..resources::cluster("orders")
    };
    check_faults(&none, &["type: unsupported cluster type STATIC"]);
    let unknown = Proto {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(9)),
        ..resources::cluster("orders")
    };
    check_faults(&unknown, &["type: unsupported cluster type 9"]);

    let mut config = ClusterConfig::default().pack();
    config.type_url = "type.googleapis.com/redis".into();
    let custom = |typed_config| Proto {
        cluster_discovery_type: Some(ClusterDiscoveryType::ClusterType(CustomClusterType {
            name: "envoy.clusters.redis".into(),
            typed_config,
        })),
        ..resources::cluster("orders")
    };
    check_faults(
        &custom(Some(config)),
        &[r#"cluster_type.typed_config: unsupported cluster type "type.googleapis.com/redis""#],
    );
    check_faults(
        &custom(None),
        &[r#"cluster_type.typed_config: unsupported cluster type "envoy.clusters.redis""#],
    );
}

fn by_number(lb_policy: LbPolicy, lb_config: Option<LbConfig>) -> Proto {
    Proto {
        lb_policy: lb_policy.into(),
        lb_config,
        ..resources::cluster("orders")
    }
}

#[track_caller]
fn check_policy(message: &Proto, expected: &Value) {
    let chosen = decode(message).map(|cluster| cluster.lb_policy);
    assert_eq!(chosen, Ok(policy(expected)));
}

/// LEAST_REQUEST is least_request in each locality.
#[test]
fn xds_3_3_2_least_request() {
    let expected = |choices: u32| {
        json!([{ "xds_wrr_locality_experimental": {
            "childPolicy": [{ "least_request_experimental": { "choiceCount": choices } }],
        } }])
    };
    let config = |choice_count| {
        let config = LeastRequestLbConfig { choice_count };
        by_number(
            LbPolicy::LeastRequest,
            Some(LbConfig::LeastRequestLbConfig(config)),
        )
    };
    check_policy(&by_number(LbPolicy::LeastRequest, None), &expected(2));
    check_policy(&config(Some(5)), &expected(5));
    check_faults(
        &config(Some(1)),
        &["least_request_lb_config.choice_count: must be at least 2, is 1"],
    );
}

/// RING_HASH is ring_hash over all localities.
#[test]
fn xds_3_3_2_ring_hash() {
    let expected = |minimum: u64, maximum: u64| json!([{ "ring_hash_experimental": { "minRingSize": minimum, "maxRingSize": maximum } }]);
    let config = |minimum_ring_size, maximum_ring_size, hash_function| {
        let config = RingHashLbConfig {
            minimum_ring_size,
            maximum_ring_size,
            hash_function,
        };
        by_number(LbPolicy::RingHash, Some(LbConfig::RingHashLbConfig(config)))
    };
    check_policy(
        &by_number(LbPolicy::RingHash, None),
        &expected(1024, 8_388_608),
    );
    check_policy(&config(Some(7), Some(9), 0), &expected(7, 9));
    check_faults(
        &config(None, None, 1),
        &["ring_hash_lb_config.hash_function: unsupported hash function 1"],
    );
    check_faults(
        &config(Some(1025), Some(1024), 0),
        &["ring_hash_lb_config.minimum_ring_size: 1025 is above maximum_ring_size, which is 1024"],
    );
    check_faults(
        &config(None, Some(8_388_609), 0),
        &["ring_hash_lb_config.maximum_ring_size: must be at most 8388608, is 8388609"],
    );
}

/// Other numbers are refused by their names, unless the list of extensions is there.
#[test]
fn xds_3_3_2_other_policies() {
    let message = by_number(LbPolicy::Maglev, None);
    check_faults(&message, &["lb_policy: unsupported lb_policy MAGLEV"]);
    let unknown = Proto {
        lb_policy: 99,
        ..resources::cluster("orders")
    };
    check_faults(&unknown, &["lb_policy: unsupported lb_policy 99"]);
    let round_robin = trunkline_sim::control_plane::proto::envoy::extensions::load_balancing_policies::round_robin::v3::RoundRobin {};
    let with_list = Proto {
        load_balancing_policy: Some(resources::policy(&round_robin)),
        ..message
    };
    check_policy(&with_list, &json!([{ "round_robin": {} }]));
}

/// An aggregate cluster's policy is validated too.
#[test]
fn xds_3_3_2_policy_of_an_aggregate() {
    let message = Proto {
        lb_policy: LbPolicy::Random.into(),
        ..resources::aggregate_cluster("orders", ["near"])
    };
    check_faults(&message, &["lb_policy: unsupported lb_policy RANDOM"]);
}

fn thresholds(priority: RoutingPriority, max: Option<u32>) -> Thresholds {
    Thresholds {
        priority: priority.into(),
        max_connections: max,
        max_requests: max,
    }
}

/// The first limits of the priority DEFAULT count, and 1024 calls where there are none.
#[test]
fn xds_3_3_4_circuit_breakers() {
    let with = |thresholds: Vec<Thresholds>| Proto {
        circuit_breakers: Some(CircuitBreakers {
            thresholds,
            per_host_thresholds: Vec::new(),
        }),
        ..resources::cluster("orders")
    };
    let high = thresholds(RoutingPriority::High, Some(1));
    let first = thresholds(RoutingPriority::Default, Some(0));
    let second = thresholds(RoutingPriority::Default, Some(7));
    let none = thresholds(RoutingPriority::Default, None);
    let max = |thresholds| decode(&with(thresholds)).map(|cluster| cluster.max_requests);
    assert_eq!(max(vec![high, first, second]), Ok(0));
    assert_eq!(max(vec![none, second]), Ok(1024));
    assert_eq!(max(vec![high]), Ok(1024));
}

/// The most connections to an address, which is not 0.
#[test]
fn xds_3_3_4_connections_per_host() {
    let with = |per_host_thresholds: Vec<Thresholds>| Proto {
        circuit_breakers: Some(CircuitBreakers {
            thresholds: Vec::new(),
            per_host_thresholds,
        }),
        ..resources::cluster("orders")
    };
    let high = thresholds(RoutingPriority::High, Some(0));
    let default = |max| thresholds(RoutingPriority::Default, max);
    let max = |thresholds| decode(&with(thresholds)).map(|it| it.max_connections_per_host);
    assert_eq!(max(vec![high, default(Some(3))]), Ok(NonZeroU32::new(3)));
    assert_eq!(max(vec![default(None)]), Ok(None));
    check_faults(
        &with(vec![high, default(Some(0))]),
        &["circuit_breakers.per_host_thresholds[1].max_connections: must be above 0"],
    );
}

fn outliers(message: OutlierDetection) -> Proto {
    Proto {
        outlier_detection: Some(message),
        ..resources::cluster("orders")
    }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// Fields that are not set have the policy's defaults. The success rate is compared unless it is
/// switched off, the percentage of failures only where it is switched on.
#[test]
fn xds_3_3_5_outlier_detection_defaults() {
    let expected = OutlierDetectionConfig::new(plain("orders").lb_policy)
        .with_success_rate(SuccessRateEjection::default());
    let decoded = decode(&outliers(OutlierDetection::default()));
    assert_eq!(
        decoded.map(|cluster| cluster.outlier_detection),
        Ok(Some(expected))
    );

    let expected = OutlierDetectionConfig::new(plain("orders").lb_policy);
    let off = OutlierDetection {
        enforcing_success_rate: Some(0),
        enforcing_failure_percentage: Some(0),
        ..OutlierDetection::default()
    };
    let decoded = decode(&outliers(off));
    assert_eq!(
        decoded.map(|cluster| cluster.outlier_detection),
        Ok(Some(expected))
    );
}

/// All fields of the detection of outliers.
#[test]
fn xds_3_3_5_outlier_detection() {
    let message = OutlierDetection {
        interval: seconds(1),
        base_ejection_time: seconds(2),
        max_ejection_time: seconds(3),
        max_ejection_percent: Some(4),
        enforcing_success_rate: Some(5),
        success_rate_minimum_hosts: Some(6),
        success_rate_request_volume: Some(7),
        success_rate_stdev_factor: Some(8),
        failure_percentage_threshold: Some(9),
        enforcing_failure_percentage: Some(10),
        failure_percentage_minimum_hosts: Some(11),
        failure_percentage_request_volume: Some(12),
    };
    let success = SuccessRateEjection::default()
        .with_enforcement_percentage(5)
        .with_minimum_hosts(6)
        .with_request_volume(7)
        .with_stdev_factor(8);
    let failure = FailurePercentageEjection::default()
        .with_threshold(9)
        .with_enforcement_percentage(10)
        .with_minimum_hosts(11)
        .with_request_volume(12);
    let expected = OutlierDetectionConfig::new(plain("orders").lb_policy)
        .with_interval(Duration::from_secs(1))
        .with_base_ejection_time(Duration::from_secs(2))
        .with_max_ejection_time(Duration::from_secs(3))
        .with_max_ejection_percent(4)
        .with_success_rate(success)
        .with_failure_percentage(failure);
    let decoded = decode(&outliers(message));
    assert_eq!(
        decoded.map(|cluster| cluster.outlier_detection),
        Ok(Some(expected))
    );
}

/// Durations are valid, and percentages at most 100. All faults are found, also beside a bad policy.
#[test]
fn xds_3_3_5_outlier_detection_faults() {
    let message = OutlierDetection {
        interval: seconds(-1),
        base_ejection_time: seconds(315_576_000_001),
        max_ejection_time: Some(prost_types::Duration {
            seconds: 0,
            nanos: 1_000_000_000,
        }),
        max_ejection_percent: Some(101),
        enforcing_success_rate: Some(102),
        failure_percentage_threshold: Some(103),
        enforcing_failure_percentage: Some(104),
        ..OutlierDetection::default()
    };
    check_faults(
        &Proto {
            lb_policy: LbPolicy::Random.into(),
            ..outliers(message)
        },
        &[
            "lb_policy: unsupported lb_policy RANDOM",
            "outlier_detection.interval: bad duration: -1 s and 0 ns",
            "outlier_detection.base_ejection_time: bad duration: 315576000001 s and 0 ns",
            "outlier_detection.max_ejection_time: bad duration: 0 s and 1000000000 ns",
            "outlier_detection.max_ejection_percent: must be at most 100, is 101",
            "outlier_detection.enforcing_success_rate: must be at most 100, is 102",
            "outlier_detection.failure_percentage_threshold: must be at most 100, is 103",
            "outlier_detection.enforcing_failure_percentage: must be at most 100, is 104",
        ],
    );
}

/// Security by endpoint is refused.
#[test]
fn xds_3_3_6_transport_socket_matches() {
    let message = Proto {
        transport_socket_matches: vec![TransportSocketMatch::default()],
        ..resources::cluster("orders")
    };
    check_faults(&message, &["transport_socket_matches: unsupported"]);
}

/// Load is reported to the server that sent the cluster, and to no other.
#[test]
fn xds_3_3_7_load_reporting() {
    let reporting = |lrs_server| Proto {
        lrs_server,
        lrs_report_endpoint_metrics: vec!["cpu_utilization".into(), "named_metrics.*".into()],
        ..resources::cluster("orders")
    };
    let expected = LoadReporting {
        server: Arc::new(server()),
        endpoint_metrics: vec!["cpu_utilization".into(), "named_metrics.*".into()],
    };
    let decoded = |message: &Proto| decode(message).map(|cluster| cluster.load_reporting);
    assert_eq!(decoded(&reporting(Some(self_source()))), Ok(Some(expected)));
    assert_eq!(decoded(&reporting(None)), Ok(None));
    check_faults(
        &reporting(Some(resources::ads())),
        &["lrs_server: must be self"],
    );
}

/// Labels of metrics come from the metadata. Those that are no text are not known.
#[test]
fn xds_3_3_8_telemetry_labels() {
    let text = prost_types::value::Kind::StringValue("shop".into());
    let number = prost_types::value::Kind::NumberValue(7.0);
    let field = |name: &str, kind| (name.to_owned(), prost_types::Value { kind: Some(kind) });
    let labels = prost_types::Struct {
        fields: [
            field("service_name", text),
            field("service_namespace", number),
        ]
        .into(),
    };
    let message = Proto {
        metadata: Some(Metadata {
            filter_metadata: [("com.google.csm.telemetry_labels".to_owned(), labels)].into(),
            ..Metadata::default()
        }),
        ..resources::cluster("orders")
    };
    let expected = Cluster {
        service_name_label: "shop".into(),
        ..plain("orders")
    };
    assert_eq!(decode(&message), Ok(expected));
}

/// A cluster of more than 1 MiB is refused, because it takes many times as much in memory.
#[test]
fn xds_3_0_size_of_a_cluster_is_bounded() {
    let message = Proto {
        lrs_report_endpoint_metrics: vec!["x".repeat(1 << 20)],
        ..resources::cluster("orders")
    };
    let bytes = message.encoded_len();
    check_faults(&message, &[&format!("{bytes} bytes, the most is 1048576")]);
}
