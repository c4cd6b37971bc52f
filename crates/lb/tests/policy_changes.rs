//! No call fails while a channel changes from one policy to another, or from one configuration of a
//! policy to another: all pairs of the policies of this crate.
//!
//! Source: gRPC's client channel specification, "LB policy switching".

mod support;

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use support::labelled;
use trunkline_endpoint::{Attributes, Endpoint, PriorityGroup, Weight, Zone};
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{
    GracefulSwitch, HierarchyPath, Pick, PickRequest, PolicyOptions, PolicyRegistry, SubchannelId,
    SubchannelState,
};
use trunkline_service_config::PolicyChoice;

/// The policies whose children are idle at first: calls wait for the connections that they request.
const LAZY: [&str; 1] = ["ring_hash_experimental"];

/// Returns configurations of a policy, all different, and all of which can choose a backend.
fn choices(name: &str) -> Vec<PolicyChoice> {
    let round_robin = json!([{"round_robin": {}}]);
    let pick_first = json!([{"pick_first": {}}]);
    let target = |weight, child: &Value| json!({"weight": weight, "childPolicy": child});
    let child = |child: &Value| json!({"config": child});
    let mut configs = vec![
        json!({"requestHashHeader": "user"}),
        json!({"requestHashHeader": "user", "minRingSize": 16, "maxRingSize": 64}),
        json!({}),
        json!({"shuffleAddressList": true}),
        json!({"choiceCount": 5}),
        json!({"enableOobLoadReport": true}),
        json!({"childPolicy": round_robin}),
        json!({"childPolicy": pick_first}),
        json!({"subsetSize": 2, "childPolicy": round_robin}),
        json!({"subsetSize": 3, "childPolicy": pick_first}),
        json!({"childPolicy": round_robin, "zone": "a", "interval": "1s",
            "failurePercentageEjection": {}}),
        json!({"targets": {"a": target(1, &round_robin), "b": target(2, &round_robin)}}),
        json!({"targets": {"a": target(1, &pick_first)}}),
        json!({"targets": {"b": target(1, &pick_first)}}),
        json!({"children": {"a": child(&round_robin), "b": child(&round_robin)},
            "priorities": ["a", "b"]}),
        json!({"children": {"a": child(&pick_first), "b": child(&round_robin)},
            "priorities": ["b", "a"]}),
    ];
    // Without these fields, the configuration is valid and calls fail.
    let field = match name {
        "priority_experimental" => Some("children"),
        "ring_hash_experimental" => Some("requestHashHeader"),
        _ => None,
    };
    configs.retain(|config| field.is_none_or(|field| config.get(field).is_some()));
    let registry = PolicyRegistry::standard();
    let mut choices: Vec<PolicyChoice> = Vec::new();
    for config in configs {
        if let Ok(choice) = PolicyChoice::parse(&json!([{ name: config }]), &registry)
            && !choices.contains(&choice)
        {
            choices.push(choice);
        }
    }
    assert!(!choices.is_empty(), "add a configuration of {name}");
    choices
}

/// Returns four endpoints that every policy can use: two for each child, zone and priority.
fn list() -> Vec<Endpoint> {
    let endpoints = (1..=4_u32).flat_map(|number| {
        let side = ["a", "b"][number as usize % 2];
        let attributes = Attributes::new()
            .with::<HierarchyPath>(HierarchyPath::new([side]))
            .with::<PriorityGroup>(number % 2)
            .with::<Weight>(number)
            .with::<Zone>(side.into());
        labelled(&format!("10.0.0.{number}:443"), &attributes)
    });
    endpoints.collect()
}

/// A channel that changes its policy.
struct Changing {
    channel: FakeChannel<GracefulSwitch>,
    metadata: HeaderMap,
    /// The policies of the change, for messages.
    context: String,
}

impl Changing {
    fn new(from: &PolicyChoice, to: &PolicyChoice) -> Self {
        let options = PolicyOptions::new(7)
            .with_policies(PolicyRegistry::standard())
            .with_zone("a");
        Self {
            channel: FakeChannel::new(GracefulSwitch::new(&options)),
            metadata: HeaderMap::from_iter([(
                http::HeaderName::from_static("user"),
                HeaderValue::from_static("one"),
            )]),
            context: format!("from {from:?} to {to:?}"),
        }
    }

    fn choose(&mut self, choice: &PolicyChoice) {
        self.channel.set_config(Arc::new(choice.clone()));
        let accepted = self.channel.update_endpoints(list());
        accepted.unwrap_or_else(|error| panic!("{}: {error}", self.context));
    }

    /// Picks, and checks that the call does not fail. Returns whether it has a backend.
    fn call(&mut self) -> bool {
        let request = PickRequest::new("/test.Service/Method", &self.metadata);
        let pick = self.channel.picker().pick(&request);
        if let Pick::ExitIdle | Pick::SubchannelAndExitIdle(_) = pick {
            self.channel.exit_idle();
        }
        match pick {
            Pick::Subchannel(id) | Pick::SubchannelAndExitIdle(id) => {
                let state = self.channel.subchannels.get(&id).map(|found| &found.state);
                assert_eq!(state, Some(&SubchannelState::Ready), "{}", self.context);
                true
            }
            Pick::Queue | Pick::ExitIdle => false,
            Pick::Fail(status) | Pick::Drop(status) => {
                panic!("{}: a call fails: {status}", self.context)
            }
        }
    }

    /// Connects one subchannel that is connecting; returns false if there is none.
    fn connect_one(&mut self) -> bool {
        let connecting =
            |id: &&SubchannelId| self.channel.subchannels[*id].state == SubchannelState::Connecting;
        let id = self.channel.subchannels.keys().find(connecting).copied();
        let Some(id) = id else {
            return false;
        };
        self.channel.set_id(id, SubchannelState::Ready);
        true
    }

    /// Connects all; calls do not fail. Returns how many calls had to wait.
    fn connect_all(&mut self) -> usize {
        let mut waits = 0;
        for _ in 0..100 {
            waits += usize::from(!self.call());
            if !self.connect_one() && self.call() {
                return waits;
            }
        }
        panic!("{}: it does not come to rest", self.context);
    }
}

/// With another name, calls go to the old policy until the new one is ready: no call fails, and none
/// waits, unless the new policy is lazy. Afterwards, nothing is left of the old one.
#[test]
fn from_each_policy_to_each_other() {
    let registry = PolicyRegistry::standard();
    let names: Vec<&str> = registry.names().collect();
    for from in names.iter().flat_map(|name| choices(name)) {
        for to in names.iter().flat_map(|name| choices(name)) {
            if from.name == to.name {
                continue;
            }
            let mut changing = Changing::new(&from, &to);
            changing.choose(&from);
            changing.connect_all();
            changing.choose(&to);
            let waits = changing.connect_all();
            let context = &changing.context;
            assert!(
                waits == 0 || LAZY.contains(&&*to.name),
                "{context}: {waits}"
            );
            assert_eq!(changing.channel.policy.name(), Some(&*to.name), "{context}");
            assert_eq!(changing.channel.policy.pending_name(), None, "{context}");
            let left = changing.channel.subchannels.len();
            assert!(left <= list().len(), "{context}: {left} subchannels");
        }
    }
}

/// With the same name, the policy keeps what its configurations have in common: no call fails. Where
/// they name other children, calls may wait for those.
#[test]
fn from_each_configuration_to_each_other() {
    let registry = PolicyRegistry::standard();
    for name in registry.names() {
        for from in choices(name) {
            for to in choices(name) {
                let mut changing = Changing::new(&from, &to);
                changing.choose(&from);
                changing.connect_all();
                changing.choose(&to);
                let waits = changing.connect_all();
                let may_wait = name == "weighted_target_experimental"
                    || name == "priority_experimental"
                    || LAZY.contains(&name);
                let context = &changing.context;
                assert!(waits == 0 || may_wait, "{context}: {waits}");
            }
        }
    }
}
