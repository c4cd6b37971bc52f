//! Clients of xDS control planes.
//!
//! Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md).

use crate::instrument::Instrument;
use crate::instrument::InstrumentKind::{Counter, Gauge};
use crate::instrument::ValueKind::Integer;
use crate::label::LabelKey;

const TARGET_SERVER: &[LabelKey] = &[LabelKey::TARGET, LabelKey::XDS_SERVER];
const TARGET_SERVER_TYPE: &[LabelKey] = &[
    LabelKey::TARGET,
    LabelKey::XDS_SERVER,
    LabelKey::XDS_RESOURCE_TYPE,
];

/// Whether a server works: 1 from the first stream, 0 from a failure until the next response.
pub static XDS_CONNECTED: Instrument = Instrument::new("grpc.xds_client.connected", Gauge, Integer)
    .with_unit("{bool}")
    .with_description(
        "1 while the xDS client has a working ADS stream to the xDS server, 0 from a \
             connectivity failure or a stream without a response until the next response.",
    )
    .with_labels(TARGET_SERVER)
    .with_source("gRFC A78");

/// The servers that went from working to failed.
pub static XDS_SERVER_FAILURE: Instrument =
    Instrument::new("grpc.xds_client.server_failure", Counter, Integer)
        .with_unit("{failure}")
        .with_description("Number of times that a working xDS server failed.")
        .with_labels(TARGET_SERVER)
        .with_source("gRFC A78");

/// The valid resources that servers sent, unchanged ones included.
pub static XDS_RESOURCE_UPDATES_VALID: Instrument =
    Instrument::new("grpc.xds_client.resource_updates_valid", Counter, Integer)
        .with_unit("{resource}")
        .with_description("Number of valid resources received, unchanged ones included.")
        .with_labels(TARGET_SERVER_TYPE)
        .with_source("gRFC A78");

/// The invalid resources that servers sent.
pub static XDS_RESOURCE_UPDATES_INVALID: Instrument =
    Instrument::new("grpc.xds_client.resource_updates_invalid", Counter, Integer)
        .with_unit("{resource}")
        .with_description("Number of invalid resources received.")
        .with_labels(TARGET_SERVER_TYPE)
        .with_source("gRFC A78");

/// The resources that a client watches, by state.
pub static XDS_RESOURCES: Instrument = Instrument::new("grpc.xds_client.resources", Gauge, Integer)
    .with_unit("{resource}")
    .with_description("Number of xDS resources that the client watches, by their state.")
    .with_labels(&[
        LabelKey::TARGET,
        LabelKey::XDS_AUTHORITY,
        LabelKey::XDS_CACHE_STATE,
        LabelKey::XDS_RESOURCE_TYPE,
    ])
    .with_source("gRFC A78");
