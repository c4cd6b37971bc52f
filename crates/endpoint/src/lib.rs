#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// From the ground up: a module uses only those above it.

// Lists:
mod short_list;

// Addresses and their attributes:
mod attributes;

mod address;

// Hashes and comparisons of sets of addresses; endpoints, which are such sets, and what resolvers
// know of them:
mod hash;

mod set;

mod endpoint;

mod labels;
mod priority_group;
mod weight;
mod zone;

// Maps and lists of addresses and endpoints:
mod identity;

mod index;

mod map;

mod diff;
mod validate;

// The order and the pace in which addresses are tried:
mod delay;
mod family;

mod interleave;

pub use crate::address::{Address, Location, ParseLocationError};
pub use crate::attributes::{AttributeKey, Attributes};
pub use crate::delay::AttemptDelay;
pub use crate::diff::{Diff, diff};
pub use crate::endpoint::Endpoint;
pub use crate::family::Family;
pub use crate::identity::Identity;
pub use crate::interleave::{Turn, Turns, interleave};
pub use crate::labels::{BackendLabels, BackendService, CustomLabel, Locality};
pub use crate::map::{
    AddressMap, EndpointMap, Entry, IdentityMap, IntoIter, Iter, IterMut, Keys, OccupiedEntry,
    VacantEntry, Values, ValuesMut,
};
pub use crate::priority_group::PriorityGroup;
pub use crate::short_list::ShortList;
pub use crate::validate::{EndpointsError, validate_endpoints};
pub use crate::weight::Weight;
pub use crate::zone::Zone;
