//! Trunkline's own instruments, which no gRFC defines.

use crate::instrument::Instrument;
use crate::instrument::InstrumentKind::{Counter, Histogram, UpDownCounter};
use crate::instrument::ValueKind::{Float, Integer};
use crate::instruments::buckets::LATENCY;
use crate::label::LabelKey;

const TARGET: &[LabelKey] = &[LabelKey::TARGET];
const TARGET_OUTCOME: &[LabelKey] = &[LabelKey::TARGET, LabelKey::LOOKUP_OUTCOME];

/// The calls that have begun and not ended.
pub static CALLS_OPEN: Instrument =
    Instrument::new("trunkline.client.calls.open", UpDownCounter, Integer)
        .with_unit("{call}")
        .with_description("Number of calls that have begun and not ended.")
        .with_labels(TARGET);

/// The attempts that wait: for a pick, a connection, or call credentials.
pub static ATTEMPTS_WAITING: Instrument =
    Instrument::new("trunkline.client.attempts.waiting", UpDownCounter, Integer)
        .with_unit("{attempt}")
        .with_description("Number of attempts that have started and are not sent yet.")
        .with_labels(TARGET);

/// The time that an attempt waited until it was sent.
pub static ATTEMPT_WAIT: Instrument =
    Instrument::new("trunkline.client.attempt.wait", Histogram, Float)
        .with_unit("s")
        .with_description("Time from the start of an attempt until it was sent on a connection.")
        .with_labels(TARGET)
        .with_buckets(LATENCY);

/// The time of a TLS handshake, of one that failed too.
pub static TLS_HANDSHAKE_DURATION: Instrument =
    Instrument::new("trunkline.tls.handshake.duration", Histogram, Float)
        .with_unit("s")
        .with_description("Time that a client-side TLS handshake took.")
        .with_labels(&[LabelKey::TLS_RESULT, LabelKey::TARGET])
        .with_optional_labels(&[
            LabelKey::TLS_RESUMED,
            LabelKey::LOCALITY,
            LabelKey::BACKEND_SERVICE,
        ])
        .with_buckets(LATENCY);

/// The lookups of the resolver that ended.
pub static LOOKUPS: Instrument = Instrument::new("trunkline.resolver.lookups", Counter, Integer)
    .with_unit("{lookup}")
    .with_description("Number of name lookups that ended.")
    .with_labels(TARGET_OUTCOME);

/// The time of a lookup of the resolver.
pub static LOOKUP_DURATION: Instrument =
    Instrument::new("trunkline.resolver.lookup.duration", Histogram, Float)
        .with_unit("s")
        .with_description("Time that a name lookup took.")
        .with_labels(TARGET_OUTCOME)
        .with_buckets(LATENCY);

/// The channels in each connectivity state.
pub static CHANNELS: Instrument = Instrument::new("trunkline.channels", UpDownCounter, Integer)
    .with_unit("{channel}")
    .with_description("Number of channels, by connectivity state.")
    .with_labels(&[LabelKey::TARGET, LabelKey::STATE]);
