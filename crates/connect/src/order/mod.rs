//! Destination address selection: which address of a name to try first.

mod policy;
mod probe;
mod scope;
mod sort;

pub use probe::{Source, SourceProbe};
pub use sort::{sort_rfc6724, sort_rfc6724_by};
