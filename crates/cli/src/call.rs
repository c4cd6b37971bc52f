//! `trunkline call`: makes health-check calls over a channel.

mod counter;
mod errors;
mod latency;

mod tally;

mod live;

mod runner;

use std::sync::Arc;
use std::time::Duration;

use self::counter::CallCounter;
use self::live::Live;
use self::runner::CallRunner;
use crate::args::{CallArgs, CommonArgs, IdleTimeout};
use crate::event::Tracer;
use crate::failure::Failure;
use crate::out::Out;
use crate::run::block_on;
use crate::{channel, metadata, show};

/// The idle timeout where the command line has none: the default of a channel.
const IDLE_TIMEOUT: IdleTimeout = IdleTimeout::After(Duration::from_secs(1800));

pub(crate) fn run(args: &CallArgs, common: &CommonArgs, out: &Out) -> Result<(), Failure> {
    let files = args.channel.open(args.timeout)?;
    let metadata = metadata::parse(&args.headers)?;
    block_on(common.runtime, |runtime| async move {
        let counter = CallCounter::new(Tracer {
            default_policy: args.channel.default_policy(),
        });
        let observer = counter.clone();
        let channel = channel::build(
            &args.channel,
            &args.attempts,
            files,
            IDLE_TIMEOUT,
            Arc::clone(&runtime),
            observer,
        )?;
        let live = Live::new(out, runtime.now());
        let runner = CallRunner {
            args,
            metadata,
            runtime,
            channel: channel.clone(),
            counter,
        };
        let tally = runner.run(live).await;
        if args.inspect {
            show::inspection(&channel.inspect().await, out)?;
        }
        tally.print(out)
    })
}
