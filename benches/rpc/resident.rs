//! The memory of a channel with many backends.

use std::time::Duration;

use trunkline_benches::allocations::growth_of_all_threads;
use trunkline_benches::protocol::{Case, Cost, Measure, Round};
use trunkline_benches::sockets::answered;
use trunkline_benches::usage::rss_bytes;

use crate::executor::Executor;
use crate::load::unary;
use crate::service::Service;
use crate::stack::{Connected, Stack};

/// How long the client waits before it looks: what a connection gives back when it is idle, it has
/// given back by then.
const SETTLED: Duration = Duration::from_millis(500);

/// How many times as many calls as backends may be made until all are connected.
const PATIENCE: usize = 100;

/// Connects all backends, and returns the memory that this takes.
pub(crate) fn measure<S: Stack>(executor: &Executor, stack: &S, round: Round) -> Cost {
    let Round { case, calls, .. } = round;
    // What a runtime starts once is none of the backends': its reactor, its threads.
    executor.wait(Duration::from_millis(10));
    let rss_before = rss_bytes();
    let (heap, channel) = growth_of_all_threads(|| {
        let channel = executor.block_on(stack.connect(case));
        connect_all(executor, &channel, case);
        call(executor, &channel, case, calls);
        executor.wait(SETTLED);
        channel
    });
    let rss = rss_before.zip(rss_bytes());
    drop(channel);
    Cost {
        heap_bytes: u64::try_from(heap).ok(),
        rss_bytes: rss.map(|(before, after)| after.saturating_sub(before)),
        ..Cost::default()
    }
}

/// Makes calls until each backend has answered on its connection.
fn connect_all<S: Service>(executor: &Executor, channel: &Connected<S>, case: Case) {
    for _ in 0..PATIENCE {
        if answered() >= case.backends {
            return;
        }
        call(executor, channel, case, case.backends);
    }
    panic!("{} of {} backends are connected", answered(), case.backends);
}

fn call<S: Service>(executor: &Executor, channel: &Connected<S>, case: Case, calls: usize) {
    let caller = unary(channel.stub(), case, 0, 0..calls, Measure::Cpu);
    executor.run(vec![caller]);
}
