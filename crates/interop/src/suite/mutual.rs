//! Client certificates. gRPC's suite has no case for them.

use tonic::Code;
use trunkline::{BoxFuture, Tls};
use trunkline_testkit::certificates::Issued;

use super::addresses::Addresses;
use super::cases::{large_call, try_large_call};
use super::certificates::Certificates;
use super::column::{Cell, on_all};
use super::judge::failed;
use super::stub::{Place, Stub};
use crate::clients::NamedRuntime;
use crate::clock::LIMIT;
use crate::wrong::Wrong;

/// What the cases are about, in their order.
pub(super) const CASES: [&str; 3] = [
    "a client certificate",
    "a client certificate of another issuer",
    "no client certificate",
];

/// Runs the cases against one server.
pub(super) fn run(
    addresses: Addresses,
    certificates: &Certificates,
    runtimes: &[NamedRuntime],
) -> [Cell; CASES.len()] {
    let tls = || Tls::new().with_ca_pem(certificates.root_pem());
    let with = |client: &Issued| tls().with_identity_pem(client.chain_pem(), client.key_pem());
    let run = |tls, case: fn(Stub) -> BoxFuture<Result<(), Wrong>>| {
        let place = Place::tls(addresses.mutual, tls);
        match on_all(&place, runtimes, LIMIT, case) {
            Ok(_) => Cell::Passed,
            Err(wrong) => Cell::Failed(wrong.to_string()),
        }
    };
    [
        run(with(&certificates.client), |stub| Box::pin(accepted(stub))),
        run(with(&certificates.stranger), |stub| {
            Box::pin(refused(stub, "\"CN=stranger.test\""))
        }),
        run(tls(), |stub| {
            Box::pin(refused(
                stub,
                "a client certificate, and this client has none",
            ))
        }),
    ]
}

async fn accepted(stub: Stub) -> Result<(), Wrong> {
    large_call(stub.tests()).await.map(|_| ())
}

/// The call fails, and its message has these words.
async fn refused(stub: Stub, words: &str) -> Result<(), Wrong> {
    let status = failed(
        "UnaryCall",
        try_large_call(stub.tests()).await,
        Code::Unavailable,
    )?;
    if status.message().contains(words) {
        return Ok(());
    }
    Err(format!("`{words}` is missing in: {}", status.message()).into())
}
