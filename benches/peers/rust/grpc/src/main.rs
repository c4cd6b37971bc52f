//! A client of the benchmark `rpc` on the crate `grpc`, as published, with Protocol Buffers of Google
//! as its generated code has them.
//!
//! It has nothing to configure: neither windows nor TCP_NODELAY, nor another policy than pick_first.
//! Without TCP_NODELAY a call alone on its connection takes 40 ms, because the kernel keeps its message
//! until the server acknowledges its headers. With the argument `--nodelay` this program sets the option
//! on each socket after the first call, which the crate offers no way to do: that shows what its calls
//! cost apart from this. It does not enforce timeouts, so it does not claim to have them.

mod channel;
mod nodelay;

use std::process::ExitCode;

use trunkline_peer_client::allocations::CountingAllocator;
use trunkline_peer_client::serve::serve;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    if nodelay::is_asked_for() {
        serve::<channel::Grpc>("grpc, with TCP_NODELAY")
    } else {
        serve::<channel::Grpc>("grpc")
    }
}
