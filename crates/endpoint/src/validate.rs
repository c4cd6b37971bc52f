//! The check that a list of endpoints is usable.

use std::error::Error;
use std::fmt;

use crate::Endpoint;

/// The reason why a list of endpoints is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointsError {
    /// There are no endpoints.
    NoEndpoints,
    /// No endpoint has an address.
    NoAddresses {
        /// The number of endpoints.
        endpoints: usize,
    },
}

impl fmt::Display for EndpointsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEndpoints => f.write_str("the resolver gave no endpoints"),
            Self::NoAddresses { endpoints } => {
                write!(
                    f,
                    "the resolver gave {endpoints} endpoints, none of which has an address"
                )
            }
        }
    }
}

impl Error for EndpointsError {}

/// Checks that at least one endpoint has an address.
///
/// Duplicates are allowed, and so are endpoints without addresses beside others. The check is for
/// policies and resolvers outside of this workspace. pick_first and round_robin check their list
/// themselves, to add the resolver's note to the error.
///
/// # Errors
///
/// An [`EndpointsError`] when no endpoint has an address. A policy that gets one reports the list
/// as bad, so that the resolver tries again.
pub fn validate_endpoints(endpoints: &[Endpoint]) -> Result<(), EndpointsError> {
    if endpoints.is_empty() {
        return Err(EndpointsError::NoEndpoints);
    }
    if endpoints
        .iter()
        .all(|endpoint| endpoint.addresses().is_empty())
    {
        return Err(EndpointsError::NoAddresses {
            endpoints: endpoints.len(),
        });
    }
    Ok(())
}
