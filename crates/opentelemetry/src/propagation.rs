//! The context of a trace in the metadata of a call.
//!
//! From the ground up: `base64`, the text of binary metadata; `metadata`, metadata as a carrier of
//! any propagator; `trace_bin`, the propagator of `grpc-trace-bin`, over `span_context`, its binary
//! format.
//!
//! A client needs only the propagator. [`MetadataExtractor`] is for servers, such as those of tonic.

mod base64;
mod metadata;
mod span_context;
mod trace_bin;

pub use self::metadata::{MetadataExtractor, MetadataInjector};
pub use self::trace_bin::GrpcTraceBinPropagator;
