//! Destination address selection (RFC 6724): which address of a name to try first.

mod policy_table;
mod probe;
mod round_trip;
mod scope;
mod sort;

pub use probe::{KeepOrder, SourceAddress, SourceProbe};
pub use round_trip::{RoundTrip, RttHistory};
pub(crate) use sort::Preference;
pub use sort::{sort_rfc6724, sort_rfc6724_by};
