//! The decisions of outlier detection.
//!
//! Source: [gRFC A91](https://github.com/grpc/proposal/blob/master/A91-outlier-detection-metrics.md).

use crate::instrument::Instrument;
use crate::instrument::InstrumentKind::Counter;
use crate::instrument::ValueKind::Integer;
use crate::label::LabelKey;

/// The outliers that were ejected.
pub static EJECTIONS_ENFORCED: Instrument = Instrument::new(
    "grpc.lb.outlier_detection.ejections_enforced",
    Counter,
    Integer,
)
.with_unit("{ejection}")
.with_description("Enforced outlier ejections by ejection reason")
.with_labels(&[LabelKey::TARGET, LabelKey::DETECTION_METHOD])
.with_optional_labels(&[LabelKey::BACKEND_SERVICE])
.with_source("gRFC A91");

/// The outliers that were not ejected.
pub static EJECTIONS_UNENFORCED: Instrument = Instrument::new(
    "grpc.lb.outlier_detection.ejections_unenforced",
    Counter,
    Integer,
)
.with_unit("{ejection}")
.with_description(
    "Unenforced outlier ejections due to either max ejection percentage or enforcement_percentage",
)
.with_labels(&[
    LabelKey::TARGET,
    LabelKey::DETECTION_METHOD,
    LabelKey::UNENFORCED_REASON,
])
.with_optional_labels(&[LabelKey::BACKEND_SERVICE])
.with_source("gRFC A91");
