//! The attempts of a call, side by side.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use event_listener::EventListener;
use http::Response;
use trunkline_runtime::Alarm;
use trunkline_status::{Code, Status};
use trunkline_transport::{CallError, Incoming, ReaderId, RequestBody};

use crate::call::attempt::CallAttempt;
use crate::call::authorizing::{self, Authorizing};
use crate::call::body::Body;
use crate::call::in_progress::{Call, NoResponse, NotStarted, PickOutcome};
use crate::call::plan::{AttemptPlan, PlanKind};
use crate::call::transparent_retries::TransparentRetries;
use crate::core::hedging::Hedging;
use crate::core::pushback::Pushback;

/// Makes attempts side by side, the next one after a delay or after a failure, until one gets a
/// response that decides the call. The others are cancelled then.
///
/// `first` is the first attempt.
///
/// # Errors
///
/// The status of a failure that is fatal; of the last failure, when all attempts have failed; or of
/// the deadline.
///
/// Source: [gRFC A6, hedging policy](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#hedging-policy).
pub(crate) async fn run<B>(
    call: &mut Call<'_>,
    first: Result<CallAttempt, NotStarted>,
    body: &RequestBody<B>,
) -> Result<Response<Body>, NoResponse>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut hedges = Hedges {
        running: Vec::new(),
        transparent: TransparentRetries::default(),
        last: None,
        alarm: Alarm::new(),
        listener: None,
        must_pick: false,
        authorizing: None,
    };
    let now = call.runtime().now();
    let decided = match first {
        Ok(attempt) => {
            hedges.add(call, attempt, now);
            None
        }
        Err(NotStarted::Failed(status)) => hedges.not_sent(call, status, now),
        Err(NotStarted::Ended(status)) => Some(Decision::Status(status)),
    };
    let decision = match decided {
        Some(decision) => decision,
        None => poll_fn(|cx| hedges.poll(cx, call, body)).await,
    };
    hedges.cancel(call);
    match decision {
        Decision::Response(mut decisive) => call.respond(decisive.response, &mut decisive.attempt),
        Decision::Status(status) => Err(status.into()),
    }
}

/// The attempts of one call that run side by side.
struct Hedges {
    running: Vec<CallAttempt>,
    transparent: TransparentRetries,
    /// The failure that ends the call if no attempt does better.
    last: Option<Decision>,
    /// Fires when the next attempt is due.
    alarm: Alarm,
    /// Notified of the next snapshot, while an attempt waits for a connection.
    listener: Option<EventListener>,
    /// True while an attempt is due that has no connection yet.
    must_pick: bool,
    /// The attempt whose credentials are awaited. The next one is started after it.
    authorizing: Option<Authorizing>,
}

/// What ends a call.
enum Decision {
    Response(Box<Decisive>),
    Status(Status),
}

/// The response of the attempt that decides a call.
struct Decisive {
    response: Response<Incoming>,
    attempt: CallAttempt,
}

fn plan<'a>(call: &'a mut Call<'_>) -> Option<(&'a mut Hedging, bool)> {
    let plan: &mut AttemptPlan = call.plan.as_mut()?;
    let is_allowed = plan.is_allowed();
    match &mut plan.kind {
        PlanKind::Hedging(hedging) => Some((hedging, is_allowed)),
        PlanKind::Retry(_) => None,
    }
}

impl Hedges {
    fn poll<B>(
        &mut self,
        cx: &mut Context<'_>,
        call: &mut Call<'_>,
        body: &RequestBody<B>,
    ) -> Poll<Decision>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        loop {
            let now = call.runtime().now();
            if let Poll::Ready(decisive) = body.poll_decisive(cx) {
                self.leave(call, decisive);
            }
            if let Some(decision) = self.poll_running(cx, call, body, now) {
                return Poll::Ready(decision);
            }
            let running = self.running.len();
            if self.authorizing.is_none()
                && let Some(decision) = self.start_due(call, body, now)
            {
                return Poll::Ready(decision);
            }
            if let Some(decision) = self.poll_authorizing(cx, call, body, now) {
                return Poll::Ready(decision);
            }
            if self.running.len() > running {
                // Poll the new attempts, which wake the call later.
                continue;
            }
            let next = plan(call).and_then(|(hedging, _)| hedging.poll_timeout());
            let is_idle = self.running.is_empty() && self.authorizing.is_none();
            if is_idle && !self.must_pick && next.is_none() {
                let none = || Status::internal("no attempt of the call was made");
                return Poll::Ready(self.last.take().unwrap_or_else(|| Decision::Status(none())));
            }
            if let Some(deadline) = &mut call.deadline
                && deadline.poll_passed(cx).is_ready()
            {
                let status = deadline.status(&self.waiting_for());
                for attempt in &mut self.running {
                    attempt.end(&status);
                }
                if let Some(attempt) = self.authorizing.take() {
                    attempt.end(&status);
                }
                call.waiting.end_unsent(&status);
                return Poll::Ready(Decision::Status(status));
            }
            if self.authorizing.is_some() {
                // Nothing else is due before it is sent.
                return Poll::Pending;
            }
            if self.must_pick {
                // Listen first, then pick again: a snapshot that is published in between is not
                // missed.
                let Some(listener) = &mut self.listener else {
                    self.listener = Some(call.listen());
                    continue;
                };
                if Pin::new(listener).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.listener = None;
                continue;
            }
            let runtime = call.runtime();
            if self.alarm.poll(cx, next, &**runtime).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Polls the attempts that run. Returns what ends the call, if anything does.
    fn poll_running<B>(
        &mut self,
        cx: &mut Context<'_>,
        call: &mut Call<'_>,
        body: &RequestBody<B>,
        now: Instant,
    ) -> Option<Decision> {
        let mut at = 0;
        while let Some(attempt) = self.running.get_mut(at) {
            match Pin::new(attempt).poll(cx) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(response)) => {
                    let attempt = self.running.swap_remove(at);
                    if let Some(decision) = self.responded(call, response, attempt, body, now) {
                        return Some(decision);
                    }
                }
                Poll::Ready(Err(error)) => {
                    let attempt = self.running.swap_remove(at);
                    if let Some(decision) = self.failed(call, error, attempt, body, now) {
                        return Some(decision);
                    }
                }
            }
        }
        None
    }

    /// Handles the response of an attempt.
    fn responded<B>(
        &mut self,
        call: &mut Call<'_>,
        mut response: Response<Incoming>,
        mut attempt: CallAttempt,
        body: &RequestBody<B>,
        now: Instant,
    ) -> Option<Decision> {
        let failed = Call::end_if_failed(&mut response, &mut attempt);
        if failed.is_none() && !body.commit_to(attempt.reader()) {
            // A limit has committed the call to another attempt meanwhile.
            end_cancelled(&mut attempt);
            return None;
        }
        let decision = Decision::Response(Box::new(Decisive { response, attempt }));
        match failed {
            None => Some(decision),
            Some((code, pushback)) => self.ended(call, code, pushback, decision, now),
        }
    }

    /// Handles the failure of an attempt that got no response.
    fn failed<B>(
        &mut self,
        call: &mut Call<'_>,
        error: CallError,
        mut attempt: CallAttempt,
        body: &RequestBody<B>,
        now: Instant,
    ) -> Option<Decision> {
        if body.is_superseded(attempt.reader()) {
            end_cancelled(&mut attempt);
            return None;
        }
        let is_transparent = self.transparent.may_retry(error.fate(), call.headers());
        let status = call.end_failed(error, &mut attempt, is_transparent);
        let code = status.code();
        // Its upload reads no more of the request once it is dropped.
        drop(attempt);
        let decision = Decision::Status(status);
        if is_transparent && body.can_replay() {
            call.is_late = true;
            if let Some((hedging, _)) = plan(call) {
                hedging.handle_transparent_retry(now);
            }
            self.last.get_or_insert(decision);
            return None;
        }
        self.ended(call, code, Pushback::Absent, decision, now)
    }

    /// Handles an attempt that failed before it was sent.
    fn not_sent(&mut self, call: &mut Call<'_>, status: Status, now: Instant) -> Option<Decision> {
        if let Some((hedging, _)) = plan(call) {
            hedging.handle_started(now);
        }
        let code = status.code();
        self.ended(call, code, Pushback::Absent, Decision::Status(status), now)
    }

    /// Handles a failed attempt, which ends the call with `decision` if that is fatal.
    fn ended(
        &mut self,
        call: &mut Call<'_>,
        code: Code,
        pushback: Pushback,
        decision: Decision,
        now: Instant,
    ) -> Option<Decision> {
        let (hedging, is_allowed) = plan(call)?;
        if hedging.handle_failure(code, pushback, is_allowed, now) {
            self.last = Some(decision);
            return None;
        }
        Some(decision)
    }

    /// Starts the attempts that are due. Ends the one that waits for a pick, if no attempt follows.
    fn start_due<B>(
        &mut self,
        call: &mut Call<'_>,
        body: &RequestBody<B>,
        now: Instant,
    ) -> Option<Decision>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let decision = self.pick_due(call, body, now);
        if plan(call).is_none_or(|(hedging, _)| hedging.poll_timeout().is_none()) {
            call.waiting.end_overtaken(&overtaken());
        }
        decision
    }

    /// Picks a connection for each attempt that is due.
    fn pick_due<B>(
        &mut self,
        call: &mut Call<'_>,
        body: &RequestBody<B>,
        now: Instant,
    ) -> Option<Decision>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.must_pick = false;
        loop {
            let (hedging, is_allowed) = plan(call)?;
            if hedging.poll_timeout().is_none_or(|next| next > now) {
                return None;
            }
            if !body.can_replay() {
                hedging.commit();
                return None;
            }
            if !is_allowed && !hedging.is_transparent() {
                hedging.stop();
                return None;
            }
            let outcome = call.pick(body);
            if let Some(decision) = self.handle_outcome(call, outcome, body, now) {
                return Some(decision);
            }
            if self.must_pick || self.authorizing.is_some() {
                return None;
            }
        }
    }

    /// Handles the result of a pick.
    fn handle_outcome<B>(
        &mut self,
        call: &mut Call<'_>,
        outcome: PickOutcome,
        body: &RequestBody<B>,
        now: Instant,
    ) -> Option<Decision> {
        match outcome {
            PickOutcome::Started(attempt) => self.add(call, attempt, now),
            PickOutcome::Authorizing(attempt) => self.authorizing = Some(attempt),
            // A fault is a matter of the first pick, which is none of a hedged attempt.
            PickOutcome::Fault(_) | PickOutcome::Wait => self.must_pick = true,
            PickOutcome::Failed(NotStarted::Failed(status)) => {
                return self.not_sent(call, status, now);
            }
            PickOutcome::Failed(NotStarted::Ended(status)) => {
                if self.running.is_empty() && body.can_replay() {
                    return Some(Decision::Status(status));
                }
                // An attempt that cannot be made does not end those that run. One of them may also have
                // exceeded the limit of what is kept during the pick.
                self.last.get_or_insert(Decision::Status(status));
                if let Some((hedging, _)) = plan(call) {
                    hedging.commit();
                }
            }
        }
        None
    }

    /// Polls the credentials of the attempt that waits for them, and sends it.
    fn poll_authorizing<B>(
        &mut self,
        cx: &mut Context<'_>,
        call: &mut Call<'_>,
        body: &RequestBody<B>,
        now: Instant,
    ) -> Option<Decision>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let attempt = self.authorizing.as_mut()?;
        let Poll::Ready(metadata) = Pin::new(attempt).poll(cx) else {
            return None;
        };
        let attempt = self.authorizing.take()?;
        let outcome = call.send_authorized(attempt, metadata, body);
        self.handle_outcome(call, outcome, body, now)
    }

    fn add(&mut self, call: &mut Call<'_>, attempt: CallAttempt, now: Instant) {
        if let Some((hedging, _)) = plan(call) {
            hedging.handle_started(now);
        }
        call.is_late = true;
        self.running.push(attempt);
    }

    /// Cancels all attempts but the one that the call is committed to.
    fn leave(&mut self, call: &mut Call<'_>, decisive: ReaderId) {
        self.end_unsent(call);
        self.running.retain_mut(|attempt| {
            let is_left = attempt.reader() == Some(decisive);
            if !is_left {
                end_cancelled(attempt);
            }
            is_left
        });
    }

    /// Cancels the attempts that still run.
    fn cancel(&mut self, call: &mut Call<'_>) {
        for mut attempt in self.running.drain(..) {
            end_cancelled(&mut attempt);
        }
        self.end_unsent(call);
    }

    /// Cancels the attempts that wait for a pick or for credentials.
    fn end_unsent(&mut self, call: &mut Call<'_>) {
        if let Some(attempt) = self.authorizing.take() {
            attempt.end_overtaken(&overtaken());
        }
        call.waiting.end_overtaken(&overtaken());
    }

    /// Returns what the call waits for, as text.
    fn waiting_for(&self) -> String {
        if self.authorizing.is_some() {
            return authorizing::WAITING.to_owned();
        }
        if self.running.is_empty() {
            return "waiting for a connection to make the next attempt".to_owned();
        }
        let texts = self.running.iter().map(CallAttempt::waiting_for);
        texts.collect::<Vec<_>>().join("; ")
    }
}

/// Ends an attempt that another one of its call has overtaken. It shows nothing of its server, so
/// the throttle does not count it.
fn end_cancelled(attempt: &mut CallAttempt) {
    attempt.set_overtaken();
    attempt.end(&overtaken());
}

fn overtaken() -> Status {
    Status::new(Code::Cancelled, "another attempt of the call decided it")
}
