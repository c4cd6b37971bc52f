//! The paths of the methods that a client of xDS calls.

/// State-of-the-world discovery of all types on one stream (ADS).
pub const STREAM_AGGREGATED_RESOURCES: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

/// Load reports (LRS).
pub const STREAM_LOAD_STATS: &str =
    "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats";
