//! Connections and the attempts to make them.
//!
//! Source: [gRFC A94](https://github.com/grpc/proposal/blob/master/A94-subchannel-otel-metrics.md).

use crate::instrument::Instrument;
use crate::instrument::InstrumentKind::{Counter, UpDownCounter};
use crate::instrument::ValueKind::Integer;
use crate::label::LabelKey;

const TARGET: &[LabelKey] = &[LabelKey::TARGET];
const SERVICE_LOCALITY: &[LabelKey] = &[LabelKey::BACKEND_SERVICE, LabelKey::LOCALITY];

/// The connections that ended.
pub static DISCONNECTIONS: Instrument =
    Instrument::new("grpc.subchannel.disconnections", Counter, Integer)
        .with_unit("{disconnection}")
        .with_description("Number of times the selected subchannel becomes disconnected.")
        .with_labels(TARGET)
        .with_optional_labels(&[
            LabelKey::BACKEND_SERVICE,
            LabelKey::LOCALITY,
            LabelKey::DISCONNECT_ERROR,
        ])
        .with_source("gRFC A94");

/// The connection attempts that succeeded.
pub static CONNECTION_ATTEMPTS_SUCCEEDED: Instrument = Instrument::new(
    "grpc.subchannel.connection_attempts_succeeded",
    Counter,
    Integer,
)
.with_unit("{attempt}")
.with_description("Number of successful connection attempts.")
.with_labels(TARGET)
.with_optional_labels(SERVICE_LOCALITY)
.with_source("gRFC A94");

/// The connection attempts that failed. One that is cancelled is not counted.
pub static CONNECTION_ATTEMPTS_FAILED: Instrument = Instrument::new(
    "grpc.subchannel.connection_attempts_failed",
    Counter,
    Integer,
)
.with_unit("{attempt}")
.with_description("Number of failed connection attempts.")
.with_labels(TARGET)
.with_optional_labels(SERVICE_LOCALITY)
.with_source("gRFC A94");

/// The connections that take new calls.
pub static OPEN_CONNECTIONS: Instrument =
    Instrument::new("grpc.subchannel.open_connections", UpDownCounter, Integer)
        .with_unit("{connection}")
        .with_description("Number of open connections.")
        .with_labels(TARGET)
        .with_optional_labels(&[
            LabelKey::SECURITY_LEVEL,
            LabelKey::BACKEND_SERVICE,
            LabelKey::LOCALITY,
        ])
        .with_source("gRFC A94");
