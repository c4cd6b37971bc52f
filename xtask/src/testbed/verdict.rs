//! Checks the results of Trunkline's connector.

use super::cases::Measured;
use crate::failure::Failure;

/// Accepted attempt delays: from the 250 ms of RFC 8305, less the error of a clock, to what a
/// loaded machine may need. (The page shows the median, which is within 2 ms on an idle machine.)
const ATTEMPT_DELAY_MS: (f64, f64) = (248.0, 300.0);
/// Accepted resolution delays, from the 50 ms of RFC 8305 in the same way.
const RESOLUTION_DELAY_MS: (f64, f64) = (48.0, 100.0);

/// Fails with the list of what is wrong, if anything is.
pub(super) fn judge(results: &[Measured]) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    let ours: Vec<&Measured> = results.iter().filter(|one| one.is_ours()).collect();
    for one in &ours {
        let mut report = |what: String| wrong.push(format!("{}: {what}", one.client));
        attempts(one, &mut report);
        resolutions(one, &mut report);
        dead(one, &mut report);
    }
    if ours.is_empty() {
        wrong.push("no client of ours was measured".to_owned());
    }
    match wrong.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} findings")).output(wrong.join("\n"))),
    }
}

fn attempts(one: &Measured, report: &mut impl FnMut(String)) {
    for trial in &one.attempt {
        let expected = match trial.set {
            ..=200 => Some(true),
            300.. => Some(false),
            _ => None,
        };
        let won = trial.won.map(|won| won.is_ipv6());
        if won.is_none() || expected.is_some_and(|v6| won != Some(v6)) {
            report(format!("IPv6 {} ms late: {:?} won", trial.set, trial.won));
        }
        if let Some(waited) = trial.waited.filter(|ms| outside(*ms, ATTEMPT_DELAY_MS)) {
            report(format!("an attempt delay of {waited:.1} ms"));
        }
    }
    if one.attempt_delay().is_none() {
        report("no attempt delay was seen".to_owned());
    }
}

fn resolutions(one: &Measured, report: &mut impl FnMut(String)) {
    for trial in &one.resolution {
        let expected = match trial.set {
            ..=30 => Some(true),
            100.. => Some(false),
            _ => None,
        };
        let won = trial.won.map(|won| won.is_ipv6());
        if won.is_none() || expected.is_some_and(|v6| won != Some(v6)) {
            report(format!("AAAA {} ms late: {:?} won", trial.set, trial.won));
        }
        let clearly = trial.set >= 100;
        match trial.waited {
            Some(ms) if clearly && outside(ms, RESOLUTION_DELAY_MS) => {
                report(format!("a resolution delay of {ms:.1} ms"));
            }
            None if clearly => report(format!("AAAA {} ms late: no IPv4 SYN", trial.set)),
            _ => {}
        }
    }
}

/// Checks that all twenty dead addresses are tried, alternating families, each after the delay.
fn dead(one: &Measured, report: &mut impl FnMut(String)) {
    let Some(order) = &one.dead else {
        return report("it did not try the dead addresses".to_owned());
    };
    if order.len() != 20 {
        report(format!("{} of 20 dead addresses tried", order.len()));
    }
    for (index, (to, _)) in order.iter().enumerate() {
        if to.is_ipv6() != (index % 2 == 0) {
            report(format!("{to} was number {}", index + 1));
        }
    }
    for pair in order.windows(2) {
        let gap = pair[1].1 - pair[0].1;
        if outside(gap, ATTEMPT_DELAY_MS) {
            report(format!("{gap:.1} ms from {} to {}", pair[0].0, pair[1].0));
        }
    }
}

fn outside(value: f64, (least, most): (f64, f64)) -> bool {
    value < least || value > most
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::cases::{Measured, Trial};
    use super::judge;

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

    /// Returns the results of a client that does everything right.
    fn right() -> Measured {
        let dead = (0..20).map(|index| {
            let to = match index % 2 {
                0 => format!("[2001:db8:97::1:ff{index:02x}]:80"),
                _ => format!("10.97.255.{index}:80"),
            };
            (address(&to), 250.4 * f64::from(index))
        });
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
            dead: Some(dead.collect()),
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
}
