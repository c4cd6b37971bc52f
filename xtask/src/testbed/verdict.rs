//! Checks the results of Trunkline's connector.
//!
//! The delays are exact in virtual time, where the connector's own tests prove them. Here they may be as
//! long as a loaded machine makes them, and one late SYN among many is no finding.

use std::net::SocketAddr;

use super::cases::{Measured, Trial};
use crate::failure::Failure;

/// Accepted attempt delays: from the 250 ms of RFC 8305, less the error of a clock, to what a
/// loaded machine may need. (The page shows the median, which is within 2 ms on an idle machine.)
const ATTEMPT_DELAY_MS: (f64, f64) = (248.0, 300.0);
/// Accepted resolution delays, from the 50 ms of RFC 8305 in the same way.
const RESOLUTION_DELAY_MS: (f64, f64) = (48.0, 100.0);
/// How many gaps between dead addresses may be wrong: one late SYN makes the gap before it longer and
/// the gap after it shorter.
const WRONG_GAPS: usize = 2;

/// Fails with the list of what is wrong, if anything is.
pub(super) fn judge(results: &[Measured]) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    let ours: Vec<&Measured> = results.iter().filter(|one| one.is_ours()).collect();
    for one in &ours {
        let report = |what: String| format!("{}: {what}", one.client);
        wrong.extend(findings(one).into_iter().map(report));
    }
    if ours.is_empty() {
        wrong.push("no client of ours was measured".to_owned());
    }
    match wrong.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} findings")).output(wrong.join("\n"))),
    }
}

/// Returns all that is wrong with the results of one client.
fn findings(one: &Measured) -> Vec<String> {
    let mut found: Vec<String> = one.attempt.iter().flat_map(attempt).collect();
    if one.attempt_delay().is_none() {
        found.push("no attempt delay was seen".to_owned());
    }
    found.extend(one.resolution.iter().flat_map(resolution));
    match &one.dead {
        Some(order) => found.extend(dead(order)),
        None => found.push("it did not try the dead addresses".to_owned()),
    }
    found
}

/// Returns what is wrong with a connection whose IPv6 address is late.
pub(super) fn attempt(trial: &Trial) -> Vec<String> {
    let mut found = Vec::new();
    let expected = match trial.set {
        ..=200 => Some(true),
        300.. => Some(false),
        _ => None,
    };
    if !won_as(expected, trial) {
        found.push(format!("IPv6 {} ms late: {:?} won", trial.set, trial.won));
    }
    if let Some(waited) = trial.waited.filter(|ms| outside(*ms, ATTEMPT_DELAY_MS)) {
        found.push(format!("an attempt delay of {waited:.1} ms"));
    }
    found
}

/// Returns what is wrong with a connection whose AAAA answer is late.
pub(super) fn resolution(trial: &Trial) -> Vec<String> {
    let mut found = Vec::new();
    let expected = match trial.set {
        ..=30 => Some(true),
        100.. => Some(false),
        _ => None,
    };
    if !won_as(expected, trial) {
        found.push(format!("AAAA {} ms late: {:?} won", trial.set, trial.won));
    }
    let clearly = trial.set >= 100;
    match trial.waited {
        Some(ms) if clearly && outside(ms, RESOLUTION_DELAY_MS) => {
            found.push(format!("a resolution delay of {ms:.1} ms"));
        }
        None if clearly => found.push(format!("AAAA {} ms late: no IPv4 SYN", trial.set)),
        _ => {}
    }
    found
}

/// Returns what is wrong with the attempts to dead addresses. All twenty must be tried, alternating
/// families, with the delay between them, except around one late SYN.
pub(super) fn dead(order: &[(SocketAddr, f64)]) -> Vec<String> {
    let mut found = Vec::new();
    if order.len() != 20 {
        found.push(format!("{} of 20 dead addresses tried", order.len()));
    }
    for (index, (to, _)) in order.iter().enumerate() {
        if to.is_ipv6() != (index % 2 == 0) {
            found.push(format!("{to} was number {}", index + 1));
        }
    }
    let gaps = order.windows(2).map(|pair| pair[1].1 - pair[0].1);
    let wrong = gaps.filter(|ms| outside(*ms, ATTEMPT_DELAY_MS));
    let wrong: Vec<String> = wrong.map(|ms| format!("{ms:.1}")).collect();
    if wrong.len() > WRONG_GAPS {
        found.push(format!(
            "{} gaps between dead addresses are wrong: {} ms",
            wrong.len(),
            wrong.join(", ")
        ));
    }
    found
}

/// Returns whether the connection was made, over IPv6 or not if that is expected.
fn won_as(expected_v6: Option<bool>, trial: &Trial) -> bool {
    let won = trial.won.map(|won| won.is_ipv6());
    won.is_some() && (expected_v6.is_none() || won == expected_v6)
}

fn outside(value: f64, (least, most): (f64, f64)) -> bool {
    value < least || value > most
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::cases::{Measured, Trial};
    use super::{dead, judge};

    fn trial(set: u32, won: &str, waited: Option<f64>) -> Trial {
        Trial {
            set,
            won: Some(address(won)),
            took: Some(1.0),
            waited,
        }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    /// Returns attempts to dead addresses with these gaps between them, in milliseconds.
    fn order(gaps: &[f64]) -> Vec<(SocketAddr, f64)> {
        let mut at = 0.0;
        let next = gaps.iter().map(|gap| {
            at += gap;
            at
        });
        let times = [0.0].into_iter().chain(next).zip(0..);
        let to = |index: usize| match index % 2 {
            0 => address(&format!("[2001:db8:97::1:ff{index:02x}]:80")),
            _ => address(&format!("10.97.255.{index}:80")),
        };
        times.map(|(at, index)| (to(index), at)).collect()
    }

    /// Returns the results of a client that does everything right.
    fn right() -> Measured {
        Measured {
            client: "trunkline-tokio".to_owned(),
            attempt: vec![
                trial(150, "[2001:db8:97::1:96]:80", None),
                trial(300, "10.97.0.0:80", Some(250.9)),
            ],
            resolution: vec![
                trial(0, "[2001:db8:97::1:0]:80", None),
                trial(200, "10.97.0.0:80", Some(50.6)),
            ],
            dead: Some(order(&[250.4; 19])),
        }
    }

    fn check(change: impl Fn(&mut Measured), finding: &str) {
        let mut measured = right();
        change(&mut measured);
        let failure = judge(&[measured]).expect_err(finding);
        assert!(failure.output.contains(finding), "{}", failure.output);
    }

    #[test]
    fn what_is_right_passes() {
        assert!(judge(&[right()]).is_ok());
    }

    #[test]
    fn what_is_wrong_is_found() {
        let v6 = || Some(address("[2001:db8:97::1:12c]:80"));
        check(|one| one.attempt[1].won = v6(), "IPv6 300 ms late");
        check(|one| one.attempt[0].won = None, "IPv6 150 ms late");
        check(
            |one| one.attempt[1].waited = Some(301.0),
            "delay of 301.0 ms",
        );
        check(|one| one.attempt[1].waited = None, "no attempt delay");
        check(|one| one.resolution[1].won = v6(), "AAAA 200 ms late");
        check(
            |one| one.resolution[1].waited = Some(30.0),
            "delay of 30.0 ms",
        );
        check(|one| one.resolution[1].waited = None, "no IPv4 SYN");
        check(|one| one.dead = None, "did not try");
        let shorten = |one: &mut Measured| one.dead.iter_mut().for_each(|dead| dead.truncate(19));
        check(shorten, "19 of 20");
        let swap = |one: &mut Measured| one.dead.iter_mut().for_each(|dead| dead.swap(0, 1));
        check(swap, "was number 1");
        check(|one| one.client = "curl".to_owned(), "no client of ours");
    }

    /// Judges gaps between dead addresses, of which the first are these.
    fn dead_with(first: &[f64]) -> Vec<String> {
        let mut gaps = [250.4; 19];
        gaps[..first.len()].copy_from_slice(first);
        dead(&order(&gaps))
    }

    #[test]
    fn one_late_syn_is_no_finding() {
        assert_eq!(dead_with(&[900.0]), [""; 0]);
        assert_eq!(dead_with(&[400.0, 100.0]), [""; 0]);
    }

    #[test]
    fn more_than_two_wrong_gaps_are_found() {
        let wrong = |first: &[f64]| {
            let found = dead_with(first);
            assert_eq!(found.len(), 1, "{found:?}");
            let count = format!("{} gaps between dead addresses", first.len());
            assert!(found[0].starts_with(&count), "{found:?}");
        };
        wrong(&[0.0; 9]);
        wrong(&[400.0, 100.0, 301.0]);
        wrong(&[100.0; 19]);
        wrong(&[301.0; 19]);
    }
}
