//! The client stub of the standard health service.

#[allow(
    clippy::all,
    missing_docs,
    unnameable_types,
    unreachable_pub,
    unused_qualifications,
    dead_code,
    reason = "generated code"
)]
mod generated {
    include!("generated/grpc.health.v1.rs");
}

pub(crate) use generated::health_client::HealthClient;
pub(crate) use generated::{HealthCheckRequest, health_check_response::ServingStatus};
