//! The labels of metrics that a cluster has.

use std::sync::Arc;

use prost_types::value::Kind;
use trunkline_xds_proto::envoy::config::core::v3::Metadata;

/// The key of the metadata with the labels.
///
/// Source: [gRFC A79](https://github.com/grpc/proposal/blob/master/A79-non-per-call-metrics-architecture.md).
const CSM_METADATA: &str = "com.google.csm.telemetry_labels";

/// The value of a label that is not known.
const UNKNOWN: &str = "unknown";

/// Returns the label `name` of a cluster with this metadata.
pub(super) fn label(metadata: Option<&Metadata>, name: &str) -> Arc<str> {
    let labels = metadata.and_then(|metadata| metadata.filter_metadata.get(CSM_METADATA));
    let label = labels.and_then(|labels| labels.fields.get(name)?.kind.as_ref());
    match label {
        Some(Kind::StringValue(label)) => label.as_str().into(),
        _ => UNKNOWN.into(),
    }
}
