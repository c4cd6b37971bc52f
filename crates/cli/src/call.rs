//! `trunkline call`: makes health-check calls over a channel.

mod errors;
mod latency;

mod tally;

mod live;

mod runner;

use std::sync::Arc;

use self::live::Live;
use self::runner::CallRunner;
use crate::args::{CallArgs, CommonArgs};
use crate::channel;
use crate::event::Tracer;
use crate::failure::Failure;
use crate::out::Out;
use crate::run::block_on;

pub(crate) fn run(args: &CallArgs, common: &CommonArgs, out: &Out) -> Result<(), Failure> {
    let files = args.channel.dns.open(args.timeout)?;
    block_on(common.runtime, |runtime| async move {
        let channel = channel::build(&args.channel, &files, Arc::clone(&runtime), Tracer)?;
        let live = Live::new(out, runtime.now());
        let runner = CallRunner {
            args,
            runtime,
            channel,
        };
        runner.run(live).await.print(out)
    })
}
