//! Chooses a policy from a list of extensions: the JSON of gRPC's own policies, and of those that a
//! registry has beside them.
//!
//! Source: [gRFC A52](https://github.com/grpc/proposal/blob/master/A52-xds-custom-lb-policies.md).

mod ring;
mod structure;
mod weighted;

use std::fmt::Write;

use serde_json::{Map, Value, json};
use trunkline_service_config::{PolicyChoice, PolicyParsers};
use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::config::cluster::v3::LoadBalancingPolicy;
use trunkline_xds_proto::envoy::extensions::load_balancing_policies::client_side_weighted_round_robin::v3::ClientSideWeightedRoundRobin;
use trunkline_xds_proto::envoy::extensions::load_balancing_policies::least_request::v3::LeastRequest;
use trunkline_xds_proto::envoy::extensions::load_balancing_policies::pick_first::v3::PickFirst;
use trunkline_xds_proto::envoy::extensions::load_balancing_policies::random_subsetting::v3::RandomSubsetting;
use trunkline_xds_proto::envoy::extensions::load_balancing_policies::ring_hash::v3::{
    RingHash, ring_hash::HashFunction,
};
use trunkline_xds_proto::envoy::extensions::load_balancing_policies::round_robin::v3::RoundRobin;
use trunkline_xds_proto::envoy::extensions::load_balancing_policies::wrr_locality::v3::WrrLocality;
use trunkline_xds_proto::google::protobuf::Any;
use trunkline_xds_proto::{udpa, xds};

pub(super) use self::ring::ring_hash;
use self::weighted::weighted_round_robin;
use crate::core::resources::fault::{Faults, Place, quote};

/// The most lists in each other.
///
/// Source: [gRFC A52](https://github.com/grpc/proposal/blob/master/A52-xds-custom-lb-policies.md),
/// "xDS LB Policy Registry".
const DEEPEST: usize = 16;

/// How many names of unsupported policies a text has.
const NAMED: usize = 8;

/// The number of endpoints that least_request compares, where the message gives none.
const DEFAULT_CHOICES: u32 = 2;

/// Chooses the first policy of a list that is supported: one of gRPC's own, or one that `policies`
/// has and that is configured by a struct.
pub(super) fn choose(
    list: &LoadBalancingPolicy,
    policies: &dyn PolicyParsers,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Option<PolicyChoice> {
    let mut conversion = Conversion { policies, faults };
    conversion
        .choose(list, place, 1)
        .map(|chosen| chosen.choice)
}

/// A policy with the JSON of its configuration.
struct Chosen {
    choice: PolicyChoice,
    config: Value,
}

impl Chosen {
    /// Returns the policy as the JSON of a child: a list with one item.
    fn into_list(self) -> Value {
        let entry = Map::from_iter([(self.choice.name.as_ref().to_owned(), self.config)]);
        Value::Array(vec![Value::Object(entry)])
    }
}

/// What an extension is as a policy.
enum Converted {
    Policy(Box<str>, Value),
    /// No policy that is known here.
    Unsupported,
}

/// Why an extension is no policy: the faults are recorded.
struct Faulty;

struct Conversion<'a> {
    policies: &'a dyn PolicyParsers,
    faults: &'a mut Faults,
}

impl Conversion<'_> {
    fn choose(
        &mut self,
        list: &LoadBalancingPolicy,
        place: &Place<'_>,
        depth: usize,
    ) -> Option<Chosen> {
        if depth > DEEPEST {
            self.faults
                .add(place, format!("policies are nested deeper than {DEEPEST}"));
            return None;
        }
        let place = place.field("policies");
        let mut unsupported: Vec<Box<str>> = Vec::new();
        for (at, policy) in list.policies.iter().enumerate() {
            let place = place.item(at);
            let place = place.field("typed_extension_config");
            let extension = policy.typed_extension_config.as_ref();
            let Some(config) = extension.and_then(|extension| extension.typed_config.as_ref())
            else {
                unsupported.push(extension.map_or("", |extension| &extension.name).into());
                continue;
            };
            let place = place.field("typed_config");
            let Ok(converted) = self.convert(config, &place, depth) else {
                return None;
            };
            let Converted::Policy(name, config_json) = converted else {
                unsupported.push(type_name(&config.type_url).into());
                continue;
            };
            match self.policies.parse(&name, &config_json) {
                None => unsupported.push(name),
                Some(Ok(config)) => {
                    let choice = PolicyChoice {
                        name: name.into(),
                        config,
                    };
                    return Some(Chosen {
                        choice,
                        config: config_json,
                    });
                }
                Some(Err(error)) => {
                    self.faults.add(&place, error.to_string());
                    return None;
                }
            }
        }
        self.faults.add(&place, none_of(&unsupported));
        None
    }

    /// Returns the policy of an extension.
    fn convert(&mut self, any: &Any, place: &Place<'_>, depth: usize) -> Result<Converted, Faulty> {
        let policy = |name: &str, config| Ok(Converted::Policy(name.into(), config));
        if let Some(message) = self.unpack::<RoundRobin>(any, place)? {
            let RoundRobin {} = message;
            return policy("round_robin", json!({}));
        }
        if let Some(message) = self.unpack::<PickFirst>(any, place)? {
            let config = json!({ "shuffleAddressList": message.shuffle_address_list });
            return policy("pick_first", config);
        }
        if let Some(message) = self.unpack::<RingHash>(any, place)? {
            let function = HashFunction::try_from(message.hash_function);
            if !matches!(
                function,
                Ok(HashFunction::DefaultHash | HashFunction::XxHash)
            ) {
                let text = format!("unsupported hash function {}", message.hash_function);
                self.faults.add(&place.field("hash_function"), text);
                return Err(Faulty);
            }
            let (minimum, maximum) = (message.minimum_ring_size, message.maximum_ring_size);
            let (name, config) = ring_hash(minimum, maximum, place, self.faults).ok_or(Faulty)?;
            return policy(name, config);
        }
        if let Some(message) = self.unpack::<LeastRequest>(any, place)? {
            let choices = message.choice_count.unwrap_or(DEFAULT_CHOICES);
            return policy(
                "least_request_experimental",
                json!({ "choiceCount": choices }),
            );
        }
        if let Some(message) = self.unpack::<WrrLocality>(any, place)? {
            let child = message.endpoint_picking_policy.as_ref();
            let place = place.field("endpoint_picking_policy");
            let child = self.child(child, &place, depth)?;
            return policy(
                "xds_wrr_locality_experimental",
                json!({ "childPolicy": child }),
            );
        }
        if let Some(message) = self.unpack::<ClientSideWeightedRoundRobin>(any, place)? {
            let config = weighted_round_robin(&message, place, self.faults).ok_or(Faulty)?;
            return policy("weighted_round_robin", config);
        }
        if let Some(message) = self.unpack::<RandomSubsetting>(any, place)? {
            let size = message.subset_size.unwrap_or_default();
            let place = place.field("child_policy");
            let child = self.child(message.child_policy.as_ref(), &place, depth)?;
            let config = json!({ "subsetSize": size, "childPolicy": child });
            return policy("random_subsetting_experimental", config);
        }
        let (type_url, fields) = if let Some(message) =
            self.unpack::<xds::r#type::v3::TypedStruct>(any, place)?
        {
            (message.type_url, message.value)
        } else if let Some(message) = self.unpack::<udpa::r#type::v1::TypedStruct>(any, place)? {
            (message.type_url, message.value)
        } else {
            return Ok(Converted::Unsupported);
        };
        let fields = fields.unwrap_or_default();
        let config = structure::json(&fields, &place.field("value"), self.faults);
        policy(type_name(&type_url), config.ok_or(Faulty)?)
    }

    /// Decodes a message; `None` if it is of another type.
    fn unpack<M: TypeUrl>(&mut self, any: &Any, place: &Place<'_>) -> Result<Option<M>, Faulty> {
        M::unpack(any).transpose().map_err(|error| {
            self.faults.add(place, error.to_string());
            Faulty
        })
    }

    /// Returns the policy below another one, as JSON.
    fn child(
        &mut self,
        list: Option<&LoadBalancingPolicy>,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Value, Faulty> {
        let Some(list) = list else {
            self.faults.add(place, "is missing");
            return Err(Faulty);
        };
        let chosen = self.choose(list, place, depth + 1).ok_or(Faulty)?;
        Ok(chosen.into_list())
    }
}

/// Returns the name of a type: what follows the last `/` of its URL.
fn type_name(type_url: &str) -> &str {
    type_url.rsplit('/').next().unwrap_or(type_url)
}

/// Returns the text about a list without a policy that is supported.
fn none_of(unsupported: &[Box<str>]) -> String {
    if unsupported.is_empty() {
        return "is empty".to_owned();
    }
    let names: Vec<String> = unsupported
        .iter()
        .take(NAMED)
        .map(|name| quote(name))
        .collect();
    let mut text = format!("no supported policy among {}", names.join(", "));
    if unsupported.len() > NAMED {
        let _ = write!(text, " and {} more", unsupported.len() - NAMED);
    }
    text
}
