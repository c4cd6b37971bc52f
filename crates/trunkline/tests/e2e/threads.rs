//! Programs that are not asynchronous: one `block_on` for each call.

use std::sync::Arc;
use std::thread;

use trunkline::{AsyncStd, Runtime, block_on};

use crate::world::{backend, channel, greet};

/// The calls share one connection, also those of several threads at the same time. The connection lives
/// on while no thread is in `block_on`.
#[test]
fn one_block_on_for_each_call() {
    let mut backend = backend("a");
    let runtime: Arc<dyn Runtime> = Arc::new(AsyncStd::new());
    let channel = channel(format!("ipv4:{}", backend.address_v4()), &runtime);
    for _ in 0..20 {
        block_on(greet(&channel)).expect("a reply");
    }
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    block_on(greet(&channel)).expect("a reply");
                }
            });
        }
    });
    async_std::task::block_on(greet(&channel)).expect("a reply");
    let counters = backend.stats().expect("counters").total();
    assert_eq!((counters.accepts, counters.calls), (1, 101));
}
