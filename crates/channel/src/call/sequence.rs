//! The attempts of a call, one after the other.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use trunkline_status::{Code, Status};
use trunkline_transport::RequestBody;

use crate::call::body::Body;
use crate::call::deadline::{Deadline, bounded, within};
use crate::call::hedges;
use crate::call::in_progress::{Call, NoResponse, NotStarted};
use crate::call::plan::PlanKind;
use crate::call::transparent_retries::TransparentRetries;
use crate::core::pushback::Pushback;

/// Makes attempts, one after the other, until one gets a response. Hands over to [`hedges`] when
/// the method of the call has a hedging policy.
///
/// # Errors
///
/// The status of the last attempt, when the call must not be sent again: a server may have
/// acted on it and no retry policy applies, servers have refused it too often (see
/// [`TransparentRetries`]), or a part of its request is not kept any more. Or the status of a failed
/// pick, of a request that cannot be sent, of the deadline, or of a response that is not gRPC.
pub(crate) async fn run<B>(call: &mut Call<'_>, body: B) -> Result<Response<Body>, NoResponse>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let body = RequestBody::prepare(body, call.replay_budget()).await?;
    let mut transparent = TransparentRetries::default();
    loop {
        let started = call.start_attempt(&body).await;
        if is_hedged(call) {
            // In a box, because the future of every call would be larger by it.
            return Box::pin(hedges::run(call, started, &body)).await;
        }
        // What follows waits for nothing but the attempt, so that the future of every call is small.
        let (delay, status) = match started {
            Ok(mut attempt) => match within(&mut call.deadline, &mut attempt).await {
                Ok(Ok(mut response)) => {
                    // Only a call with a plan looks for failures that can be retried.
                    if call.plan.is_some()
                        && let Some((code, pushback)) =
                            Call::end_if_failed(&mut response, &mut attempt)
                        && let Some(delay) = delay_after(call, code, pushback, &body)
                        // Last, because it ends the upload, whose response is then dropped.
                        && body.rewind(attempt.reader())
                    {
                        let text = format!("{} answered {code}", attempt.peer());
                        (Some(delay), Status::new(code, text))
                    } else {
                        body.commit();
                        return call.respond(response, &mut attempt);
                    }
                }
                Ok(Err(error)) => {
                    let is_transparent = transparent.may_retry(error.fate(), call.headers());
                    let status = call.end_failed(error, &mut attempt, is_transparent);
                    // The attempt is dropped before `can_replay` is called: its upload could
                    // otherwise read more of the request afterwards, beyond the limit of what is kept.
                    drop(attempt);
                    if is_transparent {
                        if !body.can_replay() {
                            return Err(status.into());
                        }
                        call.is_late = true;
                        call.is_transparent_retry = true;
                        continue;
                    }
                    let delay = delay_after(call, status.code(), Pushback::Absent, &body);
                    (delay, status)
                }
                Err(passed) => {
                    let status = passed.status(&attempt.waiting_for());
                    attempt.end(&status);
                    return Err(status.into());
                }
            },
            Err(NotStarted::Ended(status)) => return Err(status.into()),
            Err(NotStarted::Failed(status)) => {
                let delay = delay_after(call, status.code(), Pushback::Absent, &body);
                (delay, status)
            }
        };
        let Some(delay) = delay else {
            return Err(status.into());
        };
        Box::pin(wait(call, delay, status)).await?;
    }
}

fn is_hedged(call: &Call<'_>) -> bool {
    let plan = call.plan.as_ref();
    plan.is_some_and(|plan| matches!(plan.kind, PlanKind::Hedging(_)))
}

/// Returns the delay before the next attempt of a call that failed; `None` when it is not retried.
fn delay_after<B>(
    call: &mut Call<'_>,
    code: Code,
    pushback: Pushback,
    body: &RequestBody<B>,
) -> Option<Duration> {
    let runtime = call.runtime();
    let plan = call.plan.as_mut()?;
    // The deadline spans all attempts.
    let is_late = call.deadline.as_ref().is_some_and(Deadline::is_past);
    if is_late || !body.can_replay() {
        return None;
    }
    plan.retry_after(code, pushback, &**runtime)
}

/// Waits before the next attempt of a call whose last one ended with `status`.
///
/// # Errors
///
/// That of the deadline; or `status`, when the clock cannot represent the time of the next attempt.
async fn wait(call: &mut Call<'_>, delay: Duration, status: Status) -> Result<(), Status> {
    let now = call.runtime().now();
    let Some(at) = now.checked_add(delay) else {
        return Err(status);
    };
    let sleep = call.runtime().sleep_until(at);
    let delay = at.saturating_duration_since(now);
    let doing = || {
        let (code, message) = (status.code(), status.message());
        format!("waiting {delay:?} for a retry; the last attempt ended with {code}: {message}")
    };
    bounded(&mut call.deadline, doing, sleep).await?;
    call.is_late = true;
    Ok(())
}
