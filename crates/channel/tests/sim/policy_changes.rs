//! Changes of the policy under load: no call fails.
//!
//! Source: gRPC's client channel specification, "LB policy switching".

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use trunkline_endpoint::{Attributes, Endpoint, PriorityGroup, Weight, Zone};
use trunkline_lb::HierarchyPath;
use trunkline_resolver::{ManualResolver, Resolution, Verdict};
use trunkline_sim::{CallReply, Sim};

use crate::world::{address, builder, unary};

const HOSTS: [u8; 4] = [1, 2, 3, 4];

/// How long each policy is in force.
const TERM: Duration = Duration::from_millis(50);

/// Policies with their configurations: one of each that a channel can have, and two for those whose
/// configuration names children.
fn policies() -> Vec<Value> {
    let round_robin = json!([{"round_robin": {}}]);
    let target = |weight: u32| json!({"weight": weight, "childPolicy": round_robin});
    let child = json!({"config": round_robin});
    vec![
        json!({"pick_first": {}}),
        json!({"round_robin": {}}),
        json!({"static_weights": {}}),
        json!({"least_request_experimental": {}}),
        json!({"weighted_target_experimental": {"targets": {"a": target(1), "b": target(2)}}}),
        json!({"weighted_target_experimental": {"targets": {"b": target(1)}}}),
        json!({"priority_experimental": {
            "children": {"a": child, "b": child}, "priorities": ["a", "b"]}}),
        json!({"priority_experimental": {
            "children": {"a": child, "b": child}, "priorities": ["b", "a"]}}),
        json!({"priority_groups": {"childPolicy": round_robin}}),
        json!({"zone_aware": {"childPolicy": round_robin}}),
    ]
}

/// Returns a resolution with this policy, whose endpoints have what each policy needs.
fn resolution(policy: &Value) -> Resolution {
    let endpoints: Vec<Endpoint> = HOSTS
        .into_iter()
        .map(|host| {
            let side = ["a", "b"][usize::from(host % 2)];
            let attributes = Attributes::new()
                .with::<HierarchyPath>(HierarchyPath::new([side]))
                .with::<Weight>(host.into())
                .with::<Zone>(side.into());
            // Priorities only where the policy is about them: the channel would add the groups to
            // each policy otherwise.
            let attributes = match policy.get("priority_groups") {
                Some(_) => attributes.with::<PriorityGroup>(u32::from(host % 2)),
                None => attributes,
            };
            Endpoint::new([address(host)]).with_attributes(attributes)
        })
        .collect();
    let config = json!({"loadBalancingConfig": [policy]});
    Resolution::new(endpoints).with_service_config(config.to_string())
}

/// Each policy is changed to each other one, and to itself, while a call starts every millisecond and
/// takes 20 ms: no call fails.
#[test]
fn no_call_fails() {
    let sim = Sim::new(1);
    let backends = HOSTS.map(|host| sim.backend(address(host)));
    for backend in &backends {
        backend.set_reply(CallReply::Echo.after(Duration::from_millis(20)));
    }
    let policies = policies();
    let pairs = policies
        .iter()
        .flat_map(|from| policies.iter().flat_map(move |to| [from, to]));
    let terms: Vec<&Value> = pairs.collect();
    let names = ManualResolver::with_initial("fleet", resolution(terms[0]));
    let channel = builder(&sim, "fleet:///greeter")
        .resolver(names.clone())
        .zone("a")
        .build()
        .expect("a channel");
    let length = TERM * u32::try_from(terms.len()).expect("a small number");
    sim.run(async {
        let calls = (0..length.as_millis()).map(|number| {
            let (sim, channel) = (&sim, &channel);
            async move {
                let start = Duration::from_millis(u64::try_from(number).expect("a small number"));
                sim.sleep(start).await;
                unary(channel, b"hello").await.expect_ok().host()
            }
        });
        let changes = async {
            for policy in &terms {
                let verdicts = names.update(resolution(policy)).await;
                assert!(
                    verdicts
                        .iter()
                        .all(|verdict| matches!(verdict, Some(Verdict::Accepted))),
                    "{policy}: {verdicts:?}"
                );
                sim.sleep(TERM).await;
            }
        };
        let (hosts, ()) = join(join_all(calls), changes).await;
        let hosts: BTreeSet<u8> = hosts.into_iter().collect();
        assert_eq!(hosts, BTreeSet::from(HOSTS));
    });
}
