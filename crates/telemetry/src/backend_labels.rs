//! The labels of a backend.

use trunkline_endpoint::BackendLabels;

use crate::label::LabelKey;

/// Returns the values of `grpc.lb.locality` and `grpc.lb.backend_service`; empty where there is none.
///
/// Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md) and
/// [gRFC A89](https://github.com/grpc/proposal/blob/master/A89-backend-service-metric-label.md).
pub(crate) fn values(labels: &BackendLabels) -> [(LabelKey, &str); 2] {
    let locality = labels.locality.as_deref().unwrap_or_default();
    let service = labels.backend_service.as_deref().unwrap_or_default();
    [
        (LabelKey::LOCALITY, locality),
        (LabelKey::BACKEND_SERVICE, service),
    ]
}
