//! The ids of channels, subchannels and sockets.

use std::sync::atomic::{AtomicI64, Ordering};

/// Returns the next id; the first is 1.
///
/// All kinds of things share one sequence in a process, and no id is used twice: a query never
/// returns another thing than the one that the id was given to.
///
/// Source: [gRFC A14](https://github.com/grpc/proposal/blob/master/A14-channelz.md), channelz data.
pub(crate) fn next_id() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}
