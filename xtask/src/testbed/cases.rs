//! The three cases.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::dialogue::Dialogue;
use crate::failure::Failure;

/// A client that has no connection after this long would not get one.
const LIMIT_MS: u32 = 4000;
/// Twenty attempts, 250 ms apart, and half a second more.
const DEAD_LIMIT_MS: u32 = 5500;
/// How many dead addresses there are of each family.
const DEAD: u16 = 10;
/// Where the resolution delay is to be seen: the AAAA answer is late beyond doubt.
const CLEARLY_LATE: RangeInclusive<u32> = 100..=400;

/// How closely is measured.
pub(super) struct Plan {
    /// From one delay of IPv6 to the next, in milliseconds.
    pub(super) attempt_step: u32,
    /// From one delay of the AAAA answer to the next, in milliseconds.
    pub(super) resolution_step: u32,
    /// Whether the dead addresses are tried by our own clients alone: it takes seconds each.
    pub(super) only_ours_dead: bool,
}

impl Plan {
    /// As the study has it.
    pub(super) const fn long() -> Self {
        Self {
            attempt_step: 5,
            resolution_step: 10,
            only_ours_dead: false,
        }
    }

    /// In less than half a minute.
    pub(super) const fn short() -> Self {
        Self {
            attempt_step: 150,
            resolution_step: 200,
            only_ours_dead: true,
        }
    }
}

/// One connection.
pub(super) struct Trial {
    /// The delay that was set, in milliseconds.
    pub(super) set: u32,
    /// Whom it connected to.
    pub(super) won: Option<SocketAddr>,
    /// How long that took, in milliseconds.
    pub(super) took: Option<f64>,
    /// How long it waited with IPv4, in milliseconds: from its first IPv6 SYN or from the A answer to
    /// its first IPv4 SYN. `None`: it never sent one.
    pub(super) waited: Option<f64>,
}

/// What was found of one client.
pub(super) struct Measured {
    pub(super) client: String,
    pub(super) attempt: Vec<Trial>,
    pub(super) resolution: Vec<Trial>,
    /// The addresses in the order of their first SYNs, and when that was.
    pub(super) dead: Option<Vec<(SocketAddr, f64)>>,
}

impl Measured {
    /// Whether it is one of ours.
    pub(super) fn is_ours(&self) -> bool {
        is_ours(&self.client)
    }

    /// The longest delay of IPv6 with which IPv6 won, and the shortest with which IPv4 did.
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

    /// The median of its attempt delay.
    pub(super) fn attempt_delay(&self) -> Option<f64> {
        median(self.attempt.iter().filter_map(|trial| trial.waited))
    }

    /// The median of its resolution delay, where it has one.
    pub(super) fn resolution_delay(&self) -> Option<f64> {
        let late = self.resolution.iter();
        let late = late.filter(|trial| CLEARLY_LATE.contains(&trial.set));
        median(late.filter_map(|trial| trial.waited))
    }
}

fn is_ours(client: &str) -> bool {
    client.starts_with("trunkline")
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Takes one client through all cases.
pub(super) fn measure(
    client: &str,
    plan: &Plan,
    near: &mut Dialogue,
    far: &mut Dialogue,
) -> Result<Measured, Failure> {
    let mut sides = Sides { near, far };
    let steps = |step: u32| (0..=400).step_by(step as usize);
    let attempt = steps(plan.attempt_step).map(|delay| {
        let to = format!("{},{}", v6(delay as u16), v4(0));
        sides.trial(delay, &to, |events| {
            let first_v6 = first(events, |to| to.is_ipv6())?;
            Some(first(events, |to| to.is_ipv4())? - first_v6)
        })
    });
    let attempt = attempt.collect::<Result<_, _>>()?;
    let resolution = steps(plan.resolution_step).map(|delay| {
        sides.trial(delay, &format!("aaaa-{delay}.he.test"), |events| {
            let mut answers = events.iter();
            let answer = answers.find(|event| event["answer"] == "A")?;
            Some(first(events, |to| to.is_ipv4())? - answer["ms"].as_f64()?)
        })
    });
    let resolution = resolution.collect::<Result<_, _>>()?;
    let dead = match plan.only_ours_dead && !is_ours(client) {
        true => None,
        false => Some(sides.dead()?),
    };
    Ok(Measured {
        client: client.to_owned(),
        attempt,
        resolution,
        dead,
    })
}

struct Sides<'a> {
    near: &'a mut Dialogue,
    far: &'a mut Dialogue,
}

impl Sides<'_> {
    /// Connects once; gives the client's answer, and what was seen on the far side.
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

    /// Ten dead addresses of each family, IPv6 first.
    fn dead(&mut self) -> Result<Vec<(SocketAddr, f64)>, Failure> {
        let holes = 0xff00..0xff00 + DEAD;
        let list: Vec<String> = holes.clone().map(v6).chain(holes.map(v4)).collect();
        let (_, events) = self.connect(DEAD_LIMIT_MS, &list.join(","))?;
        let mut order: Vec<(SocketAddr, f64)> = Vec::new();
        for (to, at) in syns(&events) {
            if order.iter().all(|(known, _)| *known != to) {
                order.push((to, at));
            }
        }
        Ok(order)
    }
}

/// The IPv6 address with this fate; the program between the namespaces tells what that is.
fn v6(fate: u16) -> String {
    format!("[2001:db8:97::1:{fate:x}]:80")
}

/// The IPv4 address with this fate.
fn v4(fate: u16) -> String {
    let [high, low] = fate.to_be_bytes();
    format!("10.97.{high}.{low}:80")
}

/// The SYNs among the events, and when they were seen.
fn syns(events: &[Value]) -> impl Iterator<Item = (SocketAddr, f64)> {
    events
        .iter()
        .filter_map(|event| Some((event["syn"].as_str()?.parse().ok()?, event["ms"].as_f64()?)))
}

/// When the first SYN to such an address was seen.
fn first(events: &[Value], is_one: impl Fn(&SocketAddr) -> bool) -> Option<f64> {
    let found = syns(events).find(|(to, _)| is_one(to));
    found.map(|(_, at)| at)
}
