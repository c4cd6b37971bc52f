//! Validation of the endpoints of clusters: section 3.4 of the specification.

use std::net::SocketAddr;
use std::sync::Arc;

use prost::Message;
use trunkline_endpoint::{Attributes, Endpoint, Locality, Weight};
use trunkline_lb::HashKey;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::{
    Address, HealthStatus, Metadata, SocketAddress, address, socket_address,
};
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::cluster_load_assignment::Policy;
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::cluster_load_assignment::policy::DropOverload;
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::endpoint::AdditionalAddress;
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, LbEndpoint, LocalityLbEndpoints,
};
use trunkline_sim::control_plane::proto::envoy::r#type::v3::FractionalPercent;
use trunkline_sim::control_plane::proto::google::protobuf::Any;
use trunkline_sim::control_plane::proto::TypeUrl;
use trunkline_sim::control_plane::resources;
use trunkline_xds::core::{Hostname, HttpProxy};
use trunkline_xds::core::resources::{
    ClusterEndpoints, DropCategory, Fraction, LocalityEndpoints, LocalityName,
};

/// The text of the locality that the tests use most.
const HERE: &str = r#"{region="r", zone="here", sub_zone=""}"#;

fn decode(message: &ClusterLoadAssignment) -> Result<ClusterEndpoints, String> {
    ClusterEndpoints::decode(&message.encode_to_vec(), None).map_err(|faults| faults.to_string())
}

#[track_caller]
fn check_faults(message: &ClusterLoadAssignment, faults: &[&str]) {
    assert_eq!(decode(message), Err(faults.join("\n")));
}

/// Returns the only locality of a message.
#[track_caller]
fn only_locality(message: &ClusterLoadAssignment) -> LocalityEndpoints {
    let endpoints = decode(message).expect("valid endpoints");
    let [localities] = &*endpoints.priorities else {
        panic!("one priority: {endpoints:?}");
    };
    let [locality] = &**localities else {
        panic!("one locality: {endpoints:?}");
    };
    locality.clone()
}

fn locality(zone: &str, endpoints: impl IntoIterator<Item = LbEndpoint>) -> LocalityLbEndpoints {
    resources::locality_endpoints(resources::locality("r", zone, ""), endpoints)
}

fn assignment(localities: impl IntoIterator<Item = LocalityLbEndpoints>) -> ClusterLoadAssignment {
    resources::assignment("orders", localities)
}

/// Returns an assignment with one locality.
fn here(endpoints: impl IntoIterator<Item = LbEndpoint>) -> ClusterLoadAssignment {
    assignment([locality("here", endpoints)])
}

fn addr(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 443))
}

fn endpoint(number: u8) -> LbEndpoint {
    resources::endpoint(addr(number))
}

/// Returns a message with these addresses: the first one, and the additional ones.
fn endpoint_at(addresses: &[Address]) -> LbEndpoint {
    let mut message = endpoint(1);
    if let Some(HostIdentifier::Endpoint(endpoint)) = &mut message.host_identifier {
        endpoint.address = addresses.first().cloned();
        endpoint.additional_addresses = addresses[1..]
            .iter()
            .map(|address| AdditionalAddress {
                address: Some(address.clone()),
            })
            .collect();
    }
    message
}

fn weighted(number: u8, weight: u32) -> LbEndpoint {
    LbEndpoint {
        load_balancing_weight: Some(weight),
        ..endpoint(number)
    }
}

fn with_health(number: u8, health: i32) -> LbEndpoint {
    LbEndpoint {
        health_status: health,
        ..endpoint(number)
    }
}

/// Returns the attributes of an endpoint of the locality `here`.
fn attributes(weight: u32) -> Attributes {
    Attributes::new()
        .with::<Weight>(weight)
        .with::<Locality>(HERE.into())
}

/// All weight of a priority.
const ALL: u32 = 1 << 31;

/// Endpoints by priority and locality, each with its addresses, its weight and its locality.
#[test]
fn xds_3_4_endpoints_by_priority_and_locality() {
    let message = assignment([
        LocalityLbEndpoints {
            priority: 1,
            ..locality("there", [endpoint(3)])
        },
        locality("here", [endpoint(1), endpoint(2)]),
    ]);
    let name = |zone: &str| {
        Arc::new(LocalityName {
            region: "r".into(),
            zone: zone.into(),
            sub_zone: "".into(),
        })
    };
    let there = r#"{region="r", zone="there", sub_zone=""}"#;
    let of_there = Attributes::new()
        .with::<Weight>(ALL)
        .with::<Locality>(there.into());
    let of = |number, attributes| Endpoint::new([addr(number)]).with_attributes(attributes);
    let expected = ClusterEndpoints {
        name: "orders".into(),
        priorities: vec![
            vec![LocalityEndpoints {
                name: name("here"),
                weight: 1,
                endpoints: [of(1, attributes(ALL / 2)), of(2, attributes(ALL / 2))].into(),
                all: 2,
            }],
            vec![LocalityEndpoints {
                name: name("there"),
                weight: 1,
                endpoints: [of(3, of_there)].into(),
                all: 1,
            }],
        ],
        drops: Vec::new(),
    };
    assert_eq!(decode(&message), Ok(expected));
}

/// A locality without a weight, or with the weight 0, is skipped unseen.
#[test]
fn xds_3_4_1_locality_without_weight_is_skipped() {
    let skipped = |load_balancing_weight| LocalityLbEndpoints {
        load_balancing_weight,
        priority: 7,
        locality: None,
        lb_endpoints: vec![LbEndpoint::default()],
    };
    let message = assignment([skipped(None), skipped(Some(0)), locality("here", [])]);
    assert_eq!(only_locality(&message).name.zone.as_ref(), "here");
}

/// A locality must have its name.
#[test]
fn xds_3_4_1_locality_is_required() {
    let message = assignment([LocalityLbEndpoints {
        locality: None,
        ..locality("here", [endpoint(1)])
    }]);
    check_faults(&message, &["endpoints[0].locality: no locality"]);
}

/// The weights of the localities of a priority add up to at most 2^32 - 1.
#[test]
fn xds_3_4_1_sum_of_weights_per_priority() {
    let weighing = |zone, weight, priority| LocalityLbEndpoints {
        load_balancing_weight: Some(weight),
        priority,
        ..locality(zone, [])
    };
    let most = u32::MAX;
    let apart = [weighing("a", most, 0), weighing("b", most, 1)];
    assert!(decode(&assignment(apart)).is_ok());
    let together = [weighing("a", most, 0), weighing("b", 1, 0)];
    check_faults(
        &assignment(together),
        &["endpoints: the weights of priority 0 add up to 4294967296, more than 4294967295"],
    );
}

/// The same locality twice in a priority is refused, in two priorities it is not.
#[test]
fn xds_3_4_1_locality_twice_in_a_priority() {
    let second = |priority| LocalityLbEndpoints {
        priority,
        ..locality("here", [])
    };
    assert!(decode(&assignment([locality("here", []), second(1)])).is_ok());
    check_faults(
        &assignment([locality("here", []), second(0)]),
        &[&format!(
            "endpoints[1].locality: {HERE} appears twice in priority 0"
        )],
    );
}

/// The priorities have no gap.
#[test]
fn xds_3_4_1_priorities_without_a_gap() {
    let of = |priority| LocalityLbEndpoints {
        priority,
        ..locality("here", [])
    };
    check_faults(&assignment([of(1)]), &["endpoints: priority 0 is missing"]);
    check_faults(
        &assignment([of(u32::MAX), of(0)]),
        &["endpoints: priority 1 is missing"],
    );
}

/// An address is an IP literal. A name is refused, with what to use in its place.
#[test]
fn xds_3_4_2_address_is_an_ip_literal() {
    let names = [
        resources::address("db.local", 443),
        resources::address("", 443),
    ];
    check_faults(
        &here([endpoint_at(&names)]),
        &[
            "endpoints[0].lb_endpoints[0].endpoint.address.socket_address: \"db.local\" is not an \
             IP address; use a LOGICAL_DNS cluster",
            "endpoints[0].lb_endpoints[0].endpoint.additional_addresses[0].address.socket_address: \
             \"\" is not an IP address; use a LOGICAL_DNS cluster",
        ],
    );
}

/// A port is from 1 to 65535, and a number.
#[test]
fn xds_3_4_2_port_is_in_range() {
    let named = SocketAddress {
        address: "192.0.2.1".into(),
        port_specifier: Some(socket_address::PortSpecifier::NamedPort("https".into())),
        ..SocketAddress::default()
    };
    let named = Address {
        address: Some(address::Address::SocketAddress(named)),
    };
    let of = |address: Address| endpoint_at(&[address]);
    let at = |index| {
        format!("endpoints[0].lb_endpoints[{index}].endpoint.address.socket_address.port_value")
    };
    check_faults(
        &here([
            of(resources::address("192.0.2.1", 0)),
            of(resources::address("192.0.2.1", 65536)),
            of(named),
        ]),
        &[
            &format!("{}: must be from 1 to 65535, is 0", at(0)),
            &format!("{}: must be from 1 to 65535, is 65536", at(1)),
            &format!("{}: must be from 1 to 65535, is none", at(2)),
        ],
    );
}

/// An endpoint has an address of TCP, and each of its additional addresses is one.
#[test]
fn xds_3_4_2_address_is_required() {
    let none = Address { address: None };
    check_faults(
        &here([LbEndpoint::default(), endpoint_at(&[none.clone(), none])]),
        &[
            "endpoints[0].lb_endpoints[0].endpoint: no endpoint",
            "endpoints[0].lb_endpoints[1].endpoint.address.socket_address: no IP address and port",
            "endpoints[0].lb_endpoints[1].endpoint.additional_addresses[0].address.socket_address: \
             no IP address and port",
        ],
    );
}

/// Several addresses are one endpoint with one share, in the order in which they were sent.
#[test]
fn xds_3_4_3_additional_addresses_are_one_endpoint() {
    let addresses = ["2001:db8::1", "192.0.2.9", "2001:db8::2"];
    let messages = addresses.map(|host| resources::address(host, 443));
    let expected = addresses.map(|host| SocketAddr::new(host.parse().expect("an IP address"), 443));
    let locality = only_locality(&here([endpoint_at(&messages), endpoint(1)]));
    assert_eq!(
        *locality.endpoints,
        [
            Endpoint::new(expected).with_attributes(attributes(ALL / 2)),
            Endpoint::new([addr(1)]).with_attributes(attributes(ALL / 2)),
        ]
    );
}

/// An address twice anywhere in the resource is refused: also as an additional one, in another
/// locality, or mapped into IPv6.
#[test]
fn xds_3_4_2_address_twice() {
    let mapped = resources::address("::ffff:192.0.2.1", 443);
    let message = assignment([
        LocalityLbEndpoints {
            priority: 1,
            ..locality("there", [endpoint(1), endpoint(2)])
        },
        locality(
            "here",
            [endpoint_at(&[resources::address("192.0.2.3", 443), mapped])],
        ),
    ]);
    check_faults(
        &message,
        &["endpoints[1].lb_endpoints[0]: 192.0.2.1:443 appears twice"],
    );
}

/// The weight of an endpoint is 1 unless it is set, and not 0. The weights of a locality add up to at most
/// 2^32 - 1.
#[test]
fn xds_3_4_2_weights_of_endpoints() {
    check_faults(
        &here([weighted(1, 0)]),
        &["endpoints[0].lb_endpoints[0].load_balancing_weight: must be above 0"],
    );
    check_faults(
        &here([weighted(1, u32::MAX), endpoint(2)]),
        &["endpoints[0].lb_endpoints: the weights add up to 4294967296, more than 4294967295"],
    );
}

/// Endpoints whose health is UNKNOWN or HEALTHY are used. Others are left out once they are validated, and
/// so are those with a status that is not known.
#[test]
fn xds_3_4_2_health() {
    let statuses = [
        HealthStatus::Unknown as i32,
        HealthStatus::Healthy as i32,
        HealthStatus::Unhealthy as i32,
        HealthStatus::Draining as i32,
        HealthStatus::Timeout as i32,
        HealthStatus::Degraded as i32,
        99,
    ];
    let endpoints = (1..)
        .zip(statuses)
        .map(|(at, status)| with_health(at, status));
    let locality = only_locality(&here(endpoints));
    let used: Vec<String> = locality.endpoints.iter().map(Endpoint::to_string).collect();
    assert_eq!(used, ["[192.0.2.1:443]", "[192.0.2.2:443]"]);
    assert_eq!(locality.all, 7);

    let invalid = LbEndpoint {
        health_status: HealthStatus::Unhealthy.into(),
        ..weighted(1, 0)
    };
    check_faults(
        &here([invalid]),
        &["endpoints[0].lb_endpoints[0].load_balancing_weight: must be above 0"],
    );
}

/// The host name and the hash key of an endpoint are kept.
#[test]
fn xds_3_4_2_hostname_and_hash_key() {
    let key = |kind| {
        let value = prost_types::Value { kind: Some(kind) };
        let fields = [("hash_key".to_owned(), value)].into();
        let filter_metadata = [
            ("envoy.lb".to_owned(), prost_types::Struct { fields }),
            ("istio".to_owned(), prost_types::Struct::default()),
        ];
        Some(Metadata {
            filter_metadata: filter_metadata.into(),
            ..Metadata::default()
        })
    };
    let mut named = endpoint(1);
    named.metadata = key(prost_types::value::Kind::StringValue("shard-7".into()));
    if let Some(HostIdentifier::Endpoint(endpoint)) = &mut named.host_identifier {
        endpoint.hostname = "one.example".into();
    }
    // A key that is no text is none.
    let mut other = endpoint(2);
    other.metadata = key(prost_types::value::Kind::NumberValue(7.0));

    let locality = only_locality(&here([named, other]));
    let attributes = attributes(ALL / 2);
    let of_named = attributes
        .with::<HashKey>("shard-7".into())
        .with::<Hostname>("one.example".into());
    assert_eq!(
        *locality.endpoints,
        [
            Endpoint::new([addr(1)]).with_attributes(of_named),
            Endpoint::new([addr(2)]).with_attributes(attributes),
        ]
    );
}

/// Returns metadata with an address under the key of proxies.
fn with_proxy(config: Any) -> Metadata {
    let key = "envoy.http11_proxy_transport_socket.proxy_address".to_owned();
    Metadata {
        typed_filter_metadata: [("other".to_owned(), Any::default()), (key, config)].into(),
        ..Metadata::default()
    }
}

/// Returns a locality whose metadata has a proxy: our own messages do not have the field.
fn locality_with_proxy(endpoints: impl IntoIterator<Item = LbEndpoint>, config: Any) -> Vec<u8> {
    /// A `LocalityLbEndpoints` with `metadata`.
    #[derive(Clone, PartialEq, Message)]
    struct WithMetadata {
        #[prost(message, optional, tag = "9")]
        metadata: Option<Metadata>,
    }

    /// A `ClusterLoadAssignment` of localities as bytes.
    #[derive(Clone, PartialEq, Message)]
    struct Assignment {
        #[prost(bytes = "vec", repeated, tag = "2")]
        endpoints: Vec<Vec<u8>>,
    }

    let mut bytes = locality("here", endpoints).encode_to_vec();
    let metadata = WithMetadata {
        metadata: Some(with_proxy(config)),
    };
    bytes.extend(metadata.encode_to_vec());
    let message = Assignment {
        endpoints: vec![bytes],
    };
    message.encode_to_vec()
}

/// The proxy of an endpoint is that of its metadata, else that of its locality's (gRFC A86).
#[test]
fn xds_6_2_proxy_of_an_endpoint() {
    let mut own = endpoint(1);
    own.metadata = Some(with_proxy(resources::address("192.0.2.100", 3128).pack()));
    let mut other_type = endpoint(2);
    other_type.metadata = Some(with_proxy(Any {
        type_url: "type.googleapis.com/a.B".into(),
        ..Any::default()
    }));
    let of_locality = resources::address("2001:db8::100", 3129).pack();
    let bytes = locality_with_proxy([own, other_type, endpoint(3)], of_locality);
    let first = ClusterEndpoints::decode(&bytes, None).expect("valid endpoints");
    let again = ClusterEndpoints::decode(&bytes, Some(&first)).expect("valid endpoints");
    for endpoints in [&first, &again] {
        let endpoints = endpoints.priorities[0][0].endpoints.iter();
        let proxies: Vec<Option<String>> = endpoints
            .map(|it| {
                it.attributes()
                    .get::<HttpProxy>()
                    .map(SocketAddr::to_string)
            })
            .collect();
        let of_locality = || Some("[2001:db8::100]:3129".to_owned());
        let expected = [
            Some("192.0.2.100:3128".into()),
            of_locality(),
            of_locality(),
        ];
        assert_eq!(proxies, expected);
    }
    let before = &first.priorities[0][0].endpoints;
    assert!(Arc::ptr_eq(before, &again.priorities[0][0].endpoints));
}

/// The address of a proxy is an IP address with a port.
#[test]
fn xds_6_2_proxy_faults() {
    let place =
        "metadata.typed_filter_metadata[\"envoy.http11_proxy_transport_socket.proxy_address\"]";
    let mut named = endpoint(1);
    named.metadata = Some(with_proxy(resources::address("proxy.local", 3128).pack()));
    let bytes = locality_with_proxy([named], Address { address: None }.pack());
    let faults = ClusterEndpoints::decode(&bytes, None).map_err(|faults| faults.to_string());
    let expected = [
        format!("endpoints[0].{place}.socket_address: no IP address and port"),
        format!(
            "endpoints[0].lb_endpoints[0].{place}.socket_address: \"proxy.local\" is not an IP address"
        ),
    ];
    assert_eq!(faults, Err(expected.join("\n")));
}

/// Endpoints and localities that come in resources of their own are ignored.
#[test]
fn xds_3_4_2_named_endpoints_and_leds_are_ignored() {
    /// An `LbEndpoint` with `endpoint_name`.
    #[derive(Clone, PartialEq, Message)]
    struct Named {
        #[prost(string, tag = "5")]
        endpoint_name: String,
    }

    /// A `LocalityLbEndpoints` whose endpoints are elsewhere.
    #[derive(Clone, PartialEq, Message)]
    struct Elsewhere {
        #[prost(message, optional, tag = "3")]
        load_balancing_weight: Option<u32>,
        #[prost(message, optional, tag = "8")]
        leds_cluster_locality_config: Option<()>,
    }

    /// A `LocalityLbEndpoints` with such an endpoint.
    #[derive(Clone, PartialEq, Message)]
    struct WithNamed {
        #[prost(message, repeated, tag = "2")]
        lb_endpoints: Vec<Named>,
    }

    /// A `ClusterLoadAssignment` of both.
    #[derive(Clone, PartialEq, Message)]
    struct Assignment {
        #[prost(bytes = "vec", repeated, tag = "2")]
        endpoints: Vec<Vec<u8>>,
    }

    let named = WithNamed {
        lb_endpoints: vec![Named {
            endpoint_name: "elsewhere".into(),
        }],
    };
    let mut with_named = named.encode_to_vec();
    with_named.extend(locality("here", [endpoint(1)]).encode_to_vec());
    let elsewhere = Elsewhere {
        load_balancing_weight: Some(1),
        leds_cluster_locality_config: Some(()),
    };
    let bytes = Assignment {
        endpoints: vec![with_named, elsewhere.encode_to_vec()],
    };
    let decoded = ClusterEndpoints::decode(&bytes.encode_to_vec(), None).expect("valid endpoints");
    let [localities] = &*decoded.priorities else {
        panic!("one priority: {decoded:?}");
    };
    assert_eq!(localities.len(), 1);
    assert_eq!(localities[0].all, 1);
}

/// Nothing is valid: there is no backend.
#[test]
fn xds_3_4_4_no_endpoints() {
    let expected = ClusterEndpoints {
        name: "orders".into(),
        priorities: Vec::new(),
        drops: Vec::new(),
    };
    assert_eq!(decode(&assignment([])), Ok(expected));
}

/// Drop categories in order, in millionths, at most all calls.
#[test]
fn xds_3_4_5_drop_categories() {
    let drop = |category: &str, numerator, denominator| DropOverload {
        category: category.into(),
        drop_percentage: Some(FractionalPercent {
            numerator,
            denominator,
        }),
    };
    let message = ClusterLoadAssignment {
        policy: Some(Policy {
            drop_overloads: vec![
                drop("throttle", 5, 0),
                drop("lb", 30, 1),
                drop("test", 7, 2),
                drop("much", 101, 0),
            ],
        }),
        ..assignment([])
    };
    let category = |category: &str, millionths| DropCategory {
        category: category.into(),
        share: Fraction::from_millionths(millionths),
    };
    assert_eq!(
        decode(&message).map(|endpoints| endpoints.drops),
        Ok(vec![
            category("throttle", 50_000),
            category("lb", 3_000),
            category("test", 7),
            category("much", 1_000_000),
        ])
    );

    let message = ClusterLoadAssignment {
        policy: Some(Policy {
            drop_overloads: vec![drop("lb", 1, 3)],
        }),
        ..assignment([])
    };
    check_faults(
        &message,
        &["policy.drop_overloads[0].drop_percentage: unknown denominator 3"],
    );
}

/// The weight of an endpoint is its share of the locality's share of the priority. Unhealthy endpoints
/// count.
#[test]
fn xds_3_4_6_weight_among_all_endpoints_of_the_priority() {
    let unhealthy = LbEndpoint {
        health_status: HealthStatus::Unhealthy.into(),
        ..weighted(9, 4)
    };
    let message = assignment([
        locality("here", [weighted(1, 1), weighted(2, 3), unhealthy]),
        LocalityLbEndpoints {
            load_balancing_weight: Some(3),
            ..locality("there", [endpoint(3)])
        },
    ]);
    let endpoints = decode(&message).expect("valid endpoints");
    let weights: Vec<u32> = endpoints.priorities[0]
        .iter()
        .flat_map(|locality| locality.endpoints.iter())
        .filter_map(|endpoint| endpoint.attributes().get::<Weight>().copied())
        .collect();
    assert_eq!(weights, [ALL / 32, 3 * (ALL / 32), 3 * (ALL / 4)]);
}

/// Validation goes on after the first fault, and keeps at most 20.
#[test]
fn xds_3_0_3_all_faults_are_reported() {
    let endpoints = (1..=25).map(|number| weighted(number, 0));
    let faults = decode(&here(endpoints)).expect_err("faults");
    assert_eq!(faults.lines().count(), 21);
    assert!(faults.ends_with("\nand 5 more"), "{faults}");
}

/// Bytes that are no message are one fault.
#[test]
fn xds_2_7_undecodable_bytes() {
    let decode = |bytes: &[u8]| {
        let decoded = ClusterEndpoints::decode(bytes, None);
        decoded.map_err(|faults| faults.to_string())
    };
    assert_eq!(decode(&[0x12, 9]), Err("malformed protobuf message".into()));
    // A locality, and an endpoint, whose length is beyond the end.
    assert_eq!(
        decode(&[0x12, 2, 0x12, 9]),
        Err("endpoints[0]: malformed protobuf message".into())
    );
    let bytes = [0x12, 10, 0x0a, 0, 0x1a, 2, 8, 1, 0x12, 2, 0x0a, 9];
    assert_eq!(
        decode(&bytes),
        Err("endpoints[0].lb_endpoints[0]: malformed protobuf message".into())
    );
}

/// What has not changed is shared with the earlier resource: a locality as a whole, or the parts of its
/// endpoints.
#[test]
fn xds_4_9_unchanged_endpoints_are_shared() {
    let there = || locality("there", [endpoint(7), endpoint(8)]);
    let first = assignment([
        locality("here", [endpoint(1), endpoint(2), endpoint(3)]),
        there(),
    ]);
    let first = decode(&first).expect("valid endpoints");
    let changed = LbEndpoint {
        health_status: HealthStatus::Unhealthy.into(),
        ..endpoint(2)
    };
    let next = assignment([
        locality("here", [endpoint(1), changed, endpoint(3)]),
        there(),
    ]);
    let alone = decode(&next).expect("valid endpoints");
    let bytes = next.encode_to_vec();
    let shared = ClusterEndpoints::decode(&bytes, Some(&first)).expect("valid endpoints");
    assert_eq!(shared, alone);

    let localities = |endpoints: &ClusterEndpoints| endpoints.priorities[0].clone();
    let (before, after) = (localities(&first), localities(&shared));
    assert!(Arc::ptr_eq(&before[1].endpoints, &after[1].endpoints));
    assert!(Arc::ptr_eq(&before[0].name, &after[0].name));
    assert!(!Arc::ptr_eq(&before[0].endpoints, &after[0].endpoints));
    let value = |endpoint: &Endpoint| endpoint.attributes().get::<Locality>().map(Arc::as_ptr);
    assert_eq!(
        value(&before[0].endpoints[2]),
        value(&after[0].endpoints[1])
    );
}

/// 3,000 endpoints of which one changes cost no allocation for each one that stays.
#[test]
fn xds_10_16_unchanged_endpoints_allocate_nothing() {
    let of = |health: HealthStatus| {
        let endpoints = (0..3000_u16).map(|at| {
            let [high, low] = at.to_be_bytes();
            let mut endpoint = resources::endpoint(SocketAddr::from(([10, 0, high, low], 443)));
            if at == 1500 {
                endpoint.health_status = health.into();
            }
            endpoint
        });
        here(endpoints).encode_to_vec()
    };
    let decode =
        |bytes: &[u8], earlier| ClusterEndpoints::decode(bytes, earlier).expect("valid endpoints");
    let earlier = decode(&of(HealthStatus::Healthy), None);
    for (health, most) in [(HealthStatus::Unhealthy, 60), (HealthStatus::Healthy, 60)] {
        let bytes = of(health);
        let info = allocation_counter::measure(|| {
            decode(&bytes, Some(&earlier));
        });
        assert!(info.count_total <= most, "{health:?}: {info:?}");
    }
}
