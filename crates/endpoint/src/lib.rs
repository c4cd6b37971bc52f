#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
mod attributes;
mod diff;
mod endpoint;
mod hash;
mod identity;
mod index;
mod map;
mod validate;

pub use crate::address::{Address, Location};
pub use crate::attributes::{AttributeKey, Attributes};
pub use crate::diff::{Diff, diff};
pub use crate::endpoint::Endpoint;
pub use crate::identity::Identity;
pub use crate::map::{
    AddressMap, EndpointMap, Entry, IdentityMap, IntoIter, Iter, IterMut, Keys, OccupiedEntry,
    VacantEntry, Values, ValuesMut,
};
pub use crate::validate::{EndpointsError, validate_endpoints};
