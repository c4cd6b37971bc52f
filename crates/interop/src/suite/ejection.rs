//! Three grpc-go servers, of which one fails every second call for a while: outlier detection ejects it, and
//! it comes back. It is no part of gRPC's suite, but uses its servers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tonic::Request;
use trunkline::{BoxFuture, Ejection, PeerAddr};
use trunkline_testkit::load::{Load, LoadOutcome};

use super::addresses::Addresses;
use super::certificates::Certificates;
use super::foreign::{GRPC_GO, Running, command, start_grpc_go};
use super::proto::SimpleRequest;
use super::stub::{Place, Stub, Tests};
use crate::clients::{DEADLINE, NamedRuntime};
use crate::clock::{now, until, until_within};
use crate::wrong::Wrong;

/// The calls per second of each client.
const RATE: u32 = 150;

/// The interval of outlier detection, and how long an ejection lasts. It is longer than the check of what
/// happens meanwhile takes on a busy machine.
const INTERVAL: Duration = Duration::from_secs(1);
const EJECTION: Duration = Duration::from_secs(15);

/// A server gets 50 calls in an interval. The one that fails every second of them is above the threshold.
const CONFIG: &str = r#"{
    "loadBalancingConfig": [{
        "outlier_detection_experimental": {
            "interval": "1s",
            "baseEjectionTime": "15s",
            "failurePercentageEjection": {
                "threshold": 30,
                "minimumHosts": 3,
                "requestVolume": 10
            },
            "childPolicy": [{ "round_robin": {} }]
        }
    }]
}"#;

/// How much later than planned a client may act on a busy machine.
const LATE: Duration = Duration::from_secs(10);

/// The calls of which the shares are measured: those of two seconds.
const MEASURED: u64 = 2 * RATE as u64;

/// A channel with its calls.
struct Client {
    title: &'static str,
    stub: Stub,
    load: Load,
    /// The server that fails.
    bad: SocketAddr,
    /// The lines of the result.
    facts: Vec<String>,
}

/// Makes calls on all runtimes, and prints the results.
///
/// # Errors
///
/// When the server is ejected or returns too late, and when a call reaches it meanwhile.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let command = match command(GRPC_GO)? {
        Ok(command) => command,
        Err(why) => {
            println!("skipped: the ejection of a grpc-go server: {why}");
            return Ok(());
        }
    };
    let certificates = Certificates::make()?;
    let servers = (0..3).map(|_| start_grpc_go(&command, &certificates, &[]));
    let servers = servers.collect::<Result<Vec<Running>, _>>()?;
    let addresses: Vec<Addresses> = servers.iter().map(|server| server.addresses).collect();
    let mut clients = runtimes
        .iter()
        .map(|on| Client::start(&addresses, on))
        .collect::<Result<Vec<_>, _>>()?;
    until("all servers are called", || {
        let mut each = clients.iter();
        Ok(each.all(|client| client.load.outcome().peers.len() == 3))
    })?;

    let bad = servers.last().ok_or("no server")?;
    bad.set_failing(true)?;
    let began = now();
    for client in &mut clients {
        client.wait_for_ejection(began)?;
    }
    let measured = measure(&clients)?;
    for (client, [before, after]) in clients.iter_mut().zip(measured) {
        client.check_ejected(&before, &after)?;
    }

    bad.set_failing(false)?;
    for client in &mut clients {
        client.wait_for_return(began)?;
    }
    let measured = measure(&clients)?;
    for (client, [before, after]) in clients.iter_mut().zip(measured) {
        client.check_shares(&before, &after)?;
        println!("{}: {}", client.title, client.facts.join("; "));
    }
    Ok(())
}

/// Measures [`MEASURED`] calls of each client at the same time. Returns for each what was counted before them and
/// after them. No call is in flight at either time, so the difference is of calls that were made meanwhile.
fn measure(clients: &[Client]) -> Result<Vec<[LoadOutcome; 2]>, Wrong> {
    let settled = || {
        clients.iter().try_for_each(|client| {
            if client.load.settle(2 * DEADLINE) {
                Ok(())
            } else {
                Err(Wrong::from("calls without an end"))
            }
        })?;
        let outcomes = clients.iter().map(|client| client.load.outcome());
        Ok::<Vec<_>, Wrong>(outcomes.collect())
    };
    let before = settled()?;
    clients.iter().for_each(|client| client.load.go_on());
    until("calls are made", || {
        let mut each = clients.iter().zip(&before);
        Ok(each.all(|(client, before)| client.load.outcome().made >= before.made + MEASURED))
    })?;
    let after = settled()?;
    clients.iter().for_each(|client| client.load.go_on());
    let both = before.into_iter().zip(after);
    Ok(both.map(|(before, after)| [before, after]).collect())
}

impl Client {
    fn start(servers: &[Addresses], on: &NamedRuntime) -> Result<Self, Wrong> {
        let addresses: Vec<_> = servers.iter().map(|server| server.plaintext).collect();
        let place = Place::several(&addresses, None);
        let stub = Stub::new_with(&place, on, |builder| builder.default_service_config(CONFIG))?;
        let tests = stub.tests();
        let call = move |_| Box::pin(call(tests.clone())) as BoxFuture<_>;
        Ok(Self {
            title: on.name,
            load: Load::start(&on.runtime, RATE, Box::new(call)),
            stub,
            bad: *addresses.last().ok_or("no server")?,
            facts: Vec::new(),
        })
    }

    /// Waits until outlier detection has decided this often.
    fn wait_for_decisions(&self, count: usize, limit: Duration) -> Result<Vec<Ejection>, Wrong> {
        let mut decisions = Vec::new();
        until_within("outlier detection decides", limit, || {
            decisions = self.stub.ejections();
            Ok(decisions.len() >= count)
        })?;
        Ok(decisions)
    }

    fn wait_for_ejection(&mut self, began: Instant) -> Result<(), Wrong> {
        let limit = 2 * INTERVAL + LATE;
        let decisions = self.wait_for_decisions(1, limit)?;
        let took = now() - began;
        if !matches!(decisions[..], [Ejection::Ejected { .. }]) {
            return Err(format!("not one ejection: {decisions:?}").into());
        }
        if took > limit {
            return Err(format!("the server was ejected only after {took:?}").into());
        }
        self.facts.push(format!(
            "one of three grpc-go servers fails every second call: ejected after {:.1} s",
            took.as_secs_f64()
        ));
        Ok(())
    }

    /// Checks that none of the calls in between has reached the server.
    fn check_ejected(&mut self, before: &LoadOutcome, after: &LoadOutcome) -> Result<(), Wrong> {
        let decisions = self.stub.ejections();
        if decisions.len() != 1 {
            return Err(format!("it was not ejected all the time: {decisions:?}").into());
        }
        let (shares, failed) = (self.shares(before, after), after.failed() - before.failed());
        if shares[0] + failed > 0 {
            let found = format!("{shares:?} calls, {failed} failed: {:?}", after.failures);
            return Err(format!("while it was ejected: {found}").into());
        }
        self.facts.push(format!(
            "{} calls failed until then, and of the {} after that 0 reached it and 0 failed",
            after.failed(),
            shares[1],
        ));
        Ok(())
    }

    fn wait_for_return(&mut self, began: Instant) -> Result<(), Wrong> {
        let limit = 3 * INTERVAL + EJECTION + LATE;
        let decisions = self.wait_for_decisions(2, limit)?;
        let took = now() - began;
        if !matches!(decisions[1..], [Ejection::Returned]) {
            return Err(format!("not one return: {decisions:?}").into());
        }
        if took < EJECTION {
            return Err(format!("the server returned after {took:?} already").into());
        }
        if took > limit {
            return Err(format!("the server returned only after {took:?}").into());
        }
        self.facts.push(format!(
            "it recovers, and is called again {:.1} s after it began to fail",
            took.as_secs_f64()
        ));
        Ok(())
    }

    /// Checks that the server has a third of the calls in between, and that none failed.
    fn check_shares(&mut self, before: &LoadOutcome, after: &LoadOutcome) -> Result<(), Wrong> {
        let ([own, others], failed) =
            (self.shares(before, after), after.failed() - before.failed());
        if failed > 0 || (2 * own).abs_diff(others) > others / 5 {
            let found = format!(
                "{own} and {others} calls, {failed} failed: {:?}",
                after.failures
            );
            return Err(format!("after its return: {found}").into());
        }
        self.facts.push(format!(
            "then {own} calls of its own and {others} of the other two, 0 failed"
        ));
        Ok(())
    }

    /// Returns how many calls the server and the others have answered between these times.
    fn shares(&self, before: &LoadOutcome, after: &LoadOutcome) -> [u64; 2] {
        let own = |outcome: &LoadOutcome| outcome.peers.get(&self.bad).copied().unwrap_or(0);
        let own_calls = own(after) - own(before);
        [own_calls, after.answered - before.answered - own_calls]
    }
}

/// Makes one call, and returns the address of the server.
async fn call(mut tests: Tests) -> Result<SocketAddr, String> {
    let mut request = Request::new(SimpleRequest::default());
    request.set_timeout(DEADLINE);
    let shown = |status: tonic::Status| format!("{:?}: {}", status.code(), status.message());
    let response = tests.unary_call(request).await.map_err(shown)?;
    match response.extensions().get::<PeerAddr>() {
        Some(PeerAddr::Ip(peer)) => Ok(*peer),
        other => Err(format!("not an IP address: {other:?}")),
    }
}
