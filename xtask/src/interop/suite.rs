//! The servers of gRPC's interop suite. The command starts them itself.
//!
//! They are one JSON object. A key is the name of a server. Its value is `{"command":[..]}`, or
//! `{"missing":".."}` with the reason why it cannot be built here. Each server prints its addresses as
//! one line of JSON, `{"plaintext":"127.0.0.1:41234"}`, and ends with its standard input.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::build;
use crate::context::Context;
use crate::failure::Failure;

/// Builds the servers that are not in the cache.
pub(super) fn servers(context: &Context) -> Result<Value, Failure> {
    Ok(json!({
        "grpc-go": command(build::grpc_go_suite(context)?),
        "c-core": command(build::c_core_suite(context)?),
        "grpc-java": command(build::grpc_java_suite(context)?),
    }))
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
