//! The cases: a client's side and what the server must have counted.

use futures_util::future::join_all;
use tonic::Code;

use super::record::Log;
use super::server::EdgeServer;
use super::steps::Behavior;
use crate::clients::NamedRuntime;
use crate::clock::until;
use crate::suite::cases::{large_call, try_large_call};
use crate::suite::judge::{failed, same};
use crate::suite::stub::{Place, Stub};
use crate::wrong::Wrong;

/// The calls at the same time in `max_streams`.
const CONCURRENT: usize = 10;

/// A case: its name, the server's behavior, and the client's side.
struct EdgeCase {
    name: &'static str,
    behavior: Behavior,
    check: fn(Client<'_>) -> Result<(), Wrong>,
}

const CASES: [EdgeCase; 8] = [
    EdgeCase::new("goaway", Behavior::Goaway, goaway),
    EdgeCase::new("rst_after_header", Behavior::RstAfterHeader, reset),
    EdgeCase::new("rst_during_data", Behavior::RstDuringData, reset),
    EdgeCase::new("rst_after_data", Behavior::RstAfterData, reset),
    EdgeCase::new("ping", Behavior::Ping, ping),
    EdgeCase::new("max_streams", Behavior::MaxStreams, max_streams),
    EdgeCase::new("data_frame_padding", Behavior::DataFramePadding, large),
    EdgeCase::new(
        "no_df_padding_sanity_test",
        Behavior::NoDataFramePadding,
        large,
    ),
];

impl EdgeCase {
    const fn new(
        name: &'static str,
        behavior: Behavior,
        check: fn(Client<'_>) -> Result<(), Wrong>,
    ) -> Self {
        Self {
            name,
            behavior,
            check,
        }
    }
}

/// A channel to a server that misbehaves.
struct Client<'a> {
    stub: Stub,
    on: &'a NamedRuntime,
    server: &'a EdgeServer,
}

/// Runs the cases on each runtime. Returns the name of each case, and the reason if it failed.
pub(crate) fn run(runtimes: &[NamedRuntime]) -> Vec<(&'static str, Result<(), Wrong>)> {
    let each = CASES.iter();
    each.map(|case| {
        let on_all = runtimes.iter().try_for_each(|on| {
            run_on(case, on).map_err(|wrong| format!("on {}: {wrong}", on.name).into())
        });
        (case.name, on_all)
    })
    .collect()
}

fn run_on(case: &EdgeCase, on: &NamedRuntime) -> Result<(), Wrong> {
    let server = EdgeServer::start(case.behavior)?;
    let place = Place::plaintext(server.address());
    let stub = Stub::new(&place, on)?;
    let server = &server;
    (case.check)(Client { stub, on, server })
}

impl Client<'_> {
    /// Makes a large call, which must succeed.
    fn call(&self) -> Result<(), Wrong> {
        let call = large_call(self.stub.tests());
        self.on.wait(call)?.map(|_| ())
    }

    /// Closes the channel, waits for the end of its connections, and returns the server's counts.
    fn close(self) -> Result<Log, Wrong> {
        drop(self.stub);
        until("the connections end", || {
            let log = self.server.log();
            Ok(log.ended == log.accepted)
        })?;
        Ok(self.server.log())
    }
}

/// The second call is made on another connection.
fn goaway(client: Client<'_>) -> Result<(), Wrong> {
    client.call()?;
    client.call()?;
    same("connections", client.close()?.accepted, 2)
}

/// The call fails. A reset with NO_ERROR before the trailers is INTERNAL, by
/// [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors).
fn reset(client: Client<'_>) -> Result<(), Wrong> {
    let call = try_large_call(client.stub.tests());
    failed("UnaryCall", client.on.wait(call)?, Code::Internal)?;
    same("connections", client.close()?.accepted, 1)
}

/// The client answers every ping.
fn ping(client: Client<'_>) -> Result<(), Wrong> {
    client.call()?;
    let log = client.close()?;
    same("pings sent", log.pings_sent, 3)?;
    same("pings answered", log.pings_answered, 3)
}

/// The client keeps the limit of one stream.
fn max_streams(client: Client<'_>) -> Result<(), Wrong> {
    client.call()?;
    let calls = (0..CONCURRENT).map(|_| large_call(client.stub.tests()));
    let calls = client.on.wait(join_all(calls))?;
    calls.into_iter().try_for_each(|call| call.map(|_| ()))?;
    let log = client.close()?;
    same("connections", log.accepted, 1)?;
    same("streams at a time", log.most_streams, 1)
}

/// The call succeeds on one connection.
fn large(client: Client<'_>) -> Result<(), Wrong> {
    client.call()?;
    same("connections", client.close()?.accepted, 1)
}
