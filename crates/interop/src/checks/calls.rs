//! Counts and judges the calls of several clients.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::traffic::{LostCall, Traffic};
use crate::wrong::Wrong;

/// Returns the number of calls that all clients have started so far.
pub(super) fn made(traffic: &[Traffic]) -> u64 {
    traffic.iter().map(Traffic::made).sum()
}

/// Returns for each client how many of its calls this server has answered.
pub(super) fn answers(traffic: &[Traffic], server: SocketAddr) -> Vec<u64> {
    let by = |one: &Traffic| one.outcome().peers.get(&server).copied().unwrap_or(0);
    traffic.iter().map(by).collect()
}

/// Returns whether each later number is higher than the earlier one.
pub(super) fn all_more(later: &[u64], earlier: &[u64]) -> bool {
    later
        .iter()
        .zip(earlier)
        .all(|(later, earlier)| later > earlier)
}

/// How long it may take until a client detects that a connection is closed. A call that starts within
/// that time may still be sent on it. On an idle machine it takes less than a millisecond.
const CLOSE_DETECTION: Duration = Duration::from_millis(100);

/// Returns how many calls failed because a server at these addresses was ended at the time `gone`.
///
/// # Errors
///
/// When one of the calls was sent to another server, or began after the client must have detected
/// the end.
pub(super) fn lost_with(
    server: &[SocketAddr],
    gone: Instant,
    lost: &[LostCall],
) -> Result<usize, Wrong> {
    for one in lost {
        let late = one.began.saturating_duration_since(gone);
        if late > CLOSE_DETECTION {
            let late = late.as_millis();
            return Err(format!("a call failed that began {late} ms later: {}", one.why).into());
        }
        let names = |address: &SocketAddr| one.why.contains(&address.to_string());
        if !server.iter().any(names) {
            return Err(format!("a call failed that was not sent to it: {}", one.why).into());
        }
    }
    Ok(lost.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;

    fn check(late: Duration, why: &str, expected: Result<usize, &str>) {
        let gone = now();
        let lost = [LostCall {
            began: gone + late,
            why: why.to_owned(),
        }];
        let server = SocketAddr::from(([127, 0, 0, 2], 5000));
        let judged = lost_with(&[server], gone, &lost).map_err(|wrong| wrong.to_string());
        assert_eq!(judged, expected.map_err(str::to_owned));
    }

    #[test]
    fn only_calls_that_were_sent_to_a_killed_server_may_be_lost() {
        let early = Duration::ZERO;
        check(early, "Unavailable: 127.0.0.2:5000: reset", Ok(1));
        check(
            early,
            "Unavailable: 127.0.0.3:5000: reset",
            Err("a call failed that was not sent to it: Unavailable: 127.0.0.3:5000: reset"),
        );
        check(
            Duration::from_millis(300),
            "Unavailable: 127.0.0.2:5000: reset",
            Err("a call failed that began 300 ms later: Unavailable: 127.0.0.2:5000: reset"),
        );
    }
}
