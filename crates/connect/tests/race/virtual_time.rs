//! Runs a race in virtual time, over a network that a table describes.
//!
//! Addresses have names: `6a` is `[2001:db8::a]:443`, `4a` is `192.0.2.10:443`.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkline_connect::{
    AddressQuery, AttemptId, KeepOrder, Race, RaceOptions, RaceOutput, RaceReport, SourceProbe,
};

/// How an address answers an attempt; times are in milliseconds from its start. An address without
/// an entry never answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// The connection is established.
    Works(u64),
    /// The attempt fails.
    Fails(u64, io::ErrorKind),
    /// The connection is established after the first number of milliseconds, and its handshake is
    /// done after the second; both count from the start.
    Handshake(u64, u64),
}

pub(crate) const REFUSED: io::ErrorKind = io::ErrorKind::ConnectionRefused;

/// An event from outside of the race.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RaceEvent<'a> {
    /// The query was answered with these addresses.
    Answer(AddressQuery, &'a str),
    /// The query was answered negatively.
    Negative(AddressQuery),
    /// The host no longer has these addresses.
    Removed(&'a str),
    /// The race is stopped.
    Abort,
}

/// An event that happens at some time.
enum Due<'a> {
    Outside(RaceEvent<'a>),
    Progress(AttemptId),
    Connected(AttemptId),
    Failed(AttemptId, io::ErrorKind),
}

/// A race to run; the times of its events are in milliseconds from its start.
pub(crate) struct World<'a> {
    pub(crate) options: RaceOptions,
    pub(crate) queries: &'a [AddressQuery],
    pub(crate) events: &'a [(u64, RaceEvent<'a>)],
    pub(crate) behaviours: &'a [(&'a str, Behaviour)],
}

impl Default for World<'_> {
    fn default() -> Self {
        let mut options = RaceOptions::default();
        options.timeout = None;
        Self {
            options,
            queries: &[AddressQuery::Aaaa, AddressQuery::A],
            events: &[],
            behaviours: &[],
        }
    }
}

impl World<'_> {
    /// Runs the race for at most ten virtual minutes. Returns its outputs, each with its time in
    /// milliseconds, and its report.
    pub(crate) fn run(&self, probe: &dyn SourceProbe) -> (String, RaceReport) {
        let began = Instant::now();
        let at = |ms: u64| began + Duration::from_millis(ms);
        let mut race = Race::awaiting(self.queries, self.options.clone(), began);
        let mut due: Vec<(Instant, Due<'_>)> = Vec::new();
        due.extend(
            self.events
                .iter()
                .map(|(ms, event)| (at(*ms), Due::Outside(*event))),
        );
        let mut log = Vec::new();
        let mut now = began;
        loop {
            let (ready, later): (Vec<_>, _) = due.into_iter().partition(|(when, _)| *when <= now);
            due = later;
            for (_, event) in ready {
                apply(&mut race, event, probe, now);
            }
            let ms = (now - began).as_secs_f64() * 1e3;
            while let Some(output) = race.poll_output(now) {
                match output {
                    RaceOutput::Start { id, address } => {
                        log.push(format!("{ms} start {}", name(address)));
                        for (after, event) in self.events_of(id, address) {
                            match after {
                                0 => apply(&mut race, event, probe, now),
                                _ => due.push((now + Duration::from_millis(after), event)),
                            }
                        }
                    }
                    RaceOutput::Cancel { id } => {
                        let attempt = race.report().attempts().nth(id.index()).unwrap();
                        log.push(format!("{ms} cancel {}", name(attempt.address)));
                    }
                    RaceOutput::Ended(_) => {
                        let winner = race.report().winner();
                        log.push(match winner {
                            Some(winner) => format!("{ms} won {}", name(winner)),
                            None => format!("{ms} failed"),
                        });
                        assert!(race.poll_output(now).is_none(), "an output after the last");
                        assert_eq!(race.poll_timeout(), None);
                        return (log.join(", "), race.into_report());
                    }
                }
            }
            let next = due
                .iter()
                .map(|(when, _)| *when)
                .chain(race.poll_timeout())
                .min();
            match next {
                Some(next) if next <= at(600_000) => now = next.max(now),
                _ => return (log.join(", "), race.into_report()),
            }
        }
    }

    /// Returns the events of an attempt, with their times in milliseconds from its start.
    fn events_of(&self, id: AttemptId, address: SocketAddr) -> Vec<(u64, Due<'static>)> {
        let behaviour = self.behaviours.iter().find(|(of, _)| named(of) == address);
        match behaviour.map(|(_, behaviour)| *behaviour) {
            None => vec![],
            Some(Behaviour::Works(after)) => vec![(after, Due::Connected(id))],
            Some(Behaviour::Fails(after, kind)) => vec![(after, Due::Failed(id, kind))],
            Some(Behaviour::Handshake(tcp, done)) => {
                vec![(tcp, Due::Progress(id)), (done, Due::Connected(id))]
            }
        }
    }
}

/// Passes an event to the race.
fn apply(race: &mut Race, event: Due<'_>, probe: &dyn SourceProbe, now: Instant) {
    match event {
        Due::Outside(RaceEvent::Answer(query, list)) => {
            race.handle_addresses(query, addresses(list), probe, now);
        }
        Due::Outside(RaceEvent::Negative(query)) => race.handle_no_addresses(query, now),
        Due::Outside(RaceEvent::Removed(list)) => race.handle_removed(&addresses(list), now),
        Due::Outside(RaceEvent::Abort) => race.handle_abort(now),
        Due::Progress(id) => race.handle_progress(id, now),
        Due::Connected(id) => race.handle_connected(id, now),
        Due::Failed(id, kind) => race.handle_failure(id, kind.into(), now),
    }
}

/// Returns the addresses with these names, which are separated by spaces.
pub(crate) fn addresses(names: &str) -> Vec<SocketAddr> {
    names.split_whitespace().map(named).collect()
}

/// Returns the address with this name.
pub(crate) fn named(name: &str) -> SocketAddr {
    let (family, host) = name.split_at(1);
    let host = u8::from_str_radix(host, 16).unwrap();
    match family {
        "4" => format!("192.0.2.{host}:443").parse().unwrap(),
        _ => format!("[2001:db8::{host:x}]:443").parse().unwrap(),
    }
}

/// Returns the name of an address.
pub(crate) fn name(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => format!("4{:x}", v4.ip().octets()[3]),
        SocketAddr::V6(v6) => format!("6{:x}", v6.ip().segments()[7]),
    }
}

/// Runs a race whose lists keep their order, and compares its outputs.
#[track_caller]
pub(crate) fn check(world: &World<'_>, expected: &str) {
    assert_eq!(world.run(&KeepOrder).0, expected);
}

/// Runs a race over a complete list, with the default options except that it has no time limit.
#[track_caller]
pub(crate) fn check_list(list: &str, behaviours: &[(&str, Behaviour)], expected: &str) {
    check_options(World::default().options, list, behaviours, expected);
}

/// Runs a race over a complete list with these options.
#[track_caller]
pub(crate) fn check_options(
    options: RaceOptions,
    list: &str,
    behaviours: &[(&str, Behaviour)],
    expected: &str,
) {
    let world = World {
        options,
        queries: &[AddressQuery::All],
        events: &[(0, RaceEvent::Answer(AddressQuery::All, list))],
        behaviours,
    };
    check(&world, expected);
}
