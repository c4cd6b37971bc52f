//! `interop`: runs the tests against third-party servers.

use crate::command::Command;
use crate::context::Context;
use crate::failure::Failure;
use crate::interop::{self, Options};

pub(super) const COMMAND: Command = Command {
    name: "interop",
    about: "test against DNS and gRPC servers of other projects: [-v] [--soak SECONDS] [--write] [-- COMMAND..] runs COMMAND instead",
    run,
};

fn run(context: &Context, args: &[String]) -> Result<(), Failure> {
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-v" => context.be_verbose(),
            "--write" => options.writes_document = true,
            "--soak" => {
                let secs = args.next().and_then(|secs| secs.parse().ok());
                let secs =
                    secs.ok_or_else(|| Failure::usage("--soak needs a number of seconds"))?;
                options.soak_secs = Some(secs);
            }
            "--" => break,
            _ => {
                return Err(Failure::usage(format!(
                    "unknown argument `{arg}` of interop"
                )));
            }
        }
    }
    interop::run(context, args.as_slice(), options)
}
