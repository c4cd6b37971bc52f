//! The resources of a response, sorted by what can be done with them.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use trunkline_xds_proto::TypeUrl;
use trunkline_xds_proto::envoy::service::discovery::v3::Resource as Wrapper;
use trunkline_xds_proto::google::protobuf::Any;

use super::decoder::ResourceDecoder;
use super::nack::{NackText, cut};
use super::subscription::Subscription;
use crate::core::names::ResourceName;
use crate::core::resource_type::ResourceType;

/// The most bytes of a foreign type URL that a text quotes.
const LONGEST_TYPE_URL: usize = 100;

/// The most bytes of a decoder's reason why there is no name.
const LONGEST_REASON: usize = 200;

/// A subscribed resource of a response.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) name: ResourceName,
    pub(super) bytes: Bytes,
    /// How often the name is in the response.
    pub(super) times: usize,
}

/// Returns the resources that `subscription` has, each once, in the order of the response. Those
/// without a name are added to `nack`. All others are left out before they are looked at, because a
/// server may send more than it was asked for.
pub(super) fn received(
    kind: ResourceType,
    resources: Vec<Any>,
    subscription: &Subscription,
    decoder: &dyn ResourceDecoder,
    nack: &mut NackText,
) -> Vec<Received> {
    let mut received: Vec<Received> = Vec::new();
    let mut places: BTreeMap<ResourceName, usize> = BTreeMap::new();
    for (index, any) in resources.into_iter().enumerate() {
        let named = unwrapped(kind, any).and_then(|bytes| {
            let name = decoder.name(kind, &bytes)?;
            Ok((name, bytes))
        });
        let (name, bytes) = match named {
            Ok(named) => named,
            Err(why) => {
                nack.add_nameless(index, &cut(why, LONGEST_REASON));
                continue;
            }
        };
        let Ok(name) = ResourceName::parse(kind, &name) else {
            continue;
        };
        if !subscription.has(name.as_str()) {
            continue;
        }
        if let Some(place) = places.get(&name) {
            received[*place].times += 1;
            continue;
        }
        places.insert(name.clone(), received.len());
        received.push(Received {
            name,
            bytes,
            times: 1,
        });
    }
    received
}

/// Returns the bytes of the resource itself.
fn unwrapped(kind: ResourceType, any: Any) -> Result<Bytes, String> {
    let any = if any.type_url == Wrapper::TYPE_URL {
        let wrapper = Wrapper::decode(any.value).map_err(|error| error.to_string())?;
        wrapper
            .resource
            .ok_or_else(|| "a wrapper without a resource".to_owned())?
    } else {
        any
    };
    if any.type_url != kind.url() {
        let found = cut(any.type_url, LONGEST_TYPE_URL);
        return Err(format!("its type is {found:?}, not {:?}", kind.url()));
    }
    Ok(any.value)
}
