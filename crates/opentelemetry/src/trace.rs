//! The spans of calls.
//!
//! From the ground up: `clock`, the times of a call; `spans`, what is in a span; `settings`, what all
//! traces share; `silent`, the trace of a call that is not recorded; `recording`, that of one that is;
//! `observer`, which starts them.
//!
//! Source: [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md).

mod clock;
mod observer;
mod recording;
mod settings;
mod silent;
mod spans;

pub(crate) use self::observer::TraceObserver;
pub(crate) use self::settings::{SharedTracer, TraceSettings};
