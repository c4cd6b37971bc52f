//! The task of a connection.

use std::fmt;
use std::future::Future;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use trunkline_runtime::{Alarm, Runtime};

use crate::bandwidth::BandwidthEstimator;
use crate::compat::{CompatWire, SharedWire};
use crate::error::{Lost, LostReason};
use crate::keepalive::{Keepalive, KeepaliveAction};
use crate::options::HttpOptions;
use crate::probes::Probes;
use crate::stall::Stall;
use crate::state::ConnectionState;
use crate::turns::Turns;

/// The references to the facts of a connection that nothing uses: those of its driver and its wire.
const OWN_REFERENCES: usize = 2;

/// Polls one connection until it is closed.
///
/// Spawn it as a task of its own. It is the only place that decides which task polls a connection,
/// and on which thread.
#[must_use = "a connection that is not polled does nothing"]
pub struct ConnectionDriver {
    /// Gives the turns at the connection.
    turns: Arc<Turns>,
    /// The wire under the connection.
    wire: SharedWire,
    state: Arc<ConnectionState>,
    /// Supplies the clock and the timer.
    runtime: Arc<dyn Runtime>,
    established: Instant,
    /// Decides when the peer has not read for too long.
    stall: Stall,
    /// `None` when neither keepalive nor an adaptive window is asked for. In a box, because most connections
    /// have none, and a client may keep a thousand connections.
    probes: Option<Box<Probes>>,
    /// How many small DATA frames may come for calls that have ended before the connection takes no
    /// new calls.
    most_late: usize,
    /// True once more have come.
    is_worn: bool,
    /// Fires at the next deadline of the stall and the keepalive.
    alarm: Alarm,
    /// The waker that `state` has.
    waker: Option<Waker>,
    /// `None` once it was called.
    on_lost: Option<Box<dyn FnOnce(Lost) + Send>>,
}

impl ConnectionDriver {
    /// Takes over a connection whose handshake is done.
    pub(crate) fn new(
        mut connection: h2::client::Connection<CompatWire, Bytes>,
        wire: SharedWire,
        state: Arc<ConnectionState>,
        runtime: Arc<dyn Runtime>,
        options: &HttpOptions,
        most_late: usize,
        on_lost: Box<dyn FnOnce(Lost) + Send>,
    ) -> Self {
        wire.gather();
        let established = runtime.now();
        let keepalive = options.keepalive;
        let keepalive = (keepalive.is_on()).then(|| Keepalive::new(keepalive, established));
        let bandwidth = (options.adaptive_window).then(BandwidthEstimator::new);
        let is_asked = keepalive.is_some() || bandwidth.is_some();
        let pings = is_asked.then(|| connection.ping_pong()).flatten();
        let probes = pings.map(|pings| Box::new(Probes::new(pings, keepalive, bandwidth)));
        // A caller's turn does not serve the probes.
        let turns = Arc::new(Turns::new(
            connection,
            wire.clone(),
            Arc::clone(&runtime),
            probes.is_none(),
        ));
        Self {
            turns,
            wire,
            state,
            runtime,
            established,
            stall: Stall::default(),
            probes,
            most_late,
            is_worn: false,
            alarm: Alarm::new(),
            waker: None,
            on_lost: Some(on_lost),
        }
    }

    /// Returns when the handshake was done.
    pub(crate) fn established(&self) -> Instant {
        self.established
    }

    /// Returns what gives the turns at the connection.
    pub(crate) fn turns(&self) -> &Arc<Turns> {
        &self.turns
    }

    /// Polls the connection, and sends all that it wrote.
    fn poll_connection(&mut self, task: &Waker) -> Poll<Result<(), h2::Error>> {
        let cx = &mut Context::from_waker(self.turns.waker());
        self.state.lone_calls.handle_driver();
        let mut turn = self.turns.take(task);
        let Some(http2) = &mut *turn else {
            return Poll::Ready(Ok(()));
        };
        if let Poll::Ready(ended) = http2.poll(&self.state, cx) {
            return Poll::Ready(ended);
        }
        let facts = http2.facts;
        self.is_worn = facts.late_frames > self.most_late;
        let was_stalled = self.stall.is_stalled();
        self.stall.handle_room(facts.room, || self.runtime.now());
        self.report_stall(was_stalled);
        let probes = self.probes.as_mut();
        let window =
            probes.and_then(|probes| probes.handle_received(facts.received, &*self.runtime, cx));
        if let Some(window) = window {
            // It fails while the peer has not acknowledged the last change: a later one follows.
            // h2 sends it with the next poll, which the answer to the PING has brought about.
            let _ = http2.connection.set_initial_window_size(window);
        }
        Poll::Pending
    }

    /// Gives `state` the waker of this task, before anything is read that it can be woken for.
    fn set_waker(&mut self, cx: &Context<'_>) {
        let waker = cx.waker();
        if !self.waker.as_ref().is_some_and(|own| own.will_wake(waker)) {
            self.waker = Some(waker.clone());
            self.state.driver.set(waker.clone());
        }
    }

    /// Tests the connection if calls have come to it after a long silence, and records whether it has
    /// calls.
    fn test_for_calls(&mut self) {
        if let Some(probes) = &mut self.probes {
            probes.handle_calls(self.state.admission.has_calls(), &*self.runtime);
            self.report_keepalives();
        }
    }

    fn report_keepalives(&self) {
        if let Some(probes) = &self.probes {
            self.state.counts.set_keepalives(probes.keepalives_sent());
        }
    }

    /// Handles the deadlines that have passed. Breaks with the reason when the connection is to be
    /// given up, and continues when it is to be polled again.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<ControlFlow<LostReason>> {
        loop {
            let keepalive = self.probes.as_deref().and_then(Probes::keepalive);
            let deadlines = [
                self.stall.poll_timeout(),
                keepalive.and_then(Keepalive::poll_timeout),
            ];
            let deadline = deadlines.into_iter().flatten().min();
            let Poll::Ready(now) = self.alarm.poll(cx, deadline, &*self.runtime) else {
                return Poll::Pending;
            };
            let was_stalled = self.stall.is_stalled();
            // h2 does not wake the driver when the last call ends while bytes wait.
            let is_used = Arc::strong_count(&self.state) > OWN_REFERENCES;
            if self.stall.handle_timeout(is_used, now) {
                return Poll::Ready(ControlFlow::Break(LostReason::NotRead));
            }
            self.report_stall(was_stalled);
            let probes = self.probes.as_mut();
            match probes.and_then(|probes| probes.handle_timeout(now)) {
                None => {}
                Some(KeepaliveAction::Ping) => {
                    self.report_keepalives();
                    return Poll::Ready(ControlFlow::Continue(()));
                }
                Some(KeepaliveAction::GiveUp(silence)) => {
                    self.state.set_silence(silence);
                    return Poll::Ready(ControlFlow::Break(silence.into()));
                }
            }
        }
    }

    fn report_stall(&self, was_stalled: bool) {
        let is_stalled = self.stall.is_stalled();
        if was_stalled != is_stalled {
            self.state.admission.set_stalled(is_stalled);
        }
    }

    /// Ends the connection at once. Its calls fail.
    fn give_up(&mut self, reason: LostReason, cx: &mut Context<'_>) {
        let kind = match reason {
            LostReason::KeepaliveTimeout { .. } => io::ErrorKind::TimedOut,
            LostReason::CutOff => io::ErrorKind::ConnectionAborted,
            _ => io::ErrorKind::NotConnected,
        };
        self.wire.lock().abort(kind);
        // h2 fails the calls when it finds that the stream is gone.
        let mut turn = self.turns.take(cx.waker());
        let ended = match &mut *turn {
            Some(http2) => Pin::new(&mut http2.connection).poll(cx),
            None => Poll::Pending,
        };
        drop(turn);
        let error = match ended {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        };
        self.lose(reason, error);
    }

    /// Reports the loss of the connection, unless it was reported before.
    fn lose(&mut self, reason: LostReason, source: Option<h2::Error>) {
        if let Some(on_lost) = self.on_lost.take() {
            self.state.admission.lose();
            let age = self
                .runtime
                .now()
                .saturating_duration_since(self.established);
            let too_many =
                matches!(&reason, LostReason::GoAway(frame) if frame.is_too_many_pings());
            let probes = self.probes.as_deref().filter(|_| too_many);
            let keepalive = probes.and_then(Probes::keepalive);
            let raised = keepalive.map(Keepalive::raised_time);
            let lost = Lost::new(&self.state, reason, source, age);
            on_lost(lost.with_raised_keepalive(raised));
        }
    }
}

impl Future for ConnectionDriver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.set_waker(cx);
        if self.state.cut_off_status().is_some() {
            self.give_up(LostReason::CutOff, cx);
            return Poll::Ready(());
        }
        // Before the call is sent, for the PING to go first.
        self.test_for_calls();
        loop {
            let poll = self.poll_connection(cx.waker());
            // A call that begins during a poll wakes nothing: h2 sends it in that poll.
            self.test_for_calls();
            if self.on_lost.is_some()
                && let Some(go_away) = self.state.go_away().cloned()
            {
                self.lose(LostReason::GoAway(go_away), None);
            }
            if self.state.streams_used_up() {
                self.lose(LostReason::StreamsUsedUp, None);
            }
            if self.is_worn {
                self.lose(LostReason::LateFrames, None);
            }
            match poll {
                Poll::Pending => match self.poll_time(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(ControlFlow::Continue(())) => continue,
                    Poll::Ready(ControlFlow::Break(reason)) => self.give_up(reason, cx),
                },
                Poll::Ready(Ok(())) => self.lose(LostReason::Closed, None),
                Poll::Ready(Err(error)) => self.lose(LostReason::of(&error), Some(error)),
            }
            return Poll::Ready(());
        }
    }
}

impl Drop for ConnectionDriver {
    /// Reports the loss also when the runtime drops the task.
    fn drop(&mut self) {
        self.lose(LostReason::TaskDropped, None);
        self.turns.close(&self.state);
        self.state.driver.clear();
    }
}

impl fmt::Debug for ConnectionDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionDriver")
            .field("peer", &self.state.peer)
            .finish_non_exhaustive()
    }
}
