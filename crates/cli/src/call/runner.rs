//! Makes calls, at a limited rate and with a limited number in flight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};
use trunkline::{Channel, Runtime, WaitForReady};

use super::counter::CallCounter;
use super::live::Live;
use super::tally::{FinishedCall, Tally};
use crate::args::CallArgs;
use crate::health::{HealthCheckRequest, HealthClient, ServingStatus};
use crate::peer::PeerRecorder;

/// Makes the calls that the command line asks for.
pub(super) struct CallRunner<'a> {
    pub(super) args: &'a CallArgs,
    /// The metadata of each call.
    pub(super) metadata: MetadataMap,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) channel: Channel,
    /// The observer of the channel.
    pub(super) counter: CallCounter,
}

/// The deadline of each call, when `--timeout` gives none for all of them.
const EACH: Duration = Duration::from_secs(10);

impl CallRunner<'_> {
    /// Makes all calls and waits for them to end.
    pub(super) async fn run(&self, mut live: Live<'_>) -> Tally {
        let args = self.args;
        let started = self.runtime.now();
        // With `--for` alone: as many calls as fit into the time.
        let wanted = match (args.count, args.duration) {
            (None, None) => Some(1),
            (count, _) => count,
        };
        let count = wanted.unwrap_or(u64::MAX);
        let deadline = args
            .timeout
            .and_then(|timeout| started.checked_add(timeout));
        let end = args
            .duration
            .and_then(|duration| started.checked_add(duration))
            .into_iter()
            .chain(deadline)
            .min();
        let gap = args.qps.map(|qps| Duration::from_secs_f64(1.0 / qps));
        let mut tally = Tally::new(args.any_status);
        let mut running = FuturesUnordered::new();
        let mut made = 0_u64;
        loop {
            let now = self.runtime.now();
            let may_start = made < count && end.is_none_or(|end| now < end);
            let has_room = running.len() < args.concurrency as usize;
            let due = gap
                .map(|gap| started + gap.mul_f64(made as f64))
                .filter(|due| *due > now);
            if may_start && has_room && due.is_none() {
                running.push(self.one(deadline));
                made += 1;
                continue;
            }
            // Wait until a call ends or the next one is due. After the end none is due.
            let wait = due.filter(|_| may_start && has_room);
            let wait = wait.map(|due| end.map_or(due, |end| end.min(due)));
            match (running.is_empty(), wait) {
                (true, None) => break,
                (true, Some(due)) => self.runtime.sleep_until(due).await,
                (false, None) => {
                    if let Some(ended) = running.next().await {
                        tally.add(ended);
                    }
                }
                (false, Some(due)) => {
                    let sleep = self.runtime.sleep_until(due);
                    if let Either::Left((Some(ended), _)) = select(running.next(), sleep).await {
                        tally.add(ended);
                    }
                }
            }
            tally.elapsed = self.runtime.now() - started;
            live.draw(&tally, started + tally.elapsed);
        }
        live.clear();
        tally.counts = self.counter.counts();
        tally.elapsed = self.runtime.now() - started;
        tally.unmade = wanted.map_or_else(|| u64::from(made == 0), |count| count - made);
        tally
    }

    /// Makes one call.
    async fn one(&self, deadline: Option<Instant>) -> FinishedCall {
        let started: Instant = self.runtime.now();
        let timeout = deadline.map_or(EACH, |deadline| deadline.saturating_duration_since(started));
        let service = self.args.service.clone();
        let mut request = Request::new(HealthCheckRequest { service });
        *request.metadata_mut() = self.metadata.clone();
        request.set_timeout(timeout);
        if self.args.wait_for_ready {
            request.extensions_mut().insert(WaitForReady(true));
        }
        let recorder = PeerRecorder::new(self.channel.clone());
        let result = HealthClient::new(recorder.clone()).check(request).await;
        let took = self.runtime.now() - started;
        let peer = recorder.peer();
        let result = result.and_then(|response| match response.get_ref().status() {
            ServingStatus::Serving | ServingStatus::Unknown => Ok(()),
            other => {
                let peer = peer
                    .as_ref()
                    .map_or_else(String::new, |peer| format!("{peer}: "));
                let text = format!("{peer}the service reports {}", other.as_str_name());
                Err(Status::unavailable(text))
            }
        });
        let result = result.map_err(|status| match deadline {
            Some(_) => without_remainder(status),
            None => status,
        });
        FinishedCall { result, peer, took }
    }
}

/// Removes the time that was left for the call from the text of its deadline. That time differs
/// from call to call, so equal failures would have different texts.
fn without_remainder(status: Status) -> Status {
    if status.code() != Code::DeadlineExceeded {
        return status;
    }
    let rest = status.message().strip_prefix("deadline of ");
    let rest = rest.and_then(|rest| rest.split_once(" exceeded "));
    match rest {
        Some((_, doing)) => Status::deadline_exceeded(format!("deadline exceeded {doing}")),
        None => status,
    }
}
