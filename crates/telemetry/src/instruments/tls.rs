//! TLS handshakes.
//!
//! Source: [gRFC A118](https://github.com/grpc/proposal/blob/master/A118-tls-telemetry.md).

use crate::instrument::Instrument;
use crate::instrument::InstrumentKind::Counter;
use crate::instrument::ValueKind::Integer;
use crate::label::LabelKey;

/// The TLS handshakes that ended.
pub static TLS_HANDSHAKES: Instrument =
    Instrument::new("grpc.client.tls.handshakes", Counter, Integer)
        .with_unit("{handshake}")
        .with_description("Total number of client-side TLS handshakes")
        .with_labels(&[LabelKey::TLS_RESULT, LabelKey::TARGET])
        .with_optional_labels(&[
            LabelKey::TLS_RESUMED,
            LabelKey::LOCALITY,
            LabelKey::BACKEND_SERVICE,
        ])
        .with_source("gRFC A118");
