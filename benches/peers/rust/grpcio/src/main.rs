//! A client of the benchmark `rpc` on grpcio, which wraps gRPC's C-core: here that of the distribution,
//! because the one in the crate takes half an hour to build.
//!
//! Callers run on the threads that poll its completion queues, which saves switches between threads.
//! There is one such thread for each thread of the setup. The window of a stream is of 2 MiB; C-core has
//! no option for that of a connection, and its estimator of the bandwidth would set both, so it is off.
//! C-core sets TCP_NODELAY. Its retries are off, because they cost time in each call. Allocations of
//! C-core are not those of Rust, so they are not counted.

mod channel;

use std::process::ExitCode;

use trunkline_peer_client::serve::serve;

fn main() -> ExitCode {
    serve::<channel::Grpcio>("grpcio")
}
