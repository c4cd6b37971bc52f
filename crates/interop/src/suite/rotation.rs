//! grpc-go servers that end each connection after a second, and are restarted one after the other, while
//! calls are made. It is no part of gRPC's suite, but uses its servers.

use std::net::SocketAddr;
use std::time::Duration;

use tonic::Request;
use trunkline::{BoxFuture, PeerAddr, Tls};
use trunkline_testkit::load::Load;

use super::addresses::Addresses;
use super::certificates::Certificates;
use super::foreign::{GRPC_GO, Running, command, start_grpc_go};
use super::proto::{ResponseParameters, StreamingOutputCallRequest};
use super::stub::{Place, Stub, Tests};
use crate::clients::{DEADLINE, NamedRuntime};
use crate::clock::{now, until, wait_until};
use crate::environment::optional;
use crate::wrong::Wrong;

/// The calls per second of each client.
const RATE: u32 = 200;

/// The time that a server works on a call, so that some are always in flight.
const WORK: Duration = Duration::from_millis(20);

/// The length of the check, unless the environment has another one.
const SHORT_SECS: u64 = 12;

/// The servers, each of which is restarted once.
const SERVERS: u32 = 3;

/// The arguments of a server that ends each connection after a second.
const MAX_AGE: [&str; 2] = ["-max-age", "1s"];

/// A channel with its calls.
struct Client {
    title: String,
    stub: Stub,
    load: Load,
}

/// Makes calls on all runtimes, by plaintext and by TLS, and prints the results.
///
/// # Errors
///
/// When a call fails.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let length = Duration::from_secs(optional("SOAK_SECS")?.unwrap_or(SHORT_SECS));
    let command = match command(GRPC_GO)? {
        Ok(command) => command,
        Err(why) => {
            println!("skipped: the rotation of grpc-go servers: {why}");
            return Ok(());
        }
    };
    let certificates = Certificates::make()?;
    let start = |args: &[String]| {
        let max_age = MAX_AGE.map(str::to_owned);
        start_grpc_go(&command, &certificates, &[&max_age, args].concat())
    };
    let servers = (0..SERVERS).map(|_| start(&[]));
    let mut servers = servers.collect::<Result<Vec<Running>, _>>()?;
    let addresses: Vec<Addresses> = servers.iter().map(|server| server.addresses).collect();
    let clients = clients(&addresses, &certificates, runtimes)?;
    called(&clients, &addresses)?;

    let began = now();
    for ((number, server), at) in (1..).zip(&mut servers).zip(&addresses) {
        wait_until(began + length * number / (SERVERS + 1));
        server.terminate()?;
        *server = start(&[
            format!("-plaintext={}", at.plaintext),
            format!("-tls={}", at.tls),
        ])?;
        called(&clients, std::slice::from_ref(at))?;
    }
    wait_until(began + length);
    for client in &clients {
        println!("{}", client.judge(length)?);
    }
    Ok(())
}

/// Starts a client by plaintext and one by TLS on each runtime.
fn clients(
    servers: &[Addresses],
    certificates: &Certificates,
    runtimes: &[NamedRuntime],
) -> Result<Vec<Client>, Wrong> {
    let plaintext: Vec<_> = servers.iter().map(|server| server.plaintext).collect();
    let secure: Vec<_> = servers.iter().map(|server| server.tls).collect();
    let tls = Tls::new().with_ca_pem(certificates.root_pem());
    let places = [
        ("plaintext", Place::several(&plaintext, None)),
        ("TLS", Place::several(&secure, Some(tls))),
    ];
    let mut clients = Vec::new();
    for on in runtimes {
        for (security, place) in &places {
            let stub = Stub::new_with(place, on, |builder| builder.load_balancing("round_robin"))?;
            let tests = stub.tests();
            let call = move |_| Box::pin(call(tests.clone())) as BoxFuture<_>;
            clients.push(Client {
                title: format!("{security} on {}", on.name),
                load: Load::start(&on.runtime, RATE, Box::new(call)),
                stub,
            });
        }
    }
    Ok(clients)
}

/// Makes one call, and returns the address of the server.
async fn call(mut tests: Tests) -> Result<SocketAddr, String> {
    // The time is far below the range.
    let interval_us = WORK.as_micros() as i32;
    let response_parameters = vec![ResponseParameters {
        interval_us,
        ..ResponseParameters::default()
    }];
    let mut request = Request::new(StreamingOutputCallRequest {
        response_parameters,
        ..StreamingOutputCallRequest::default()
    });
    request.set_timeout(DEADLINE);
    let shown = |status: tonic::Status| format!("{:?}: {}", status.code(), status.message());
    let response = tests.streaming_output_call(request).await.map_err(shown)?;
    let peer = response.extensions().get::<PeerAddr>().cloned();
    let mut replies = response.into_inner();
    let (first, second) = (
        replies.message().await.map_err(shown)?,
        replies.message().await.map_err(shown)?,
    );
    match (first, second, peer) {
        (Some(_), None, Some(PeerAddr::Ip(peer))) => Ok(peer),
        other => Err(format!("not one response of an IP address: {other:?}")),
    }
}

/// Waits until each of these servers has answered a further call of each client.
fn called(clients: &[Client], servers: &[Addresses]) -> Result<(), Wrong> {
    let answers = |client: &Client| {
        let peers = client.load.outcome().peers;
        let by = |server: &Addresses| -> u64 {
            let either = [server.plaintext, server.tls];
            either.iter().filter_map(|address| peers.get(address)).sum()
        };
        servers.iter().map(by).collect::<Vec<_>>()
    };
    let before: Vec<_> = clients.iter().map(answers).collect();
    until("all servers are called", || {
        let mut each = clients.iter().zip(&before);
        Ok(each.all(|(client, before)| {
            let after = answers(client);
            after
                .iter()
                .zip(before)
                .all(|(after, before)| after > before)
        }))
    })
    .map(|_| ())
}

impl Client {
    /// Stops the calls, and returns a line on them.
    fn judge(&self, length: Duration) -> Result<String, Wrong> {
        let settled = self.load.settle(2 * DEADLINE);
        let (outcome, lost) = (self.load.outcome(), self.stub.lost());
        let secs = length.as_secs();
        let line = format!(
            "{}: {} calls, {SERVERS} servers restarted in {secs} s, {lost} connections ended",
            self.title, outcome.made
        );
        if let Some((why, _)) = outcome.failures.first_key_value() {
            return Err(format!("{line}: {} calls failed: {why}", outcome.failed()).into());
        }
        // Each of the connections ends at least every two seconds, or the servers do not as they should.
        let enough = usize::try_from(u64::from(SERVERS) * secs / 2)?;
        if !settled || lost < enough || outcome.made < u64::from(RATE) * secs / 2 {
            return Err(format!("{line}: too few, or calls without an end").into());
        }
        Ok(format!("{line}: 0 failed"))
    }
}
