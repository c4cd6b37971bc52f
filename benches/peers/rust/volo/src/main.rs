//! A client of the benchmark `rpc` on volo-grpc, as published, with messages as its code generator
//! makes them.
//!
//! Its windows are of 2 and 5 MiB, it sets TCP_NODELAY except over TLS, and it has one connection for
//! each backend. It is built without compression. Its TLS is rustls with aws-lc, because its feature for
//! rustls leaves no choice. volo has no round_robin: several backends are balanced by a policy that
//! implements its interface for policies, and costs less than its own random choice. Its default timeout
//! of a second is off.

mod balance;
mod channel;
mod message;
mod stub;

use std::process::ExitCode;

use trunkline_peer_client::allocations::CountingAllocator;
use trunkline_peer_client::serve::serve;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    serve::<channel::Volo>("volo-grpc")
}
