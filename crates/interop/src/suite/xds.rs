//! A channel of ours and one of grpc-go beside each other, with one control plane: go-control-plane. Both
//! must share calls as the resources ask, and send the control plane the same requests. It is no part of
//! gRPC's suite, but uses its servers.

// From the ground up.
mod process;
mod resources;

mod clients;
mod plane;

mod steps;

use std::net::SocketAddr;

use self::clients::{Called, Client};
use self::plane::{Plane, Requests};
use self::steps::{STEPS, Step};
use super::certificates::Certificates;
use super::foreign::{GRPC_GO, Running, command, start_grpc_go};
use crate::clients::NamedRuntime;
use crate::clock::until;
use crate::wrong::Wrong;

const TARGET: &str = "xds:///orders";

/// The node of grpc-go's client.
const FOREIGN: &str = "grpc-go";

/// How far a share may be from the one that is asked for, in points of a per cent: four standard deviations
/// of 600 draws with the chance of one half.
const TOLERANCE: f64 = 8.2;

/// The calls by which a client shows that it uses a change.
const PROBES: usize = 60;

/// Takes all steps with both clients, and prints the result.
///
/// # Errors
///
/// When a client shares calls in another way than a step asks for, or the clients send other requests.
pub(crate) fn check(_: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let (xds, grpc_go) = match (command("xds")?, command(GRPC_GO)?) {
        (Ok(xds), Ok(grpc_go)) => (xds, grpc_go),
        (Err(why), _) | (_, Err(why)) => {
            println!("skipped: xDS beside grpc-go: {why}");
            return Ok(());
        }
    };
    let certificates = Certificates::make()?;
    let servers = (0..3).map(|_| start_grpc_go(&grpc_go, &certificates, &[]));
    let servers = servers.collect::<Result<Vec<Running>, _>>()?;
    let addresses: Vec<SocketAddr> = servers.iter().map(|one| one.addresses.plaintext).collect();
    let addresses: &[SocketAddr; 3] = addresses.as_slice().try_into()?;

    let mut plane = Plane::start(&xds)?;
    let foreign = Client::foreign(&xds, TARGET, &bootstrap(&plane, FOREIGN))?;
    let mut clients = vec![(FOREIGN, foreign)];
    let runtimes: [NamedRuntime; 0] = [];

    let mut requests = 0;
    for step in &STEPS {
        (step.change)(&mut plane, addresses)?;
        for (name, client) in &mut clients {
            take(step, *name == FOREIGN, addresses, client)
                .map_err(|wrong| format!("{name}, {}: {wrong}", step.name))?;
        }
        let seen = plane.requests()?;
        requests += compare(&seen, &runtimes).map_err(|wrong| format!("{}: {wrong}", step.name))?;
    }
    let differ = STEPS.iter().filter_map(|step| step.difference.as_ref());
    let differ: Vec<_> = differ.map(|known| known.why).collect();
    println!(
        "{} steps of go-control-plane beside grpc-go's client: the same shares of three grpc-go servers, the same codes, the same {requests} requests of each client; known differences: {}",
        STEPS.len(),
        differ.join("; "),
    );
    Ok(())
}

/// Returns the bootstrap of a client.
fn bootstrap(plane: &Plane, node: &str) -> String {
    serde_json::json!({
        "xds_servers": [{
            "server_uri": plane.address,
            "channel_creds": [{"type": "insecure"}],
            "server_features": ["xds_v3"],
        }],
        "node": {"id": node},
    })
    .to_string()
}

/// Waits until a client uses the change of a step, and checks how it shares calls then.
fn take(
    step: &Step,
    is_foreign: bool,
    backends: &[SocketAddr; 3],
    client: &mut Client,
) -> Result<(), Wrong> {
    let (shares, unavailable) = match &step.difference {
        Some(ours) if !is_foreign => (ours.shares, ours.unavailable),
        _ => (step.shares, step.unavailable),
    };
    let mut probes = step.calls;
    probes.count = PROBES;
    let mut last = Called::default();
    let expected = |called: &Called, tolerance: f64| {
        let answered = called.backends.values().sum::<usize>();
        let near = |part: usize, of: usize, asked: u32| {
            let found = 100.0 * part as f64 / of.max(1) as f64;
            let at_an_end = asked == 0 || asked == 100;
            let asked = f64::from(asked);
            if at_an_end {
                (found - asked).abs() < 0.01
            } else {
                (found - asked).abs() < tolerance
            }
        };
        let mut each = backends.iter().zip(shares);
        let failed = called.codes.get("UNAVAILABLE").copied().unwrap_or_default();
        each.all(|(backend, share)| {
            let calls = called.backends.get(backend).copied().unwrap_or_default();
            near(calls, answered, share)
        }) && near(failed, answered + failed, unavailable)
            && called.codes.values().sum::<usize>() == answered + failed
    };
    let used = until("the client uses the change", || {
        last = client.call(probes)?;
        // The tolerance of so few calls.
        Ok(expected(&last, 3.0 * TOLERANCE))
    });
    used.map_err(|wrong| format!("{wrong}: {last:?}"))?;
    let called = client.call(step.calls)?;
    if expected(&called, TOLERANCE) {
        return Ok(());
    }
    Err(format!("asked for {shares:?} and {unavailable} failed of 100, found {called:?}").into())
}

/// Checks that our clients have sent the requests that grpc-go's has sent, and returns their number.
fn compare(seen: &Requests, runtimes: &[NamedRuntime]) -> Result<usize, Wrong> {
    let of = |node: &str| seen.get(node).cloned().unwrap_or_default();
    let foreign = of(FOREIGN);
    for on in runtimes {
        let own = of(on.name);
        if own != foreign {
            return Err(format!("{} sent {own:?}, grpc-go sent {foreign:?}", on.name).into());
        }
    }
    Ok(foreign.values().map(Vec::len).sum())
}
