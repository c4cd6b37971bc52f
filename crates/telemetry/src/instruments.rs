//! The instruments of a channel, and of its client of xDS.
//!
//! From the ground up: `buckets`, then a file for each group of instruments. Names, units, labels
//! and buckets are those of the gRFCs. Instruments whose name begins with `trunkline.` are our own.

pub mod buckets;

mod calls;
mod outliers;
mod own;
mod retries;
mod subchannels;
mod tls;
mod weights;
mod xds;

use crate::instrument::Instrument;

pub use self::calls::{
    ATTEMPT_DURATION, ATTEMPT_RECEIVED, ATTEMPT_SENT, ATTEMPT_STARTED, CALL_DURATION,
};
pub use self::outliers::{EJECTIONS_ENFORCED, EJECTIONS_UNENFORCED};
pub use self::own::{
    ATTEMPT_WAIT, ATTEMPTS_WAITING, CALLS_OPEN, CHANNELS, LOOKUP_DURATION, LOOKUPS,
    TLS_HANDSHAKE_DURATION,
};
pub use self::retries::{CALL_HEDGES, CALL_RETRIES, CALL_RETRY_DELAY, CALL_TRANSPARENT_RETRIES};
pub use self::subchannels::{
    CONNECTION_ATTEMPTS_FAILED, CONNECTION_ATTEMPTS_SUCCEEDED, DISCONNECTIONS, OPEN_CONNECTIONS,
};
pub use self::tls::TLS_HANDSHAKES;
pub use self::weights::{
    ENDPOINT_WEIGHT_NOT_YET_USABLE, ENDPOINT_WEIGHT_STALE, ENDPOINT_WEIGHTS, RR_FALLBACK,
};
pub use self::xds::{
    XDS_CONNECTED, XDS_RESOURCE_UPDATES_INVALID, XDS_RESOURCE_UPDATES_VALID, XDS_RESOURCES,
    XDS_SERVER_FAILURE,
};

/// All instruments. Those whose names begin with `grpc.xds_client.` are recorded by `XdsMetrics` of
/// `trunkline-xds`, all others by [`Metrics`](crate::Metrics).
pub static ALL: &[&Instrument] = &[
    &ATTEMPT_STARTED,
    &ATTEMPT_DURATION,
    &ATTEMPT_SENT,
    &ATTEMPT_RECEIVED,
    &CALL_DURATION,
    &CALL_RETRIES,
    &CALL_TRANSPARENT_RETRIES,
    &CALL_HEDGES,
    &CALL_RETRY_DELAY,
    &DISCONNECTIONS,
    &CONNECTION_ATTEMPTS_SUCCEEDED,
    &CONNECTION_ATTEMPTS_FAILED,
    &OPEN_CONNECTIONS,
    &EJECTIONS_ENFORCED,
    &EJECTIONS_UNENFORCED,
    &RR_FALLBACK,
    &ENDPOINT_WEIGHT_NOT_YET_USABLE,
    &ENDPOINT_WEIGHT_STALE,
    &ENDPOINT_WEIGHTS,
    &TLS_HANDSHAKES,
    &XDS_CONNECTED,
    &XDS_SERVER_FAILURE,
    &XDS_RESOURCE_UPDATES_VALID,
    &XDS_RESOURCE_UPDATES_INVALID,
    &XDS_RESOURCES,
    &CALLS_OPEN,
    &ATTEMPTS_WAITING,
    &ATTEMPT_WAIT,
    &TLS_HANDSHAKE_DURATION,
    &LOOKUPS,
    &LOOKUP_DURATION,
    &CHANNELS,
];

/// Returns the instrument with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Instrument> {
    ALL.iter()
        .find(|instrument| instrument.name == name)
        .copied()
}
