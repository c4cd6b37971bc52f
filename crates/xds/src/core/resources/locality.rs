//! Localities.

use std::fmt;
use std::sync::Arc;

/// A locality: a region, a zone in it, and a part of that zone. Each may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalityName {
    /// The region.
    pub region: Arc<str>,
    /// The zone in the region.
    pub zone: Arc<str>,
    /// The part of the zone.
    pub sub_zone: Arc<str>,
}

impl fmt::Display for LocalityName {
    /// Prints the form that policies and metrics use: `{region="r", zone="z", sub_zone="s"}`.
    ///
    /// Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            zone,
            sub_zone,
        } = self;
        write!(
            f,
            "{{region={region:?}, zone={zone:?}, sub_zone={sub_zone:?}}}"
        )
    }
}
