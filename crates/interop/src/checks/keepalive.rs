//! A backend that is stopped by SIGSTOP while calls are made, and goes on later. It uses our own
//! backends, so it needs no toolchain except Rust's.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkline::KeepaliveOptions;
use trunkline_testkit::backend::{Backend, Options, Program};

use super::on_each::on_each;
use crate::clients::{Client, NamedRuntime};
use crate::clock::{now, until};
use crate::traffic::{LostCall, Traffic, more};
use crate::wrong::Wrong;

/// Calls per second.
const RATE: u32 = 100;

/// The keepalive of the clients: the shortest time that gRPC allows, and a time-out.
const TIME: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(2);

/// The deadline of a call. It is longer than keepalive takes, so that no call ends by it.
const DEADLINE: Duration = Duration::from_secs(18);

/// How much later than planned a client may act on a busy machine.
const LATE: Duration = Duration::from_secs(5);

/// Runs the check on all runtimes at the same time, and prints the results.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    on_each(runtimes, stopped)
}

/// Runs the check on one runtime, and returns the lines to print.
fn stopped(on: &NamedRuntime) -> Result<Vec<String>, Wrong> {
    let start = |name| Backend::start(&Program::ThisProgram, &Options::new(name));
    let (mut a, b) = (start("a")?, start("b")?);
    let (gone, other) = (a.address_v4(), b.address_v4());
    let keepalive = KeepaliveOptions::default()
        .with_time(TIME)
        .with_timeout(TIMEOUT);
    let client = Client::new_with(&format!("ipv4:{gone},{other}"), on, |builder| {
        builder.keepalive(keepalive)
    })?;
    let traffic = Traffic::start_open(client.with_deadline(DEADLINE), RATE);
    let more = |calls| more(std::slice::from_ref(&traffic), calls);
    let answers = |address: SocketAddr| traffic.outcome().peers.get(&address).copied().unwrap_or(0);
    until("both backends are called", || {
        Ok(answers(gone) > 0 && answers(other) > 0)
    })?;
    more(u64::from(RATE) * 2)?;
    traffic.none_lost("both backends run")?;

    a.sigstop()?;
    let stopped = now();
    until("calls are lost by keepalive", || {
        Ok(traffic.outcome().failed() > 0)
    })?;
    let given_up = now();
    let took = given_up - stopped;
    if took > TIME + TIMEOUT + LATE {
        return Err(format!("the backend was left only after {took:?}").into());
    }
    more(u64::from(RATE) * 3)?;
    let lost = traffic.lost();
    judge(&lost, gone, given_up)?;
    let first = format!(
        "one of two backends stopped by SIGSTOP: left after {:.1} s; {} calls of that time failed, none of the {} made in the 3 s after that",
        took.as_secs_f64(),
        lost.len(),
        RATE * 3,
    );

    a.sigcont()?;
    let before = answers(gone);
    let back = until("the backend is called again", || Ok(answers(gone) > before))?;
    let before = [answers(gone), answers(other)];
    more(u64::from(RATE) * 3)?;
    traffic.settle()?;
    traffic.none_lost("both backends run again")?;
    let shares = [answers(gone) - before[0], answers(other) - before[1]];
    if shares[0].abs_diff(shares[1]) > u64::from(RATE) / 4 {
        return Err(format!("after SIGCONT the shares are {shares:?}").into());
    }
    let second = format!(
        "SIGCONT: called again after {:.1} s, then {} calls of its own and {} of the other, 0 failed",
        back.as_secs_f64(),
        shares[0],
        shares[1],
    );
    Ok(vec![first, second])
}

/// Checks that the calls that failed were sent to the stopped backend before it was given up, and that
/// their texts name keepalive and the peer.
fn judge(lost: &[LostCall], gone: SocketAddr, given_up: Instant) -> Result<(), Wrong> {
    let expected = format!("Unavailable: connection to {gone} lost: keepalive timed out");
    for one in lost {
        if !one.why.starts_with(&expected) {
            return Err(format!("a call failed for another reason: {}", one.why).into());
        }
        if one.began > given_up {
            let late = (one.began - given_up).as_millis();
            return Err(format!("a call failed that began {late} ms later: {}", one.why).into());
        }
    }
    Ok(())
}
