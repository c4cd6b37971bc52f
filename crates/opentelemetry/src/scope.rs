//! The name and version under which everything is recorded.

use opentelemetry::InstrumentationScope;

/// Returns the instrumentation scope of the crate: its name and its version.
///
/// Source: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md), the meter is
/// named after the library.
pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}
