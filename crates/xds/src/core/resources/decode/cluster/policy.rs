//! The policy of a cluster.

use serde_json::{Value, json};
use trunkline_service_config::{PolicyChoice, PolicyParsers};
use trunkline_xds_proto::envoy::config::cluster::v3::Cluster as Message;
use trunkline_xds_proto::envoy::config::cluster::v3::cluster::ring_hash_lb_config::HashFunction;
use trunkline_xds_proto::envoy::config::cluster::v3::cluster::{
    LbConfig, LbPolicy, LeastRequestLbConfig, RingHashLbConfig,
};

use crate::core::resources::decode::policies::{choose, ring_hash};
use crate::core::resources::fault::{Faults, Place};

/// The number of endpoints that least_request compares, where the cluster gives none.
const DEFAULT_CHOICES: u32 = 2;

/// Reads the policy: the list of extensions, or if there is none the number of a policy.
pub(super) fn decode(
    message: &Message,
    policies: &dyn PolicyParsers,
    faults: &mut Faults,
) -> Option<PolicyChoice> {
    if let Some(list) = &message.load_balancing_policy {
        let place = Place::Root.field("load_balancing_policy");
        return choose(list, policies, &place, faults);
    }
    let place = Place::Root.field("lb_policy");
    let (name, config) = match LbPolicy::try_from(message.lb_policy) {
        Ok(LbPolicy::RoundRobin) => among_localities("round_robin", json!({})),
        Ok(LbPolicy::LeastRequest) => {
            let config = match message.lb_config {
                Some(LbConfig::LeastRequestLbConfig(config)) => config,
                _ => LeastRequestLbConfig::default(),
            };
            let choices = config.choice_count.unwrap_or(DEFAULT_CHOICES);
            if choices < DEFAULT_CHOICES {
                let place = Place::Root.field("least_request_lb_config");
                let text = format!("must be at least {DEFAULT_CHOICES}, is {choices}");
                faults.add(&place.field("choice_count"), text);
                return None;
            }
            let config = json!({ "choiceCount": choices });
            among_localities("least_request_experimental", config)
        }
        Ok(LbPolicy::RingHash) => {
            let config = match message.lb_config {
                Some(LbConfig::RingHashLbConfig(config)) => config,
                _ => RingHashLbConfig::default(),
            };
            let place = Place::Root.field("ring_hash_lb_config");
            if HashFunction::try_from(config.hash_function) != Ok(HashFunction::XxHash) {
                let text = format!("unsupported hash function {}", config.hash_function);
                faults.add(&place.field("hash_function"), text);
                return None;
            }
            let (minimum, maximum) = (config.minimum_ring_size, config.maximum_ring_size);
            ring_hash(minimum, maximum, &place, faults)?
        }
        Ok(other) => {
            let text = format!("unsupported lb_policy {}", other.as_str_name());
            faults.add(&place, text);
            return None;
        }
        Err(_) => {
            faults.add(
                &place,
                format!("unsupported lb_policy {}", message.lb_policy),
            );
            return None;
        }
    };
    let parsed = PolicyChoice::parse(&json!([{ name: config }]), policies);
    parsed
        .map_err(|error| faults.add(&place, error.to_string()))
        .ok()
}

/// Returns a policy among localities, over the policy `name` among the endpoints of each.
fn among_localities(name: &str, config: Value) -> (&'static str, Value) {
    let config = json!({ "childPolicy": [{ name: config }] });
    ("xds_wrr_locality_experimental", config)
}
