//! The HTTP/2 cases of gRPC's interop suite: a server that misbehaves, or sends what few servers send.
//! Source: [http2-interop-test-descriptions](https://github.com/grpc/grpc/blob/master/doc/http2-interop-test-descriptions.md).

mod cases;
mod connection;
mod frame;
mod record;
mod server;
mod steps;

pub(super) use self::cases::run;
