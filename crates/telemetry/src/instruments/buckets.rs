//! The bounds of buckets.

/// The buckets of latencies, in seconds.
///
/// Source: [gRFC A66, units](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md#units).
pub const LATENCY: &[f64] = &[
    0.0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005,
    0.006, 0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16,
    0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
];

/// The buckets of sizes, in bytes.
///
/// Source: gRFC A66, units.
pub const SIZE: &[f64] = &[
    0.0,
    1024.0,
    2048.0,
    4096.0,
    16384.0,
    65536.0,
    262144.0,
    1048576.0,
    4194304.0,
    16777216.0,
    67108864.0,
    268435456.0,
    1073741824.0,
    4294967296.0,
];

/// The buckets of the retries and of the hedges of a call.
///
/// Source: [gRFC A96](https://github.com/grpc/proposal/blob/master/A96-retry-otel-stats.md).
pub const RETRIES: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0];

/// The buckets of the transparent retries of a call.
///
/// Source: gRFC A96.
pub const TRANSPARENT_RETRIES: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0, 10.0];
