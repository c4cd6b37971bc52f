#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
mod attributes;
mod delay;
mod diff;
mod endpoint;
mod family;
mod hash;
mod identity;
mod index;
mod interleave;
mod map;
mod validate;
mod weight;

pub use crate::address::{Address, Location};
pub use crate::attributes::{AttributeKey, Attributes};
pub use crate::delay::AttemptDelay;
pub use crate::diff::{Diff, diff};
pub use crate::endpoint::Endpoint;
pub use crate::family::Family;
pub use crate::identity::Identity;
pub use crate::interleave::{Turn, Turns, interleave};
pub use crate::map::{
    AddressMap, EndpointMap, Entry, IdentityMap, IntoIter, Iter, IterMut, Keys, OccupiedEntry,
    VacantEntry, Values, ValuesMut,
};
pub use crate::validate::{EndpointsError, validate_endpoints};
pub use crate::weight::Weight;
