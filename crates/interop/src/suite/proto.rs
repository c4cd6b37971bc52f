//! The messages, clients and servers of gRPC's interop suite.
//!
//! `cargo xtask codegen` generates them.

#[expect(
    unnameable_types,
    unreachable_pub,
    unused_qualifications,
    reason = "generated code"
)]
mod generated {
    include!("../generated/grpc.testing.rs");
}

pub(super) use self::generated::*;

impl Payload {
    /// Returns a payload of this many zeros.
    pub(super) fn zeros(size: usize) -> Self {
        Self {
            body: vec![0; size],
            ..Self::default()
        }
    }
}
