//! What a list of endpoints must have to be of use.

use std::error::Error;
use std::fmt;

use crate::Endpoint;

/// Why a list of endpoints is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointsError {
    /// There are no endpoints.
    NoEndpoints,
    /// No endpoint has an address.
    NoAddresses {
        /// How many endpoints there are.
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
/// Duplicates are fine, and so are endpoints without addresses beside others.
///
/// # Errors
/// [`EndpointsError`], by which a policy lets the resolver know that it should try again.
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
