//! Large calls for a long time, on one channel or each on a channel of its own.

use std::time::{Duration, Instant};

use trunkline::PeerAddr;

use super::unary::large_call;
use crate::clock::now;
use crate::suite::stub::Stub;
use crate::wrong::Wrong;

/// The shortest time between the starts of two calls.
const BETWEEN_CALLS: Duration = Duration::from_millis(200);

/// A soak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Soak {
    pub(crate) length: Duration,
    /// The longest time that one call may take.
    pub(crate) acceptable_latency: Duration,
}

/// All calls are made on one channel.
pub(super) async fn rpc_soak(stub: Stub, soak: Soak) -> Result<String, Wrong> {
    run(&stub, soak, |stub| Ok(stub.clone())).await
}

/// Each call is made on a new channel. The latency includes the connection.
pub(super) async fn channel_soak(stub: Stub, soak: Soak) -> Result<String, Wrong> {
    run(&stub, soak, Stub::with_new_channel).await
}

/// Makes calls until the soak ends. No call has a deadline.
///
/// # Errors
///
/// When a call fails, or takes longer than is acceptable. The error has the line that the suite asks for.
async fn run(
    stub: &Stub,
    soak: Soak,
    channel: impl Fn(&Stub) -> Result<Stub, Wrong>,
) -> Result<String, Wrong> {
    let (started, mut latencies) = (now(), Vec::new());
    let mut next = started;
    while now() - started < soak.length {
        stub.sleep_until(next).await;
        let began = now();
        next = began + BETWEEN_CALLS;
        let on = channel(stub)?;
        let result = large_call(on.tests()).await;
        let latency = now() - began;
        let line = |peer: &str, how: &str| {
            format!(
                "soak iteration: {} elapsed_ms: {} peer: {peer} {how}",
                latencies.len(),
                latency.as_millis()
            )
        };
        let reply = result.map_err(|error| line("unknown", &format!("failed: {error}")))?;
        if latency > soak.acceptable_latency {
            let peer = match reply.extensions().get::<PeerAddr>() {
                Some(PeerAddr::Ip(peer)) => peer.to_string(),
                other => format!("{other:?}"),
            };
            return Err(line(&peer, "exceeds the acceptable latency").into());
        }
        latencies.push(latency);
    }
    Ok(summary(started, &mut latencies))
}

/// Returns a line on the calls of a soak that started at this time.
fn summary(started: Instant, latencies: &mut [Duration]) -> String {
    latencies.sort_unstable();
    let at = |percent: usize| {
        let index = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
        latencies.get(index).map_or(0, Duration::as_millis)
    };
    format!(
        "{} iterations in {:.0} s, 0 failed; ms: median {}, 90 % {}, worst {}",
        latencies.len(),
        (now() - started).as_secs_f64(),
        at(50),
        at(90),
        at(100)
    )
}
