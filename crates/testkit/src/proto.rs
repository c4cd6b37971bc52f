//! The messages, clients and servers of the protocols that our tests use.
//!
//! `cargo xtask codegen` generates them. They are checked in, so that running the tests needs no
//! code generator.

/// `echo`: a service with a method for each kind of call.
#[expect(unused_qualifications, reason = "generated code")]
pub mod echo {
    include!("generated/echo.rs");
}

/// `helloworld`: the service in the examples of every gRPC implementation.
#[expect(unused_qualifications, reason = "generated code")]
pub mod helloworld {
    include!("generated/helloworld.rs");
}

/// `grpc.health.v1`: the health service.
#[expect(unused_qualifications, reason = "generated code")]
pub mod health {
    include!("generated/grpc.health.v1.rs");
}
