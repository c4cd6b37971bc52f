//! Policies from messages: the JSON of gRPC's own policies, and of those that a registry has beside
//! them.
//!
//! Source: [gRFC A52](https://github.com/grpc/proposal/blob/master/A52-xds-custom-lb-policies.md).

// From the ground up: a module uses only those above it.

mod ring;
mod structure;

mod list;

pub(super) use self::list::choose;
pub(super) use self::ring::ring_hash;
