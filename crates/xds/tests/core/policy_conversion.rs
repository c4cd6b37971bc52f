//! Policies by extension: clause 3.3.3 of the specification, gRFC A52.

use prost::Message;
use serde_json::{Value, json};
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::load_balancing_policy::Policy;
use trunkline_sim::control_plane::proto::envoy::config::cluster::v3::{
    Cluster as Proto, LoadBalancingPolicy,
};
use trunkline_sim::control_plane::proto::envoy::config::core::v3::TypedExtensionConfig;
use trunkline_sim::control_plane::proto::envoy::extensions::load_balancing_policies::{
    client_side_weighted_round_robin::v3::ClientSideWeightedRoundRobin,
    least_request::v3::LeastRequest, pick_first::v3::PickFirst,
    random_subsetting::v3::RandomSubsetting, ring_hash::v3::RingHash, round_robin::v3::RoundRobin,
    wrr_locality::v3::WrrLocality,
};
use trunkline_sim::control_plane::proto::google::protobuf::Any;
use trunkline_sim::control_plane::proto::{TypeUrl, udpa, xds};
use trunkline_sim::control_plane::resources;

use crate::cluster::{check_faults, decode, policy};

/// The place of the first extension.
const FIRST: &str = "load_balancing_policy.policies[0].typed_extension_config.typed_config";

fn list(configs: impl IntoIterator<Item = Any>) -> LoadBalancingPolicy {
    let policies = configs.into_iter().map(|config| Policy {
        typed_extension_config: Some(TypedExtensionConfig {
            name: "mine".into(),
            typed_config: Some(config),
        }),
    });
    LoadBalancingPolicy {
        policies: policies.collect(),
    }
}

fn cluster(configs: impl IntoIterator<Item = Any>) -> Proto {
    Proto {
        load_balancing_policy: Some(list(configs)),
        ..resources::cluster("orders")
    }
}

#[track_caller]
fn check(configs: impl IntoIterator<Item = Any>, expected: &Value) {
    let chosen = decode(&cluster(configs)).map(|cluster| cluster.lb_policy);
    assert_eq!(chosen, Ok(policy(expected)));
}

fn unknown(name: &str) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{name}"),
        value: Vec::new().into(),
    }
}

/// round_robin and pick_first.
#[test]
fn xds_3_3_3_round_robin_and_pick_first() {
    check([RoundRobin {}.pack()], &json!([{ "round_robin": {} }]));
    let shuffling = PickFirst {
        shuffle_address_list: true,
    };
    check(
        [shuffling.pack()],
        &json!([{ "pick_first": { "shuffleAddressList": true } }]),
    );
}

/// ring_hash, with the hash XX_HASH or the default, which is the same.
#[test]
fn xds_3_3_3_ring_hash() {
    let ring = |hash_function, minimum_ring_size, maximum_ring_size| {
        let ring = RingHash {
            hash_function,
            minimum_ring_size,
            maximum_ring_size,
        };
        [ring.pack()]
    };
    let expected = |minimum: u64, maximum: u64| json!([{ "ring_hash_experimental": { "minRingSize": minimum, "maxRingSize": maximum } }]);
    check(ring(0, None, None), &expected(1024, 8_388_608));
    check(ring(1, Some(3), Some(5)), &expected(3, 5));
    check_faults(
        &cluster(ring(2, None, None)),
        &[&format!(
            "{FIRST}.hash_function: unsupported hash function 2"
        )],
    );
    check_faults(
        &cluster(ring(0, Some(u64::MAX), None)),
        &[
            &format!(
                "{FIRST}.minimum_ring_size: must be at most 8388608, is {}",
                u64::MAX
            ),
            &format!(
                "{FIRST}.minimum_ring_size: {} is above maximum_ring_size, which is 8388608",
                u64::MAX
            ),
        ],
    );
}

/// least_request, of at least two endpoints.
#[test]
fn xds_3_3_3_least_request() {
    let least = |choice_count| [LeastRequest { choice_count }.pack()];
    let expected = |count: u32| json!([{ "least_request_experimental": { "choiceCount": count } }]);
    check(least(None), &expected(2));
    check(least(Some(4)), &expected(4));
    check_faults(
        &cluster(least(Some(1))),
        &[&format!(
            "{FIRST}: choiceCount: expected an integer of at least 2, found 1"
        )],
    );
}

/// wrr_locality, over the policy of each locality, which is required.
#[test]
fn xds_3_3_3_wrr_locality() {
    let over = |endpoint_picking_policy| {
        WrrLocality {
            endpoint_picking_policy,
        }
        .pack()
    };
    check(
        [over(Some(list([RoundRobin {}.pack()])))],
        &json!([{ "xds_wrr_locality_experimental": { "childPolicy": [{ "round_robin": {} }] } }]),
    );
    check_faults(
        &cluster([over(None)]),
        &[&format!("{FIRST}.endpoint_picking_policy: is missing")],
    );
    check_faults(
        &cluster([over(Some(list([unknown("a.B")])))]),
        &[&format!(
            "{FIRST}.endpoint_picking_policy.policies: no supported policy among \"a.B\""
        )],
    );
}

/// weighted_round_robin has the same fields.
#[test]
fn xds_3_3_3_weighted_round_robin() {
    let time = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let message = ClientSideWeightedRoundRobin {
        enable_oob_load_report: Some(true),
        oob_reporting_period: time(1, 500_000_000),
        blackout_period: time(2, 0),
        weight_expiration_period: time(3, 1),
        weight_update_period: time(4, 0),
        error_utilization_penalty: Some(0.5),
        metric_names_for_computing_utilization: vec!["named_metrics.queue".into()],
    };
    check(
        [message.pack()],
        &json!([{ "weighted_round_robin": {
            "enableOobLoadReport": true,
            "oobReportingPeriod": "1.5s",
            "blackoutPeriod": "2s",
            "weightExpirationPeriod": "3.000000001s",
            "weightUpdatePeriod": "4s",
            "errorUtilizationPenalty": 0.5,
            "metricNamesForComputingUtilization": ["named_metrics.queue"],
        } }]),
    );
    check(
        [ClientSideWeightedRoundRobin::default().pack()],
        &json!([{ "weighted_round_robin": {} }]),
    );
}

/// A penalty is a number that is not negative, and a duration is valid.
#[test]
fn xds_3_3_3_weighted_round_robin_faults() {
    let with_penalty = |penalty| {
        let message = ClientSideWeightedRoundRobin {
            error_utilization_penalty: Some(penalty),
            ..ClientSideWeightedRoundRobin::default()
        };
        cluster([message.pack()])
    };
    for (penalty, text) in [(-0.5, "-0.5"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        check_faults(
            &with_penalty(penalty),
            &[&format!(
                "{FIRST}.error_utilization_penalty: must be a number of at least 0, is {text}"
            )],
        );
    }
    let message = ClientSideWeightedRoundRobin {
        blackout_period: Some(prost_types::Duration {
            seconds: 0,
            nanos: -1,
        }),
        ..ClientSideWeightedRoundRobin::default()
    };
    check_faults(
        &cluster([message.pack()]),
        &[&format!(
            "{FIRST}.blackout_period: bad duration: 0 s and -1 ns"
        )],
    );
}

/// random_subsetting, with a size above 0, over another policy.
#[test]
fn xds_3_3_3_random_subsetting() {
    let subset = |subset_size| {
        let message = RandomSubsetting {
            subset_size,
            child_policy: Some(list([RoundRobin {}.pack()])),
        };
        [message.pack()]
    };
    check(
        subset(Some(3)),
        &json!([{ "random_subsetting_experimental": {
            "subsetSize": 3,
            "childPolicy": [{ "round_robin": {} }],
        } }]),
    );
    check_faults(
        &cluster(subset(None)),
        &[&format!(
            "{FIRST}: subsetSize: expected an integer above 0, found 0"
        )],
    );
}

/// Returns the struct of a JSON object.
fn structure(value: &Value) -> prost_types::Struct {
    use prost_types::value::Kind;

    fn convert(value: &Value) -> prost_types::Value {
        let kind = match value {
            Value::Null => Kind::NullValue(0),
            Value::Bool(flag) => Kind::BoolValue(*flag),
            Value::Number(number) => Kind::NumberValue(number.as_f64().expect("a number")),
            Value::String(text) => Kind::StringValue(text.clone()),
            Value::Array(items) => Kind::ListValue(prost_types::ListValue {
                values: items.iter().map(convert).collect(),
            }),
            Value::Object(_) => Kind::StructValue(structure(value)),
        };
        prost_types::Value { kind: Some(kind) }
    }

    let fields = value.as_object().expect("an object").iter();
    prost_types::Struct {
        fields: fields
            .map(|(name, field)| (name.clone(), convert(field)))
            .collect(),
    }
}

/// A struct is the configuration of the policy with the name after the last `/`. Whole numbers are
/// integers.
#[test]
fn xds_3_3_3_typed_struct() {
    let config = json!({
        "subsetSize": 3,
        "childPolicy": [{ "unknown": null }, { "weighted_round_robin": {
            "enableOobLoadReport": true,
            "errorUtilizationPenalty": 0.5,
            "blackoutPeriod": "2s",
        } }],
    });
    let expected = json!([{ "random_subsetting_experimental": config }]);
    let type_url = "type.googleapis.com/random_subsetting_experimental".to_owned();
    let value = Some(structure(&config));
    let (of_xds, of_udpa) = (
        xds::r#type::v3::TypedStruct {
            type_url: type_url.clone(),
            value: value.clone(),
        },
        udpa::r#type::v1::TypedStruct { type_url, value },
    );
    check([of_xds.pack()], &expected);
    check([of_udpa.pack()], &expected);

    let without_config = xds::r#type::v3::TypedStruct {
        type_url: "round_robin".into(),
        value: None,
    };
    check([without_config.pack()], &json!([{ "round_robin": {} }]));
}

/// What a policy refuses is a fault, and so is a number that JSON does not have.
#[test]
fn xds_3_3_3_typed_struct_faults() {
    let message = |config: &Value| {
        let message = xds::r#type::v3::TypedStruct {
            type_url: "type.googleapis.com/least_request_experimental".into(),
            value: Some(structure(config)),
        };
        cluster([message.pack()])
    };
    check_faults(
        &message(&json!({ "choiceCount": 1.5 })),
        &[&format!(
            "{FIRST}: choiceCount: expected an integer from 0 to 4294967295, found 1.5"
        )],
    );

    let kind = prost_types::value::Kind::NumberValue(f64::INFINITY);
    let fields = [(
        "choiceCount".to_owned(),
        prost_types::Value { kind: Some(kind) },
    )];
    let infinite = xds::r#type::v3::TypedStruct {
        type_url: "least_request_experimental".into(),
        value: Some(prost_types::Struct {
            fields: fields.into(),
        }),
    };
    check_faults(
        &cluster([infinite.pack()]),
        &[&format!(
            "{FIRST}.value[\"choiceCount\"]: inf is no number of JSON"
        )],
    );
}

/// The first policy that is supported counts, whatever comes after it. Those before it are skipped.
#[test]
fn xds_3_3_3_first_supported_policy() {
    let unregistered = xds::r#type::v3::TypedStruct {
        type_url: "type.googleapis.com/mine_v2".into(),
        value: None,
    };
    let override_host =
        unknown("envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost");
    let broken = Any {
        value: vec![0xff].into(),
        ..RingHash::default().pack()
    };
    check(
        [
            unregistered.pack(),
            override_host,
            RoundRobin {}.pack(),
            broken.clone(),
        ],
        &json!([{ "round_robin": {} }]),
    );
    let faults = decode(&cluster([broken, RoundRobin {}.pack()])).expect_err("a fault");
    assert!(
        faults.starts_with(&format!("{FIRST}: failed to decode")),
        "{faults}"
    );
}

/// Without a supported policy the names of all are in the text.
#[test]
fn xds_3_3_3_no_supported_policy() {
    let place = "load_balancing_policy.policies";
    check_faults(
        &cluster([unknown("a.B"), unknown("c.D")]),
        &[&format!(
            "{place}: no supported policy among \"a.B\", \"c.D\""
        )],
    );
    check_faults(&cluster([]), &[&format!("{place}: is empty")]);

    let nameless = Proto {
        load_balancing_policy: Some(LoadBalancingPolicy {
            policies: vec![Policy::default()],
        }),
        ..resources::cluster("orders")
    };
    check_faults(
        &nameless,
        &[&format!("{place}: no supported policy among \"\"")],
    );

    let faults = decode(&cluster((0..100).map(|at| unknown(&format!("p{at}"))))).expect_err("none");
    assert!(faults.ends_with("\"p7\" and 92 more"), "{faults}");
}

/// Lists are nested at most 16 deep.
#[test]
fn xds_3_3_3_nesting_is_bounded() {
    let nested = |depth: usize| {
        let innermost = RoundRobin {}.pack();
        let config = (1..depth).fold(innermost, |config, _| {
            RandomSubsetting {
                subset_size: Some(1),
                child_policy: Some(list([config])),
            }
            .pack()
        });
        cluster([config])
    };
    assert!(decode(&nested(16)).is_ok());
    let faults = decode(&nested(17)).expect_err("too deep");
    assert!(
        faults.ends_with(".child_policy: policies are nested deeper than 16"),
        "{faults}"
    );
}

/// A list is bounded by the bytes of the cluster, and so is the work.
#[test]
fn xds_3_3_3_many_unsupported_policies() {
    let message = cluster((0..20_000).map(|_| unknown("a.B")));
    assert!(message.encoded_len() < 1 << 20);
    assert!(decode(&message).is_err());
}
