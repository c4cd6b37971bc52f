//! A client with three backends, of which DNS has two.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use trunkline_benches::child::Child;
use trunkline_benches::clock::wall_time;
use trunkline_testkit::dns::{DnsServer, Reply, Type};

use super::endings::{AGE_SECS, Ending};
use super::timetable::Timetable;
use crate::{backend, client, role};

/// A process that does not start within this time hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A client.
#[derive(Debug)]
pub(super) enum Program {
    /// With a channel of ours: this program.
    Ours,
    /// With grpc-go: the program at this path.
    Go(PathBuf),
}

/// What a client did.
#[derive(Debug)]
pub(super) struct Figures {
    /// From the change to the first call of the new backend.
    pub(super) first_call: Duration,
    /// From the change to the last call of the old backend, or to the last failure of a call.
    pub(super) last_call: Duration,
    /// The calls that failed after the change.
    pub(super) failed: usize,
    /// The messages to the DNS server, from the start of the client to the end of the watch.
    pub(super) messages: usize,
}

/// A client, its name in DNS, and its backends: one that is in DNS all the time, one that is in DNS until the change, and one
/// that takes the place of the latter.
#[derive(Debug)]
pub(super) struct World {
    name: String,
    hosts: [Ipv4Addr; 3],
    client: Child,
    kept: Child,
    old: Child,
    new: Child,
    ending: Ending,
    /// When DNS changed.
    pub(super) changed: Duration,
}

impl World {
    /// Starts the backends, and a client with this interval in milliseconds.
    pub(super) fn start(
        number: usize,
        (program, interval): (&Program, Option<u64>),
        ending: Ending,
        dns: &DnsServer,
        timetable: &Timetable,
    ) -> Self {
        // Records of DNS have no port, so backends with one name have one port, at addresses of their own.
        let world = u8::try_from(number).expect("fewer worlds than addresses");
        let hosts = [1, 2, 3].map(|host| Ipv4Addr::new(127, 77, world, host));
        let mut kept = start_backend(hosts[0], "0", ending);
        let port = kept.line(LIMIT);
        let [mut old, mut new] =
            [hosts[1], hosts[2]].map(|host| start_backend(host, &port, ending));
        for backend in [&mut old, &mut new] {
            backend.line(LIMIT);
        }
        let name = format!("world-{world}.test");
        publish(dns, &name, timetable, [hosts[0], hosts[1]]);
        // The final dot keeps the search list of this machine out of it.
        let target = format!("dns://{}/{name}.:{port}", dns.address());
        let interval = interval.map_or_else(|| client::DEFAULT.to_owned(), |one| one.to_string());
        let rate = timetable.rate.to_string();
        let words = [client::ROLE, &target, &interval, &rate];
        let command = match program {
            Program::Ours => role::command(&words),
            Program::Go(path) => {
                let mut command = Command::new(path);
                command.args(&words[1..]);
                command
            }
        };
        Self {
            client: Child::start(format!("the client of {name}"), command),
            name,
            hosts,
            kept,
            old,
            new,
            ending,
            changed: Duration::ZERO,
        }
    }

    /// Changes DNS, and ends the old backend, when the client has called both backends.
    ///
    /// # Panics
    ///
    /// When it does not call them.
    pub(super) fn change(&mut self, dns: &DnsServer, timetable: &Timetable) {
        for backend in [&mut self.kept, &mut self.old] {
            // A busy machine can be late. The times of these calls are not needed.
            backend.line(LIMIT);
        }
        self.changed = wall_time();
        let [kept, _, new] = self.hosts;
        publish(dns, &self.name, timetable, [kept, new]);
        match self.ending {
            Ending::None | Ending::Age => {}
            Ending::Stopped => self.old.send("stop"),
            Ending::Killed => signal(&self.old, Signal::KILL),
            Ending::Frozen => signal(&self.old, Signal::STOP),
        }
    }

    /// Ends all processes, and returns what the client did.
    ///
    /// # Panics
    ///
    /// When the client did not work to the end, or called a backend before it was in DNS.
    pub(super) fn end(&mut self, dns: &DnsServer, timetable: &Timetable) -> Figures {
        let name = &self.name;
        assert!(!self.client.has_ended(), "{name}: the client has ended");
        let failures = times(&mut self.client);
        let [kept, old, new] = [&mut self.kept, &mut self.old, &mut self.new].map(times);
        let (changed, end) = (self.changed, self.changed + timetable.watch);
        // A call that has not come for so long is not on its way.
        let quiet = Duration::from_secs(1);
        let last = kept.last().copied().unwrap_or_default();
        assert!(
            timetable.pause.is_none_or(|pause| last + pause > end),
            "{name}: the client makes no calls"
        );
        assert!(
            new.first().is_none_or(|first| *first >= changed),
            "{name}: a call of a backend that is not in DNS yet"
        );
        let first_call = new.first().copied().unwrap_or(end);
        let last_call = old.last().max(failures.last()).copied().unwrap_or(changed);
        let last_call = if last_call + quiet > end {
            end
        } else {
            last_call
        };
        let least = Duration::from_secs(1) / timetable.rate;
        let since_change = |at: Duration| at.saturating_sub(changed).max(least);
        let asked = dns.queries();
        let asked = asked
            .iter()
            .filter(|query| query.name.ends_with(name.as_str()));
        Figures {
            first_call: since_change(first_call),
            last_call: since_change(last_call),
            failed: failures.iter().filter(|at| **at >= changed).count(),
            messages: asked.count(),
        }
    }
}

/// Gives a name these addresses.
fn publish(dns: &DnsServer, name: &str, timetable: &Timetable, hosts: [Ipv4Addr; 2]) {
    dns.set(name, Type::A, Reply::a(timetable.ttl_secs, hosts));
}

fn start_backend(host: Ipv4Addr, port: &str, ending: Ending) -> Child {
    let address = format!("{host}:{port}");
    let age = match ending {
        Ending::Age => AGE_SECS.to_string(),
        _ => backend::NO_LIMIT.to_owned(),
    };
    let command = role::command(&[backend::ROLE, &address, &age]);
    Child::start(format!("the backend {host}"), command)
}

fn signal(child: &Child, signal: Signal) {
    // No other process can have this id until this one is waited for.
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(id.expect("the id of a process"), signal)
        .expect("a child that was not waited for");
}

/// Ends a process, and returns the times that it has printed.
fn times(child: &mut Child) -> Vec<Duration> {
    let lines = child.kill();
    let times = lines.iter().map(|line| {
        let nanos = line
            .parse()
            .unwrap_or_else(|error| panic!("{line:?}: {error}"));
        Duration::from_nanos(nanos)
    });
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times
}
