//! One attempt to connect a subchannel.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_channel::Sender;
use trunkline_connector::{
    AddressTried, ConnectOutcome, ConnectProgress, ConnectStep, Connected, ConnectionInfo,
    Connector,
};
use trunkline_endpoint::Address;
use trunkline_lb::SubchannelId;
use trunkline_runtime::{Lock, Runtime};
use trunkline_transport::{CallLine, Connection, ConnectionDriver, HttpOptions, handshake_in_line};

use crate::control::event::ControlEvent;
use crate::control::held::{Held, Released};
use crate::control::loss::report_to;
use crate::core::address_fate::{AddressFate, AddressOutcome};
use crate::core::connections::ConnectionId;
use crate::core::failure::{ConnectFailure, ConnectFailureKind, ConnectPhase};

/// One attempt to connect a subchannel. It runs as its own task, and reports to the control task by
/// events.
pub(crate) struct ConnectAttempt {
    pub(crate) id: SubchannelId,
    /// The id of the connection that the attempt makes.
    pub(crate) connection_id: ConnectionId,
    /// The line in which the calls of the subchannel wait for a free stream.
    pub(crate) line: CallLine,
    pub(crate) address: Address,
    pub(crate) deadline: Instant,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) http: HttpOptions,
    pub(crate) events: Sender<ControlEvent>,
    /// Held until the attempt and its connection have ended.
    pub(crate) alive: Option<Held>,
    /// Released when the attempt is to be cancelled.
    pub(crate) cancelled: Released,
}

impl ConnectAttempt {
    pub(crate) async fn run(self) {
        let mut report = AttemptReport {
            id: self.id,
            connection_id: self.connection_id,
            address: &self.address,
            events: &self.events,
            is_done: false,
        };
        let started = self.runtime.now();
        let phases = Phases {
            id: self.id,
            connection_id: self.connection_id,
            runtime: Arc::clone(&self.runtime),
            reached: Arc::default(),
            events: self.events.clone(),
        };
        let result = {
            let mut connect = pin!(self.connect(&phases));
            let mut timer = self.runtime.sleep_until(self.deadline);
            poll_fn(|cx| {
                if let Poll::Ready(result) = connect.as_mut().poll(cx) {
                    return Poll::Ready(Ok(result));
                }
                if self.cancelled.poll_released(cx).is_ready() {
                    return Poll::Ready(Err(Interrupted::Cancelled));
                }
                pin!(&mut timer)
                    .poll(cx)
                    .map(|()| Err(Interrupted::TimedOut))
            })
            .await
        };
        match result {
            Err(Interrupted::Cancelled) => report.is_done = true,
            Ok(Ok((connection, driver, info))) => {
                // Sent before the driver is spawned, which can report a loss: the core ignores the
                // loss of a connection that it does not know.
                report.send(ControlEvent::Connected {
                    id: self.id,
                    connection_id: self.connection_id,
                    connection,
                    info,
                });
                self.runtime.spawn_driver(Box::pin(DriverTask {
                    driver,
                    alive: self.alive.clone(),
                }));
            }
            Ok(Err(failure)) => report.failed(failure),
            Err(Interrupted::TimedOut) => {
                let waited = self.runtime.now().saturating_duration_since(started);
                let reached = *phases.reached.lock();
                let phase = reached.phase;
                let kind = ConnectFailureKind::TimedOut { phase, waited };
                report.failed(
                    ConnectFailure::new(self.address.clone(), kind)
                        .with_phase(phase)
                        .with_resumed_tls(reached.resumed_tls)
                        .with_tls_handshake(phases.tls_handshake()),
                );
            }
        }
    }

    async fn connect(
        &self,
        phases: &Phases,
    ) -> Result<(Connection, ConnectionDriver, ConnectionInfo), ConnectFailure> {
        let within = phases.clone();
        let progress = ConnectProgress::new(move |step| match step {
            ConnectStep::Proxy => within.begin(ConnectPhase::Proxy),
            ConnectStep::TlsHandshake => within.begin(ConnectPhase::TlsHandshake),
            _ => {}
        });
        let (id, connection_id, events) = (self.id, self.connection_id, self.events.clone());
        let progress = progress.with_tries(move |tried| {
            // The queue is unbounded, and closed only when the control task has ended.
            let _ = events.try_send(ControlEvent::Tried {
                id,
                connection_id,
                fate: fate_of(tried),
            });
        });
        let connecting = self
            .connector
            .connect_with_progress(&self.address, progress);
        let connected = connecting.await;
        let connected = connected.map_err(|error| {
            let kind = ConnectFailureKind::Stream(error.kind());
            let phase = phases.reached.lock().phase;
            ConnectFailure::new(self.address.clone(), kind)
                .with_phase(phase)
                .with_tls_handshake(phases.tls_handshake())
                .with_source(error)
        })?;
        let Connected {
            stream, mut info, ..
        } = connected;
        phases.begin(ConnectPhase::Handshake);
        let tls_handshake = phases.tls_handshake();
        info.tls_handshake = tls_handshake;
        let resumed_tls = info.tls.as_ref().map(|tls| tls.resumed);
        phases.reached.lock().resumed_tls = resumed_tls;
        let on_lost = report_to(self.events.clone(), self.id, self.connection_id);
        let (line, runtime) = (self.line.clone(), Arc::clone(&self.runtime));
        let handshake = handshake_in_line(line, stream, &self.http, runtime, on_lost);
        let (connection, driver) = handshake.await.map_err(|error| {
            let kind = ConnectFailureKind::Handshake;
            ConnectFailure::new(self.address.clone(), kind)
                .with_phase(ConnectPhase::Handshake)
                .with_resumed_tls(resumed_tls)
                .with_tls_handshake(tls_handshake)
                .with_source(error)
        })?;
        Ok((connection, driver, info))
    }
}

/// The task of a connection.
///
/// Written by hand, because an `async` block would have the driver twice: as a captured value, and where it
/// is polled. A client may keep a thousand connections.
struct DriverTask {
    driver: ConnectionDriver,
    /// Held until the connection has ended, also where a runtime keeps tasks that have ended.
    alive: Option<Held>,
}

impl Future for DriverTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let ended = Pin::new(&mut self.driver).poll(cx);
        if ended.is_ready() {
            self.alive = None;
        }
        ended
    }
}

/// Converts the connector's report of an address into the channel's.
fn fate_of(tried: AddressTried) -> AddressFate {
    AddressFate {
        address: tried.address,
        outcome: match tried.outcome {
            ConnectOutcome::Connected => AddressOutcome::Connected,
            ConnectOutcome::Cancelled => AddressOutcome::GivenUp,
            ConnectOutcome::TimedOut => AddressOutcome::TimedOut,
            _ => AddressOutcome::Failed,
        },
        elapsed: tried.elapsed,
        error: tried.error,
    }
}

/// The phases of an attempt, one after the other.
#[derive(Clone)]
struct Phases {
    id: SubchannelId,
    connection_id: ConnectionId,
    runtime: Arc<dyn Runtime>,
    reached: Arc<Lock<Reached>>,
    events: Sender<ControlEvent>,
}

/// How far an attempt has come.
#[derive(Clone, Copy)]
struct Reached {
    phase: ConnectPhase,
    /// When the TLS handshake began.
    tls_began: Option<Instant>,
    /// When it had succeeded.
    tls_ended: Option<Instant>,
    /// Whether TLS has continued an earlier session, once it has succeeded.
    resumed_tls: Option<bool>,
}

impl Default for Reached {
    fn default() -> Self {
        Self {
            phase: ConnectPhase::Dialing,
            tls_began: None,
            tls_ended: None,
            resumed_tls: None,
        }
    }
}

impl Phases {
    /// Returns the time of the TLS handshake so far; `None` where none was begun.
    fn tls_handshake(&self) -> Option<Duration> {
        let reached = *self.reached.lock();
        let began = reached.tls_began?;
        let ended = reached.tls_ended.unwrap_or_else(|| self.runtime.now());
        Some(ended.saturating_duration_since(began))
    }

    /// Begins a phase, and reports it.
    fn begin(&self, phase: ConnectPhase) {
        let now = self.runtime.now();
        let mut reached = self.reached.lock();
        reached.phase = phase;
        match phase {
            ConnectPhase::TlsHandshake => reached.tls_began = Some(now),
            ConnectPhase::Handshake => reached.tls_ended = Some(now),
            ConnectPhase::Dialing | ConnectPhase::Proxy => {}
        }
        drop(reached);
        // The queue is unbounded, and closed only when the control task has ended.
        let _ = self.events.try_send(ControlEvent::Progress {
            id: self.id,
            connection_id: self.connection_id,
            phase,
        });
    }
}

/// Why an attempt was ended before it had a result.
enum Interrupted {
    Cancelled,
    TimedOut,
}

/// Reports the end of an attempt exactly once, also when a connector panics or a runtime drops the
/// task. The end of a cancelled attempt is not reported.
struct AttemptReport<'a> {
    id: SubchannelId,
    connection_id: ConnectionId,
    address: &'a Address,
    events: &'a Sender<ControlEvent>,
    /// True once nothing is left to report: the end was reported, or the attempt was cancelled.
    is_done: bool,
}

impl AttemptReport<'_> {
    fn send(&mut self, event: ControlEvent) {
        self.is_done = true;
        // The queue is unbounded, and closed only when the control task has ended.
        let _ = self.events.try_send(event);
    }

    fn failed(&mut self, failure: ConnectFailure) {
        self.send(ControlEvent::Failed {
            id: self.id,
            connection_id: self.connection_id,
            failure,
        });
    }
}

impl Drop for AttemptReport<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let address = self.address.clone();
            self.failed(ConnectFailure::new(address, ConnectFailureKind::Aborted));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The task of a connection is allocated for each connection, and has its driver once. What few
    /// connections need is boxed in it.
    #[test]
    fn the_task_of_a_connection_is_small() {
        let driver = size_of::<ConnectionDriver>();
        let task = size_of::<DriverTask>();
        assert!(task <= driver + size_of::<Option<Held>>(), "{task} bytes");
        assert!(task < 320, "{task} bytes");
    }
}
