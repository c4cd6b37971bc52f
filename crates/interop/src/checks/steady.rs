//! A steady load while backends are stopped and added. It uses our own DNS server and backends, so it
//! needs no toolchain except Rust's.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use trunkline_testkit::backend::{Backend, Options, Program};
use trunkline_testkit::dns::{Data, DnsServer, Reply, Type};

use super::calls::lost_with;
use super::on_each::on_each;
use crate::clients::{Client, NamedRuntime};
use crate::clock::{LIMIT, now, until};
use crate::traffic::{Traffic, more};
use crate::wrong::Wrong;

/// Calls per second.
const RATE: u32 = 200;

/// For how many seconds the calls before the SIGKILL are made.
const SECONDS: u64 = 15;

/// How long a backend works on a call.
const WORK: Duration = Duration::from_millis(40);

/// The TTL of the records.
const TTL_SECS: u32 = 1;

/// The delay before the other family of a backend is tried as well, the longest there is: the check counts
/// closed connections, and the loser of a race on a busy machine is one.
const ATTEMPT_DELAY: Duration = Duration::from_secs(2);

const SERVICE: &str = "_grpc._tcp.greeter.test";

/// Runs the check on all runtimes at the same time, and prints the results.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    on_each(runtimes, steady)
}

/// Runs the check on one runtime, and returns the lines to print.
fn steady(on: &NamedRuntime) -> Result<Vec<String>, Wrong> {
    let (mut a, mut b, mut c, mut d) = (backend("a")?, backend("b")?, backend("c")?, backend("d")?);
    let dns = DnsServer::start()?;
    publish(&dns, &[&a, &b, &c]);
    let target = format!("srv://{}/{SERVICE}", dns.address());
    let client = Client::new_with(&target, on, |builder| builder.attempt_delay(ATTEMPT_DELAY))?;
    let traffic = Traffic::start(client, RATE);
    let more = |calls| more(std::slice::from_ref(&traffic), calls);
    until("three backends are called", || {
        Ok(traffic.outcome().peers.len() == 3)
    })?;

    let (began, first) = (now(), traffic.made());
    more(u64::from(RATE) * SECONDS / 3)?;
    a.sigterm()?;
    more(u64::from(RATE) * SECONDS / 6)?;
    publish(&dns, &[&b, &c, &d]);
    more(u64::from(RATE) * SECONDS / 2)?;
    let (took, during) = (now() - began, traffic.made() - first);
    traffic.settle()?;
    traffic.none_lost("one stopped by SIGTERM, one added")?;
    let exit = a.wait(LIMIT)?;
    let last = exit.counters.ok_or("the backend a was not drained")?;
    let answers =
        [last, b.stats()?, c.stats()?, d.stats()?].map(|counters| counters.total().answers);
    let closes = b.stats()?.total().closes + c.stats()?.total().closes;
    let shares = format!(
        "answered by a (stopped) {}, b {}, c {}, d (added) {}",
        answers[0], answers[1], answers[2], answers[3]
    );
    let made = traffic.made();
    if answers.iter().sum::<u64>() != made || answers.contains(&0) || closes > 0 {
        let wrong = format!(
            "{made} calls were made, {shares}, and {closes} connections to b and c were closed"
        );
        return Err(wrong.into());
    }
    let gently = format!(
        "{during} calls in {:.1} s, one backend stopped by SIGTERM, one added: 0 failed; of {made} calls {shares}",
        took.as_secs_f64()
    );

    traffic.go_on();
    more(u64::from(RATE))?;
    traffic.none_lost("three of four backends run")?;
    b.kill()?;
    let gone = now();
    let before = traffic.made();
    more(u64::from(RATE) * 3)?;
    traffic.settle()?;
    let later = traffic.made() - before;
    let addresses: Vec<_> = [Some(b.address_v4()), b.address_v6()]
        .into_iter()
        .flatten()
        .collect();
    let lost = lost_with(&addresses, &traffic.lost(), gone)?;
    let roughly = format!(
        "one backend ended by SIGKILL: {lost} calls failed, sent to it before it was known to be gone; {later} made afterwards"
    );
    Ok(vec![gently, roughly])
}

/// Starts a backend whose calls take [`WORK`], so that some are always in flight.
fn backend(name: &str) -> Result<Backend, Wrong> {
    let options = Options {
        work: WORK,
        ..Options::new(name)
    };
    Ok(Backend::start(&Program::ThisProgram, &options)?)
}

/// Publishes these backends in the DNS, with SRV records and addresses of both families.
fn publish(server: &DnsServer, backends: &[&Backend]) {
    let host = |backend: &Backend| format!("{}.greeter.test", backend.name());
    for backend in backends {
        server.set(
            &host(backend),
            Type::A,
            Reply::a(TTL_SECS, [Ipv4Addr::LOCALHOST]),
        );
        if backend.address_v6().is_some() {
            server.set(
                &host(backend),
                Type::AAAA,
                Reply::aaaa(TTL_SECS, [Ipv6Addr::LOCALHOST]),
            );
        }
    }
    let records = backends.iter().map(|backend| Data::Srv {
        priority: 0,
        weight: 1,
        port: backend.port(),
        target: host(backend),
    });
    server.set(SERVICE, Type::SRV, Reply::data(TTL_SECS, records));
}
