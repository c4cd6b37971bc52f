//! Load reports of backends (ORCA), as values.
//!
//! Source: [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md).

// From the ground up: a file uses those above it.
mod report;

mod protocol;
mod trailers;

pub use self::report::LoadReport;
pub(crate) use self::trailers::report_in;
