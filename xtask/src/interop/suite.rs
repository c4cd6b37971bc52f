//! The servers of gRPC's interop suite. The command starts them itself.
//!
//! It gets them in these environment variables:
//!
//! | variable | value |
//! |---|---|
//! | `TRUNKLINE_INTEROP_SUITE` | one JSON object. A key is the name of a server, or `channelz` and `csds` for the clients of these services, `xds` for the control plane, grpc-go's client of it and its backends, or `xds-java` for grpc-java's client. Its value is `{"command":[..]}`, or `{"missing":".."}` with the reason why it cannot be built here |
//! | `TRUNKLINE_INTEROP_SOAK_SECS` | seconds of each soak, of the rotation, and of the churn of xDS; unset for short ones |
//! | `TRUNKLINE_INTEROP_DOCUMENT` | file with the table of the suite |
//! | `TRUNKLINE_INTEROP_WRITE_DOCUMENT` | set if the table is to be written there |
//!
//! Each server prints its addresses as one line of JSON, `{"plaintext":"127.0.0.1:41234"}`, and ends with
//! its standard input.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::build;
use crate::context::Context;
use crate::failure::Failure;
use crate::process::Run;

/// How the suite runs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// The seconds of each soak, of the rotation, and of the churn of xDS; `None` for short ones.
    pub(crate) soak_secs: Option<u64>,
    /// Whether the table is written into the document, or compared with it.
    pub(crate) writes_document: bool,
}

/// Builds the servers that are not in the cache, and adds the variables to `run`.
pub(super) fn with_environment(
    context: &Context,
    run: Run,
    options: Options,
) -> Result<Run, Failure> {
    let servers = json!({
        "grpc-go": command(build::grpc_go_suite(context)?),
        "c-core": command(build::c_core_suite(context)?),
        "grpc-java": command(build::grpc_java_suite(context)?),
        "channelz": command(build::channelz(context)?),
        "csds": command(build::csds(context)?),
        "xds": command(build::xds(context)?),
        "xds-java": command(build::xds_java(context)?),
    });
    let mut run = run.env("TRUNKLINE_INTEROP_SUITE", servers.to_string()).env(
        "TRUNKLINE_INTEROP_DOCUMENT",
        context.root.join("docs/interop.md"),
    );
    if let Some(secs) = options.soak_secs {
        run = run.env("TRUNKLINE_INTEROP_SOAK_SECS", secs.to_string());
    }
    if options.writes_document {
        run = run.env("TRUNKLINE_INTEROP_WRITE_DOCUMENT", "yes");
    }
    Ok(run)
}

fn command(built: build::Built) -> Value {
    match built {
        Ok((program, args)) => {
            let words: Vec<PathBuf> = std::iter::once(program).chain(args).collect();
            json!({"command": words})
        }
        Err(why) => json!({"missing": why}),
    }
}
