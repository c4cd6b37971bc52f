//! The messages of the service, its client and its server, as `cargo xtask codegen` made them from
//! [`channelz.proto`](https://github.com/grpc/grpc-proto/blob/master/grpc/channelz/v1/channelz.proto)
//! with the fields of
//! [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max-concurrent-streams-connection-scaling.md).
//!
//! The client is for tools that read the channels of another program, and for tests.

#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    rustdoc::all,
    reason = "generated"
)]

include!("generated/grpc.channelz.v1.rs");
