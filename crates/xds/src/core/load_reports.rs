//! Load reports to one server: what calls did, by cluster and locality.
//!
//! Source: [gRFC A27](https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md),
//! `envoy.service.load_stats.v3`.

// From the ground up.
mod report;

mod reporter;

pub use self::reporter::{LoadOutput, LoadReporter};
