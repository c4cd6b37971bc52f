//! `trunkline call`: makes health-check calls over a channel.

mod counter;
mod errors;
mod latency;

mod tally;

mod live;

mod runner;

use std::sync::Arc;

use self::counter::CallCounter;
use self::live::Live;
use self::runner::CallRunner;
use crate::args::{CallArgs, CommonArgs};
use crate::channel;
use crate::failure::Failure;
use crate::out::Out;
use crate::run::block_on;

pub(crate) fn run(args: &CallArgs, common: &CommonArgs, out: &Out) -> Result<(), Failure> {
    let files = args.channel.dns.open(args.timeout)?;
    let tls = args.channel.tls.open(args.timeout)?;
    block_on(common.runtime, |runtime| async move {
        let counter = CallCounter::default();
        let observer = counter.clone();
        let channel = channel::build(
            &args.channel,
            &args.attempts,
            &files,
            tls,
            Arc::clone(&runtime),
            observer,
        )?;
        let live = Live::new(out, runtime.now());
        let runner = CallRunner {
            args,
            runtime,
            channel,
            counter,
        };
        runner.run(live).await.print(out)
    })
}
