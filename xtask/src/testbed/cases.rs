//! The three cases, measured for one client.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::dialogue::Dialogue;
use crate::failure::Failure;

/// A client that is not connected after this time will not be.
const LIMIT_MS: u32 = 4000;
/// Time for twenty attempts that start 250 ms apart, and half a second more.
pub(super) const DEAD_LIMIT_MS: u32 = 5500;
/// Number of dead addresses of each family.
const DEAD: u16 = 10;
/// Delays of the AAAA answer, in milliseconds, that are long enough to show the resolution delay.
const CLEARLY_LATE: RangeInclusive<u32> = 100..=400;

/// The resolution of the measurement.
pub(super) struct Plan {
    /// Step between delays of IPv6, in milliseconds.
    pub(super) attempt_step: u32,
    /// Step between delays of the AAAA answer, in milliseconds.
    pub(super) resolution_step: u32,
    /// True if only Trunkline's clients try the dead addresses, which takes seconds each.
    pub(super) only_ours_dead: bool,
}

impl Plan {
    /// Returns the plan of the study.
    pub(super) const fn long() -> Self {
        Self {
            attempt_step: 5,
            resolution_step: 10,
            only_ours_dead: false,
        }
    }

    /// Returns a plan that takes less than half a minute.
    pub(super) const fn short() -> Self {
        Self {
            attempt_step: 150,
            resolution_step: 200,
            only_ours_dead: true,
        }
    }
}

/// One measured connection.
#[derive(Clone)]
pub(super) struct Trial {
    /// The delay of the network, in milliseconds.
    pub(super) set: u32,
    /// The address to which the client connected.
    pub(super) won: Option<SocketAddr>,
    /// Time until it was connected, in milliseconds.
    pub(super) took: Option<f64>,
    /// Time that it waited with IPv4, in milliseconds: from its first IPv6 SYN or from the A answer
    /// to its first IPv4 SYN. `None` if it sent no IPv4 SYN.
    pub(super) waited: Option<f64>,
}

/// The results of one client.
#[derive(Clone)]
pub(super) struct Measured {
    pub(super) client: String,
    pub(super) attempt: Vec<Trial>,
    pub(super) resolution: Vec<Trial>,
    /// The dead addresses in the order of their first SYNs, each with the time, in milliseconds.
    pub(super) dead: Option<Vec<(SocketAddr, f64)>>,
}

impl Measured {
    /// Returns whether it is one of Trunkline's clients.
    pub(super) fn is_ours(&self) -> bool {
        is_ours(&self.client)
    }

    /// Returns the longest delay of IPv6 with which IPv6 won, and the shortest with which IPv4 won.
    pub(super) fn turn(&self) -> (Option<u32>, Option<u32>) {
        let wins = |v6: bool| {
            let all = self.attempt.iter();
            all.filter(move |trial| trial.won.is_some_and(|won| won.is_ipv6() == v6))
        };
        (
            wins(true).map(|trial| trial.set).max(),
            wins(false).map(|trial| trial.set).min(),
        )
    }

    /// Returns the median of its attempt delay, in milliseconds.
    pub(super) fn attempt_delay(&self) -> Option<f64> {
        median(self.attempt.iter().filter_map(|trial| trial.waited))
    }

    /// Returns the median of its resolution delay, in milliseconds, if it has one.
    pub(super) fn resolution_delay(&self) -> Option<f64> {
        let late = self.resolution.iter();
        let late = late.filter(|trial| CLEARLY_LATE.contains(&trial.set));
        median(late.filter_map(|trial| trial.waited))
    }
}

fn is_ours(client: &str) -> bool {
    client.starts_with("trunkline")
}

/// Returns the median; of an even number of values, the upper one of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Measures all cases with one client.
pub(super) fn measure(
    client: &str,
    plan: &Plan,
    sides: &mut Sides<'_>,
) -> Result<Measured, Failure> {
    let steps = |step: u32| (0..=400).step_by(step as usize);
    let attempt = steps(plan.attempt_step).map(|delay| sides.attempt(delay));
    let attempt = attempt.collect::<Result<_, _>>()?;
    let resolution = steps(plan.resolution_step).map(|delay| sides.resolution(delay));
    let resolution = resolution.collect::<Result<_, _>>()?;
    let dead = if plan.only_ours_dead && !is_ours(client) {
        None
    } else {
        Some(sides.dead(DEAD_LIMIT_MS)?)
    };
    Ok(Measured {
        client: client.to_owned(),
        attempt,
        resolution,
        dead,
    })
}

/// The client, and the servers that it connects to.
pub(super) struct Sides<'a> {
    pub(super) near: &'a mut Dialogue,
    pub(super) far: &'a mut Dialogue,
}

impl Sides<'_> {
    /// Connects to an IPv6 address that answers late by this many milliseconds, or to an IPv4 address
    /// that answers at once.
    pub(super) fn attempt(&mut self, delay: u32) -> Result<Trial, Failure> {
        let to = format!("{},{}", v6(delay as u16), v4(0));
        self.trial(delay, &to, |events| {
            let first_v6 = first(events, |to| to.is_ipv6())?;
            Some(first(events, |to| to.is_ipv4())? - first_v6)
        })
    }

    /// Connects to a name whose AAAA answer is late by this many milliseconds.
    pub(super) fn resolution(&mut self, delay: u32) -> Result<Trial, Failure> {
        self.trial(delay, &format!("aaaa-{delay}.he.test"), |events| {
            let mut answers = events.iter();
            let answer = answers.find(|event| event["answer"] == "A")?;
            Some(first(events, |to| to.is_ipv4())? - answer["ms"].as_f64()?)
        })
    }

    /// Connects for this many milliseconds to ten dead addresses of each family, IPv6 first.
    pub(super) fn dead(&mut self, limit: u32) -> Result<Vec<(SocketAddr, f64)>, Failure> {
        let holes = 0xff00..0xff00 + DEAD;
        let list: Vec<String> = holes.clone().map(v6).chain(holes.map(v4)).collect();
        let (_, events) = self.connect(limit, &list.join(","))?;
        let mut order: Vec<(SocketAddr, f64)> = Vec::new();
        for (to, at) in syns(&events) {
            if order.iter().all(|(known, _)| *known != to) {
                order.push((to, at));
            }
        }
        Ok(order)
    }

    /// Connects once. Returns the client's answer, and the events on the far side.
    fn connect(&mut self, limit: u32, to: &str) -> Result<(Value, Vec<Value>), Failure> {
        self.far.ask("take")?;
        let answer = self.near.ask(&format!("{limit} {to}"))?;
        match self.far.ask("take")? {
            Value::Array(events) => Ok((answer, events)),
            other => Err(Failure::new(format!("no list of events: {other}"))),
        }
    }

    fn trial(
        &mut self,
        set: u32,
        to: &str,
        waited: impl Fn(&[Value]) -> Option<f64>,
    ) -> Result<Trial, Failure> {
        let (answer, events) = self.connect(LIMIT_MS, to)?;
        let won = answer["won"].as_str().and_then(|text| text.parse().ok());
        Ok(Trial {
            set,
            won,
            took: answer["ms"].as_f64(),
            waited: waited(&events),
        })
    }
}

/// Returns the IPv6 address with this fate, as the program between the namespaces encodes it.
fn v6(fate: u16) -> String {
    format!("[2001:db8:97::1:{fate:x}]:80")
}

/// Returns the IPv4 address with this fate.
fn v4(fate: u16) -> String {
    let [high, low] = fate.to_be_bytes();
    format!("10.97.{high}.{low}:80")
}

/// Returns the SYNs among the events, with their times in milliseconds.
fn syns(events: &[Value]) -> impl Iterator<Item = (SocketAddr, f64)> {
    events
        .iter()
        .filter_map(|event| Some((event["syn"].as_str()?.parse().ok()?, event["ms"].as_f64()?)))
}

/// Returns the time of the first SYN to such an address.
fn first(events: &[Value], is_one: impl Fn(&SocketAddr) -> bool) -> Option<f64> {
    let found = syns(events).find(|(to, _)| is_one(to));
    found.map(|(_, at)| at)
}
