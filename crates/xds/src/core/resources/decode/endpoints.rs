//! Reads and validates the endpoints of a cluster.

// From the ground up: a module uses only those above it.

mod address;
mod weights;

mod metadata;

mod reader;

mod build;

mod locality;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prost::Message;
use trunkline_xds_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;

use self::locality::{Addresses, Head};
use super::shared::fraction;
use crate::core::resources::endpoints::{ClusterEndpoints, DropCategory, LocalityEndpoints};
use crate::core::resources::fault::{Faults, Place};
use crate::core::resources::fraction::Fraction;
use crate::core::resources::locality::LocalityName;
use crate::core::wire::{Malformed, fields};

impl ClusterEndpoints {
    /// Reads a message `ClusterLoadAssignment`.
    ///
    /// `earlier` is what the resource was before. What has not changed is shared with it: a locality with the
    /// same endpoints has the same `Arc`.
    ///
    /// # Errors
    ///
    /// All faults of the message, with their places.
    ///
    /// Source: [gRFC A27](https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md),
    /// [A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).
    pub fn decode(bytes: &[u8], earlier: Option<&Self>) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let decoded = split(bytes).and_then(|(rest, localities)| {
            let message =
                ClusterLoadAssignment::decode(&*rest).map_err(|error| error.to_string())?;
            Ok((message, localities))
        });
        let (message, localities) = match decoded {
            Ok(decoded) => decoded,
            Err(text) => {
                faults.add(&Place::Root, text);
                return Err(faults);
            }
        };

        let priorities = read_priorities(&localities, earlier, &mut faults);
        let drops = read_drops(&message, earlier, &mut faults);
        let name = match earlier {
            Some(earlier) if *earlier.name == *message.cluster_name => Arc::clone(&earlier.name),
            _ => message.cluster_name.into(),
        };
        faults.or(Self {
            name,
            priorities,
            drops,
        })
    }
}

/// The most bytes of a resource beside its localities: its name, and the calls that are dropped. In
/// memory these take many times as much.
const MOST_BYTES_OF_REST: usize = 1 << 20;

/// Returns the message without the localities, and the bytes of each of these.
fn split(bytes: &[u8]) -> Result<(Vec<u8>, Vec<&[u8]>), String> {
    let text = |error: Malformed| error.to_string();
    let (mut rest, mut localities) = (Vec::new(), Vec::new());
    for field in fields(bytes) {
        let field = field.map_err(text)?;
        match field.number {
            2 => localities.push(field.bytes().map_err(text)?),
            1 | 4 => rest.extend_from_slice(field.whole),
            _ => {}
        }
    }
    if rest.len() > MOST_BYTES_OF_REST {
        return Err(format!(
            "{} bytes beside the endpoints, the most is {MOST_BYTES_OF_REST}",
            rest.len()
        ));
    }
    Ok((rest, localities))
}

/// Reads the localities, by priority.
fn read_priorities(
    localities: &[&[u8]],
    earlier: Option<&ClusterEndpoints>,
    faults: &mut Faults,
) -> Vec<Vec<LocalityEndpoints>> {
    let list = Place::Root.field("endpoints");
    let mut priorities: BTreeMap<u32, Vec<Head<'_>>> = BTreeMap::new();
    for (at, bytes) in localities.iter().enumerate() {
        if let Some(head) = Head::read(bytes, at, &list.item(at), faults) {
            priorities.entry(head.priority).or_default().push(head);
        }
    }
    let missing = (0..)
        .zip(priorities.keys())
        .find(|(at, priority)| at != *priority);
    if let Some((missing, _)) = missing {
        faults.add(&list, format!("priority {missing} is missing"));
    }

    let earlier = Earlier::of(earlier);
    let mut addresses = Addresses::default();
    let read = priorities.into_iter().map(|(priority, heads)| {
        let mut names = BTreeSet::new();
        for head in &heads {
            if !names.insert(&head.name) {
                let text = format!("{} appears twice in priority {priority}", head.name);
                faults.add(&list.item(head.at).field("locality"), text);
            }
        }
        let sum: u64 = heads.iter().map(|head| u64::from(head.weight)).sum();
        if sum > u64::from(u32::MAX) {
            let most = u32::MAX;
            let text =
                format!("the weights of priority {priority} add up to {sum}, more than {most}");
            faults.add(&list, text);
        }
        heads
            .into_iter()
            .map(|head| {
                let earlier = earlier.get(priority, &head.name);
                let at = head.at;
                head.read_endpoints(sum, earlier, &list.item(at), &mut addresses, faults)
            })
            .collect()
    });
    let read = read.collect();
    addresses.check(&list, faults);
    read
}

/// The localities of an earlier resource.
struct Earlier<'a> {
    localities: BTreeMap<(u32, &'a LocalityName), &'a LocalityEndpoints>,
}

impl<'a> Earlier<'a> {
    fn of(earlier: Option<&'a ClusterEndpoints>) -> Self {
        let priorities = earlier.map_or(&[][..], |earlier| &earlier.priorities);
        let localities = (0..).zip(priorities).flat_map(|(priority, localities)| {
            let keys = localities.iter();
            keys.map(move |locality| ((priority, &*locality.name), locality))
        });
        Self {
            localities: localities.collect(),
        }
    }

    fn get(&self, priority: u32, name: &LocalityName) -> Option<&'a LocalityEndpoints> {
        self.localities.get(&(priority, name)).copied()
    }
}

/// Reads the shares of calls that are dropped.
fn read_drops(
    message: &ClusterLoadAssignment,
    earlier: Option<&ClusterEndpoints>,
    faults: &mut Faults,
) -> Vec<DropCategory> {
    let policy = Place::Root.field("policy");
    let list = policy.field("drop_overloads");
    let drops = message
        .policy
        .iter()
        .flat_map(|policy| &policy.drop_overloads);
    let earlier = earlier.map_or(&[][..], |earlier| &earlier.drops);
    let read = drops.enumerate().filter_map(|(at, message)| {
        let place = list.item(at);
        let share = match &message.drop_percentage {
            Some(share) => match fraction(*share) {
                Ok(share) => share,
                Err(text) => {
                    faults.add(&place.field("drop_percentage"), text);
                    return None;
                }
            },
            None => Fraction::default(),
        };
        let category = match earlier.get(at) {
            Some(earlier) if *earlier.category == *message.category => {
                Arc::clone(&earlier.category)
            }
            _ => message.category.as_str().into(),
        };
        Some(DropCategory { category, share })
    });
    read.collect()
}
