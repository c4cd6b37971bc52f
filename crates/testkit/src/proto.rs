//! The messages, clients and servers of the protos that our tests speak.
//!
//! Made by `cargo xtask codegen`, and checked in: nobody who runs the tests needs a tool for it.

/// `helloworld`: the service that every gRPC implementation has in its examples.
#[expect(unused_qualifications, reason = "generated code")]
pub mod helloworld {
    include!("generated/helloworld.rs");
}

/// `grpc.health.v1`: what a server says of its own health.
#[expect(unused_qualifications, reason = "generated code")]
pub mod health {
    include!("generated/grpc.health.v1.rs");
}
