//! The keys of labels.

use std::fmt;

/// The key of a label, such as `grpc.method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelKey(&'static str);

impl LabelKey {
    /// The method of a call, without the leading slash: `package.Service/Method`; `other` for
    /// methods that are not told apart.
    ///
    /// Source: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md).
    pub const METHOD: Self = Self("grpc.method");
    /// The status of a call or an attempt, such as `DEADLINE_EXCEEDED`.
    ///
    /// Source: gRFC A66.
    pub const STATUS: Self = Self("grpc.status");
    /// The target of the channel with its scheme, such as `dns:///orders:50051`.
    ///
    /// Source: gRFC A66.
    pub const TARGET: Self = Self("grpc.target");
    /// The locality of the backend; empty where there is none.
    ///
    /// Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md).
    pub const LOCALITY: Self = Self("grpc.lb.locality");
    /// The service that the backend belongs to; empty where there is none.
    ///
    /// Source: [gRFC A89](https://github.com/grpc/proposal/blob/master/A89-backend-service-metric-label.md).
    pub const BACKEND_SERVICE: Self = Self("grpc.lb.backend_service");
    /// A text of the application for the call ([`CustomLabel`](trunkline_endpoint::CustomLabel)); empty where
    /// it gave none.
    ///
    /// Source: [gRFC A108](https://github.com/grpc/proposal/blob/master/A108-otel-custom-per-call-label.md).
    pub const CUSTOM: Self = Self("grpc.client.call.custom");
    /// The reason for which a connection was lost.
    ///
    /// Source: [gRFC A94](https://github.com/grpc/proposal/blob/master/A94-subchannel-otel-metrics.md).
    pub const DISCONNECT_ERROR: Self = Self("grpc.disconnect_error");
    /// How a connection is protected: `none`, `integrity_only` or `privacy_and_integrity`.
    ///
    /// Source: gRFC A94.
    pub const SECURITY_LEVEL: Self = Self("grpc.security_level");
    /// The method that detected an outlier: `success_rate` or `failure_percentage`.
    ///
    /// Source: [gRFC A91](https://github.com/grpc/proposal/blob/master/A91-outlier-detection-metrics.md).
    pub const DETECTION_METHOD: Self = Self("grpc.lb.outlier_detection.detection_method");
    /// The reason for which an outlier was not ejected: `enforcement_percentage` or
    /// `max_ejection_overflow`.
    ///
    /// Source: gRFC A91.
    pub const UNENFORCED_REASON: Self = Self("grpc.lb.outlier_detection.unenforced_reason");
    /// How a TLS handshake ended, such as `SUCCESS`.
    ///
    /// Source: [gRFC A118](https://github.com/grpc/proposal/blob/master/A118-tls-telemetry.md).
    pub const TLS_RESULT: Self = Self("grpc.tls.handshake.result");
    /// Whether a TLS handshake continued an earlier session: `FULL_HANDSHAKE` or
    /// `RESUMED_HANDSHAKE`.
    ///
    /// Source: gRFC A118.
    pub const TLS_RESUMED: Self = Self("grpc.tls.handshake.resumed");
    /// The target of an xDS server, as the bootstrap has it.
    ///
    /// Source: gRFC A78.
    pub const XDS_SERVER: Self = Self("grpc.xds.server");
    /// The authority of xDS resources: a key of `authorities` in the bootstrap, or `#old` for names
    /// which are no `xdstp:` URI.
    ///
    /// Source: gRFC A78.
    pub const XDS_AUTHORITY: Self = Self("grpc.xds.authority");
    /// The type of an xDS resource, such as `envoy.config.listener.v3.Listener`.
    ///
    /// Source: gRFC A78.
    pub const XDS_RESOURCE_TYPE: Self = Self("grpc.xds.resource_type");
    /// The state of xDS resources in the client, such as `acked` or `nacked_but_cached`.
    ///
    /// Source: gRFC A78, with the states of
    /// [A88](https://github.com/grpc/proposal/blob/master/A88-xds-data-error-handling.md).
    pub const XDS_CACHE_STATE: Self = Self("grpc.xds.cache_state");
    /// The outcome of a lookup of the resolver, such as `complete`. Trunkline's own.
    pub const LOOKUP_OUTCOME: Self = Self("trunkline.resolver.outcome");
    /// The connectivity state of a channel, such as `READY`. Trunkline's own.
    pub const STATE: Self = Self("trunkline.channel.state");

    /// Returns the key with this text.
    #[must_use]
    pub const fn new(key: &'static str) -> Self {
        Self(key)
    }

    /// Returns the text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for LabelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}
