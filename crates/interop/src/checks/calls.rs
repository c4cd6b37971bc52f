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

/// How long after the end of a server its first call may fail. On an idle machine it takes less than a
/// millisecond.
const END_DETECTION: Duration = Duration::from_secs(3);

/// How long after its first failure a client may still send a call to a server that is gone. Usually no call
/// of that time fails.
const CLOSE_DETECTION: Duration = Duration::from_millis(100);

/// Returns how many calls of one client failed because a server at these addresses was ended at the time
/// `gone`.
///
/// # Errors
///
/// When one of the calls was sent to another server, failed for another reason, or began after the client had
/// detected the end, which the first failure shows; and when that was too long after the end.
pub(super) fn lost_with(
    server: &[SocketAddr],
    lost: &[LostCall],
    gone: Instant,
) -> Result<usize, Wrong> {
    let Some(detected) = lost.iter().map(|one| one.ended).min() else {
        return Ok(0);
    };
    let took = detected.saturating_duration_since(gone);
    if took > END_DETECTION {
        let took = took.as_millis();
        return Err(format!("the end was detected only after {took} ms").into());
    }
    for one in lost {
        let late = one.began.saturating_duration_since(detected);
        if late > CLOSE_DETECTION {
            let late = late.as_millis();
            let why = &one.why;
            return Err(
                format!("a call failed that began {late} ms after the first: {why}").into(),
            );
        }
        let names = |address: &SocketAddr| one.why.contains(&address.to_string());
        if !server.iter().any(names) {
            return Err(format!("a call failed that was not sent to it: {}", one.why).into());
        }
        if !one.why.starts_with("Unavailable: ") {
            return Err(format!("a call failed for another reason: {}", one.why).into());
        }
    }
    Ok(lost.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;

    /// Judges two calls that take 50 ms and fail for this reason. The second begins this much later. The
    /// server is ended 10 ms after the first has begun.
    fn check(later: Duration, why: &str, expected: Result<usize, &str>) {
        let first = now();
        let gone = first + Duration::from_millis(10);
        judge([first, first + later], gone, why, expected);
    }

    /// Judges calls that begin at these times, take 50 ms and fail for this reason.
    fn judge(began: [Instant; 2], gone: Instant, why: &str, expected: Result<usize, &str>) {
        let lost = began.map(|began| LostCall {
            began,
            ended: began + Duration::from_millis(50),
            why: why.to_owned(),
        });
        let server = SocketAddr::from(([127, 0, 0, 2], 5000));
        let judged = lost_with(&[server], &lost, gone).map_err(|wrong| wrong.to_string());
        assert_eq!(judged, expected.map_err(str::to_owned));
    }

    #[test]
    fn only_calls_that_were_sent_to_a_killed_server_may_be_lost() {
        let early = Duration::from_millis(40);
        check(early, "Unavailable: 127.0.0.2:5000: reset", Ok(2));
        check(
            early,
            "Unavailable: 127.0.0.3:5000: reset",
            Err("a call failed that was not sent to it: Unavailable: 127.0.0.3:5000: reset"),
        );
        check(
            early,
            "DeadlineExceeded: 127.0.0.2:5000",
            Err("a call failed for another reason: DeadlineExceeded: 127.0.0.2:5000"),
        );
        check(
            Duration::from_millis(300),
            "Unavailable: 127.0.0.2:5000: reset",
            Err(
                "a call failed that began 250 ms after the first: Unavailable: 127.0.0.2:5000: reset",
            ),
        );
    }

    #[test]
    fn the_end_is_detected_within_three_seconds() {
        let why = "Unavailable: 127.0.0.2:5000: reset";
        let gone = now();
        let at = |millis| [gone + Duration::from_millis(millis); 2];
        judge(at(2950), gone, why, Ok(2));
        let late = "the end was detected only after 3001 ms";
        judge(at(2951), gone, why, Err(late));
    }
}
