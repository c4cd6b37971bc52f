//! The weights of weighted_round_robin, at each update of its schedule.
//!
//! Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md);
//! the second optional label is that of
//! [A89](https://github.com/grpc/proposal/blob/master/A89-backend-service-metric-label.md).

use crate::instrument::Instrument;
use crate::instrument::InstrumentKind::{Counter, Histogram};
use crate::instrument::ValueKind::{Float, Integer};
use crate::label::LabelKey;

const TARGET: &[LabelKey] = &[LabelKey::TARGET];
const LOCALITY_SERVICE: &[LabelKey] = &[LabelKey::LOCALITY, LabelKey::BACKEND_SERVICE];

/// The updates without enough usable weights.
pub static RR_FALLBACK: Instrument = Instrument::new("grpc.lb.wrr.rr_fallback", Counter, Integer)
    .with_unit("{update}")
    .with_description(
        "Number of scheduler updates in which there were not enough endpoints with valid weight, \
         which caused the WRR policy to fall back to RR behavior.",
    )
    .with_labels(TARGET)
    .with_optional_labels(LOCALITY_SERVICE)
    .with_source("gRFC A78");

/// The endpoints that have no weight yet.
pub static ENDPOINT_WEIGHT_NOT_YET_USABLE: Instrument = Instrument::new(
    "grpc.lb.wrr.endpoint_weight_not_yet_usable",
    Counter,
    Integer,
)
.with_unit("{endpoint}")
.with_description(
    "Number of endpoints from each scheduler update that don't yet have usable weight information \
     (i.e., either the load report has not yet been received, or it is within the blackout \
     period).",
)
.with_labels(TARGET)
.with_optional_labels(LOCALITY_SERVICE)
.with_source("gRFC A78");

/// The endpoints whose weight is too old.
pub static ENDPOINT_WEIGHT_STALE: Instrument =
    Instrument::new("grpc.lb.wrr.endpoint_weight_stale", Counter, Integer)
        .with_unit("{endpoint}")
        .with_description(
            "Number of endpoints from each scheduler update whose latest weight is older than the \
             expiration period.",
        )
        .with_labels(TARGET)
        .with_optional_labels(LOCALITY_SERVICE)
        .with_source("gRFC A78");

/// The weights of the endpoints.
pub static ENDPOINT_WEIGHTS: Instrument =
    Instrument::new("grpc.lb.wrr.endpoint_weights", Histogram, Float)
        .with_unit("{weight}")
        .with_description(
            "Weight of each endpoint, recorded on every scheduler update. Endpoints without usable \
             weights will be recorded as weight 0.",
        )
        .with_labels(TARGET)
        .with_optional_labels(LOCALITY_SERVICE)
        .with_source("gRFC A78");
