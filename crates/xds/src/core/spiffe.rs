//! SPIFFE: identities in certificates, and the roots of each trust domain.
//!
//! Source: [gRFC A87](https://github.com/grpc/proposal/blob/master/A87-mtls-spiffe-support.md).

// From the ground up: a module uses only those above it.

mod id;

mod trust_bundles;

pub use self::id::{SpiffeError, SpiffeErrorKind, SpiffeId};
pub use self::trust_bundles::{TrustBundles, TrustBundlesError};
