//! The cases of gRPC's interop suite, in the order of its
//! [description](https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md).

mod compression;
mod ends;
mod load_reports;
mod metadata;
mod scaling;
mod soak;
mod statuses;
mod streaming;
mod unary;

use trunkline::BoxFuture;

pub(super) use self::scaling::MAX_STREAMS;
pub(super) use self::soak::Soak;
pub(super) use self::unary::{large_call, try_large_call};
use super::judge::Verdict;
use super::stub::Stub;
use crate::wrong::Wrong;

/// One case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) task: Task,
}

/// What to do for a case.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    /// Run this.
    Run(fn(Stub) -> BoxFuture<Result<Verdict, Wrong>>),
    /// Run this soak.
    Soak(fn(Stub, Soak) -> BoxFuture<Result<String, Wrong>>),
    /// Nothing, for this reason.
    Skip(&'static str),
}

const CREDENTIALS: &str = "needs credentials of Google's cloud";

macro_rules! run {
    ($module:ident :: $name:ident) => {
        Case {
            name: stringify!($name),
            task: Task::Run(|stub| Box::pin($module::$name(stub))),
        }
    };
}

macro_rules! soak {
    ($name:ident) => {
        Case {
            name: stringify!($name),
            task: Task::Soak(|stub, soak| Box::pin(soak::$name(stub, soak))),
        }
    };
}

const fn skip(name: &'static str, why: &'static str) -> Case {
    let task = Task::Skip(why);
    Case { name, task }
}

/// All cases.
pub(super) const CASES: [Case; 30] = [
    run!(unary::empty_unary),
    skip(
        "cacheable_unary",
        "needs calls by GET and a caching proxy; C-core has neither any more",
    ),
    run!(unary::large_unary),
    run!(compression::client_compressed_unary),
    run!(compression::server_compressed_unary),
    run!(streaming::client_streaming),
    run!(compression::client_compressed_streaming),
    run!(streaming::server_streaming),
    run!(compression::server_compressed_streaming),
    run!(streaming::ping_pong),
    run!(streaming::empty_stream),
    skip("compute_engine_creds", CREDENTIALS),
    skip("jwt_token_creds", CREDENTIALS),
    skip("oauth2_auth_token", CREDENTIALS),
    skip("per_rpc_creds", CREDENTIALS),
    skip("google_default_credentials", CREDENTIALS),
    skip("compute_engine_channel_credentials", CREDENTIALS),
    run!(metadata::custom_metadata),
    run!(statuses::status_code_and_message),
    run!(statuses::special_status_message),
    run!(statuses::unimplemented_method),
    run!(statuses::unimplemented_service),
    run!(ends::cancel_after_begin),
    run!(ends::cancel_after_first_response),
    run!(ends::timeout_on_sleeping_server),
    soak!(rpc_soak),
    soak!(channel_soak),
    run!(load_reports::orca_per_rpc),
    run!(load_reports::orca_oob),
    run!(scaling::max_concurrent_streams_connection_scaling),
];
