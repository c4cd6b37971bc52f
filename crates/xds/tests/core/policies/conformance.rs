//! The policies keep the contract of a policy and of a parent.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::json;
use trunkline_endpoint::Attributes;
use trunkline_lb::testing::{CHILD_NAME, check_parent, check_policy};
use trunkline_lb::{HierarchyPath, Policy, PolicyFactory, PolicyOptions, Update};
use trunkline_service_config::{PolicyChoice, PolicyConfig};
use trunkline_xds::core::resources::{
    Cluster, ClusterEndpoints, DropCategory, Fraction, LocalityEndpoints,
};
use trunkline_xds::core::{LeafEndpoints, XdsConfigKey};
use trunkline_xds::policies::{
    Cds, CdsConfig, ClusterCounters, ClusterImpl, ClusterImplConfig, ClusterManager,
    ClusterManagerConfig, EndpointLocality, LocalityShare, WrrLocality, WrrLocalityConfig,
};

use super::adapted::Adapted;
use super::support::{
    aggregate, call_to, choice, cluster, options, round_robin, with_endpoints, xds_config, zone,
};
use crate::values::load_reporting;

/// Gives each endpoint one of two localities, with a path to its target.
fn with_localities(mut update: Update) -> Update {
    let localities = ["a", "b"].map(zone);
    let endpoints = update.endpoints.iter().enumerate().map(|(at, endpoint)| {
        let name = &localities[at % 2];
        let share = LocalityShare {
            name: Arc::clone(name),
            weight: at as u32 % 3 + 1,
        };
        let attributes = Attributes::new()
            .with::<HierarchyPath>(HierarchyPath::new([name.to_string()]))
            .with::<EndpointLocality>(share);
        endpoint.clone().with_attributes(attributes)
    });
    update.endpoints = endpoints.collect();
    update
}

/// Makes the endpoints of an update those of the cluster `c`, in one priority of two localities.
fn with_cluster(update: Update, lb_policy: PolicyChoice) -> Update {
    let (even, odd): (Vec<_>, Vec<_>) = update
        .endpoints
        .iter()
        .cloned()
        .enumerate()
        .partition(|(at, _)| at % 2 == 0);
    let locality = |name: &str, list: Vec<(usize, trunkline_endpoint::Endpoint)>| {
        (!list.is_empty()).then(|| LocalityEndpoints {
            name: zone(name),
            weight: NonZeroU32::MIN.get(),
            all: list.len(),
            endpoints: list.into_iter().map(|(_, endpoint)| endpoint).collect(),
        })
    };
    let localities = [locality("a", even), locality("b", odd)];
    let priority: Vec<LocalityEndpoints> = localities.into_iter().flatten().collect();
    let endpoints = ClusterEndpoints {
        name: "c-eds".into(),
        priorities: if priority.is_empty() {
            Vec::new()
        } else {
            vec![priority]
        },
        drops: Vec::new(),
    };
    let leaf = Cluster {
        lb_policy,
        load_reporting: Some(load_reporting()),
        ..cluster("c")
    };
    let endpoints = LeafEndpoints::Eds(endpoints.into());
    let xds = xds_config([
        ("c", with_endpoints(leaf, endpoints)),
        ("x", aggregate("x", &["c"])),
    ]);
    let attributes = update.attributes.with::<XdsConfigKey>(xds);
    update.with_attributes(attributes)
}

fn over_round_robin(update: Update) -> Update {
    with_cluster(update, round_robin())
}

fn over_pick_first(update: Update) -> Update {
    with_cluster(update, choice("pick_first", json!({})))
}

/// The recording child gets the endpoints of a priority, whatever their locality.
fn over_recording_child(update: Update) -> Update {
    with_cluster(update, recording_child())
}

fn recording_child() -> PolicyChoice {
    PolicyChoice {
        name: CHILD_NAME.into(),
        config: Arc::new(()),
    }
}

/// Returns options with all policies and the recording child.
fn recording(child: Arc<dyn PolicyFactory>) -> PolicyOptions {
    let mut options = options(1);
    options.policies.register(child);
    options
}

#[test]
fn wrr_locality() {
    for leaf in ["round_robin", "pick_first"] {
        let config = WrrLocalityConfig::new(choice(leaf, json!({})));
        check_policy(Arc::new(config), |given| {
            let policy = WrrLocality::new(&options(given.seed));
            Box::new(Adapted::new(policy, with_localities))
        });
    }
    let config = WrrLocalityConfig::new(recording_child());
    check_parent(Arc::new(config), |child| {
        let policy = WrrLocality::new(&recording(child));
        Box::new(Adapted::new(policy, with_localities))
    });
}

#[test]
fn cluster_impl() {
    let policy = |options: &PolicyOptions| {
        let policy = ClusterImpl::new(options, ClusterCounters::new());
        Box::new(Adapted::new(policy, with_localities)) as Box<dyn Policy>
    };
    let unlimited = |child| ClusterImplConfig::new("c", child).with_service_name("e");
    let reported = |child| unlimited(child).with_load_reporting(load_reporting());
    check_policy(
        Arc::new(unlimited(choice("pick_first", json!({})))),
        |given| policy(&options(given.seed)),
    );
    check_policy(
        Arc::new(reported(choice("round_robin", json!({})))),
        |given| policy(&options(given.seed)),
    );
    for config in [unlimited(recording_child()), reported(recording_child())] {
        check_parent(Arc::new(config), |child| policy(&recording(child)));
    }
    // A share of 0 drops nothing.
    let none = DropCategory {
        category: "none".into(),
        share: Fraction::default(),
    };
    let config = unlimited(recording_child()).with_drops(vec![none]);
    check_parent(Arc::new(config), |child| policy(&recording(child)));
}

#[test]
fn cds() {
    for (cluster, change) in [
        ("c", over_round_robin as fn(Update) -> Update),
        ("x", over_pick_first),
    ] {
        let config = || Arc::new(CdsConfig::new(cluster)) as Arc<dyn PolicyConfig>;
        check_policy(config(), |given| {
            Box::new(Adapted::new(Cds::new(&options(given.seed)), change))
        });
        check_parent(config(), |child| {
            let policy = Cds::new(&recording(child));
            Box::new(Adapted::new(policy, over_recording_child))
        });
    }
}

#[test]
fn cluster_manager() {
    let config = ClusterManagerConfig::of_clusters(["c".into()]);
    check_policy(Arc::new(config), |given| {
        let policy = ClusterManager::new(&options(given.seed));
        Box::new(Adapted::new(policy, over_pick_first).with_call(call_to("c")))
    });
    let config = ClusterManagerConfig::default()
        .with_child("c", recording_child())
        .with_child("d", recording_child());
    check_parent(Arc::new(config), |child| {
        let policy = ClusterManager::new(&recording(child));
        Box::new(Adapted::new(policy, |update| update).with_call(call_to("c")))
    });
}
