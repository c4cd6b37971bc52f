//! The labels of a backend.

use trunkline_endpoint::BackendLabels;

use crate::label::LabelKey;

/// `grpc.lb.locality` and `grpc.lb.backend_service` with their values.
pub(crate) type LabelValues<'a> = [(LabelKey, &'a str); 2];

/// The values where there is no backend, or where it has no labels.
pub(crate) const NONE: LabelValues<'static> = all("");

/// Returns the labels with one value.
pub(crate) const fn all(value: &str) -> LabelValues<'_> {
    [
        (LabelKey::LOCALITY, value),
        (LabelKey::BACKEND_SERVICE, value),
    ]
}

/// Returns the values of a backend; empty where there is none.
///
/// Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md) and
/// [gRFC A89](https://github.com/grpc/proposal/blob/master/A89-backend-service-metric-label.md).
pub(crate) fn values(labels: &BackendLabels) -> LabelValues<'_> {
    let locality = labels.locality.as_deref().unwrap_or_default();
    let service = labels.backend_service.as_deref().unwrap_or_default();
    [
        (LabelKey::LOCALITY, locality),
        (LabelKey::BACKEND_SERVICE, service),
    ]
}
