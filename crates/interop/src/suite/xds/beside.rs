//! Steps that a channel of ours and those of other projects take beside each other. All must share calls as the
//! resources ask, and subscribe to and reject the same resources. The servers are those of gRPC's suite.

use std::net::SocketAddr;
use std::time::Duration;

use super::clients::{Called, Client, foreign};
use super::plane::{Plane, Seen};
use super::started;
use super::steps::{STEPS, Step};
use crate::clients::NamedRuntime;
use crate::clock::{now, until, wait_until};
use crate::suite::certificates::Certificates;
use crate::suite::foreign::{GRPC_GO, Running, command, start_grpc_go};
use crate::wrong::Wrong;

/// The node of the client with which the others are compared.
const REFERENCE: &str = GRPC_GO;

/// How far a share may be from the one that is asked for, in points of a per cent: four standard deviations
/// of 600 draws with the chance of one half.
const TOLERANCE: f64 = 8.2;

/// The number of calls that show whether a client uses a change.
const PROBES: usize = 60;

/// The time in which a client sends two load reports, and some more.
const REPORTS: Duration = Duration::from_millis(2_500);

/// Takes all steps with both clients, and prints the result.
///
/// # Errors
///
/// When a client shares calls in another way than a step asks for, or the clients send other requests.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
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
    let foreign = foreign(&xds)?;
    let mut clients = started::clients(&foreign, &plane, runtimes)?;

    let mut before: &[&str] = &[];
    for step in &STEPS {
        plane.start_step()?;
        (step.change)(&mut plane, addresses)?;
        let mut answered = Vec::new();
        for (name, client) in &mut clients {
            let calls = take(step, addresses, client);
            answered.push(calls.map_err(|wrong| format!("{name}, {}: {wrong}", step.name))?);
        }
        if let Some(cluster) = step.reported {
            for ((name, client), calls) in clients.iter_mut().zip(answered) {
                let all = report(step, cluster, calls, &mut plane, (name, client));
                all.map_err(|wrong| format!("{name}, {}: {wrong}", step.name))?;
            }
        }
        for (name, _) in clients.iter().filter(|(name, _)| *name != REFERENCE) {
            let same = compare(step, before, &mut plane, name);
            same.map_err(|wrong| format!("{}: {wrong}", step.name))?;
        }
        before = step.rejected;
    }
    let mut requests = Vec::new();
    for (name, _) in &clients {
        requests.push(format!("{name} {}", plane.seen(name)?.requests));
    }
    let differ = STEPS.iter().filter_map(|step| step.difference.as_ref());
    let differ: Vec<_> = differ.map(|known| known.why).collect();
    println!(
        "{} steps of go-control-plane with {}: the same shares of three grpc-go servers, the same codes, the same subscriptions after each step (requests: {}); known differences: {}",
        STEPS.len(),
        clients
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", "),
        requests.join(", "),
        differ.join("; "),
    );
    Ok(())
}

/// Waits until a client uses the change of a step, and checks how it shares calls then. Returns how many of
/// its calls were answered by the backends of the step.
fn take(step: &Step, backends: &[SocketAddr; 3], client: &mut Client) -> Result<u64, Wrong> {
    let (shares, unavailable) = match &step.difference {
        Some(ours) if client.is_own() => (ours.shares, ours.unavailable),
        _ => (step.shares, step.unavailable),
    };
    let mut probes = step.calls;
    probes.count = PROBES;
    let mut last = Called::default();
    let mut total = 0;
    let mut count = |called: &Called| {
        let asked = backends.iter().zip(shares).filter(|(_, share)| *share > 0);
        let calls = asked.filter_map(|(backend, _)| called.backends.get(backend));
        total += calls.sum::<usize>() as u64;
    };
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
        count(&last);
        // The tolerance of so few calls.
        Ok(expected(&last, 3.0 * TOLERANCE))
    });
    used.map_err(|wrong| format!("{wrong}: {last:?}"))?;
    let called = client.call(step.calls)?;
    count(&called);
    if expected(&called, TOLERANCE) {
        return Ok(total);
    }
    Err(format!("asked for {shares:?} and {unavailable} failed of 100, found {called:?}").into())
}

/// Waits until a client has reported each call of a cluster, not one more and not one less: first the calls
/// `before`, and then as many as the step has.
fn report(
    step: &Step,
    cluster: &str,
    before: u64,
    plane: &mut Plane,
    (name, client): (&str, &mut Client),
) -> Result<(), Wrong> {
    let mut all_reported = |expected: u64| {
        let mut found = 0;
        let all = until("all calls are reported", || {
            found = plane.load(name, cluster)?;
            Ok(found == expected)
        });
        all.map_err(|wrong| format!("{wrong}: {found} of {expected}"))
    };
    all_reported(before)?;
    client.call(step.calls)?;
    let expected = before + step.calls.count as u64;
    all_reported(expected)?;
    wait_until(now() + REPORTS);
    let found = plane.load(name, cluster)?;
    if found != expected {
        return Err(format!("reported {found} calls of {expected}").into());
    }
    Ok(())
}

/// Waits until a client is subscribed to what grpc-go's is subscribed to, and has rejected what
/// that has rejected. How many requests lead there depends on the time and on the client, and a rejection of
/// the step `before` may be repeated until the next response comes.
fn compare(step: &Step, before: &[&str], plane: &mut Plane, name: &str) -> Result<(), Wrong> {
    if step.difference.is_some() {
        return Ok(());
    }
    let [mut own, mut foreign] = [Seen::default(), Seen::default()];
    let same = until("the same subscriptions", || {
        own = plane.seen(name)?;
        foreign = plane.seen(REFERENCE)?;
        Ok(own.subscriptions == foreign.subscriptions
            && [&own, &foreign].iter().all(|seen| {
                let late = |kind: &&String| !before.contains(&kind.as_str());
                seen.rejected.iter().filter(late).eq(step.rejected)
            }))
    });
    same.map_err(|wrong| format!("{wrong}: {name} {own:?}, grpc-go {foreign:?}"))?;
    Ok(())
}
