//! The control task of a channel.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_channel::Sender;
use trunkline_connector::Connector;
use trunkline_lb::{SubchannelId, Watch, WatchEvent, WatchId};
use trunkline_resolver::{Resolution, Resolver, ResolverFactory, ResolverOptions};
use trunkline_runtime::{Alarm, BoxFuture};
use trunkline_status::Status;
use trunkline_target::Target;
use trunkline_transport::{Connection, HttpOptions};

use crate::control::attempt::ConnectAttempt;
use crate::control::closing::{self, Closing};
use crate::control::event::ControlEvent;
use crate::control::held::{Held, held};
use crate::control::inbox::Inbox;
use crate::control::lines::Lines;
use crate::control::live::Live;
use crate::control::watch::WatchTask;
use crate::core::connections::{ConnectionId, ReadyConnection};
use crate::core::{Core, CoreOptions, Output};
use crate::inspect::connection::ConnectionFacts;
use crate::inspect::facts::ChannelFacts;
use crate::inspect::inspection::ChannelLife;
use crate::inspect::options::InspectOptions;
use crate::shared::ChannelShared;

/// The parts that the control task is made of when the channel is first used.
pub(crate) struct ControlTaskParts {
    pub(crate) shared: Arc<ChannelShared>,
    pub(crate) target: Target,
    pub(crate) resolver: Arc<dyn ResolverFactory>,
    pub(crate) resolver_options: ResolverOptions,
    pub(crate) core: CoreOptions,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) http: HttpOptions,
    pub(crate) events: Sender<ControlEvent>,
    pub(crate) inbox: Inbox,
}

/// The most events that are handled before a snapshot is published: a thousand connections that
/// become ready together make a few new snapshots, not a thousand.
const BATCH: usize = 256;

/// The most rounds in one poll, each with a batch of events and one resolution. After them the task
/// yields: a resolver that is always ready must not hold up the other tasks of its thread.
const ROUNDS: usize = 32;

impl ControlTaskParts {
    /// Runs the control task until the last handle of the channel is dropped.
    pub(crate) async fn run(self) {
        let seed = self.shared.runtime.seed();
        let mut task = ControlTask {
            core: Core::new(self.core, seed),
            alarm: Alarm::far(),
            shared: self.shared,
            target: self.target,
            factory: self.resolver,
            resolver_options: self.resolver_options,
            resolver: None,
            is_resolver_asked: false,
            connector_changed: self.connector.changed(),
            connector: self.connector,
            http: self.http,
            events: self.events,
            inbox: self.inbox,
            attempts: BTreeMap::new(),
            watches: BTreeMap::new(),
            lines: Lines::default(),
            live: Live::new(),
            closing: None,
            inspections: VecDeque::new(),
        };
        task.core.exit_idle(task.shared.runtime.now());
        task.do_outputs();
        poll_fn(|cx| task.poll(cx)).await;
    }
}

/// The control task: it joins resolver, core and attempts, and decides nothing.
struct ControlTask {
    shared: Arc<ChannelShared>,
    core: Core<Connection>,
    target: Target,
    /// Builds the resolver, again each time the channel leaves idleness.
    factory: Arc<dyn ResolverFactory>,
    resolver_options: ResolverOptions,
    /// `None` while the channel is idle, or when the factory could build none.
    resolver: Option<Box<dyn Resolver>>,
    /// True when the resolver was started or asked, and not polled since: it need not wake the task for
    /// that.
    is_resolver_asked: bool,
    alarm: Alarm,
    connector: Arc<dyn Connector>,
    /// Ends when the connector changes; `None` if it never does.
    connector_changed: Option<BoxFuture<()>>,
    http: HttpOptions,
    events: Sender<ControlEvent>,
    inbox: Inbox,
    /// Attempts that run.
    attempts: BTreeMap<SubchannelId, AttemptHandle>,
    /// Watches that run.
    watches: BTreeMap<WatchId, WatchHandle>,
    /// The calls that wait for a free stream.
    lines: Lines,
    /// What runs beside this task.
    live: Live,
    /// Whether the application closes the channel.
    closing: Option<Closing>,
    /// The requests for inspections. One is answered in each round, after its batch of events.
    inspections: VecDeque<(InspectOptions, Sender<ChannelFacts>)>,
}

/// An attempt that runs; dropping it cancels the attempt.
struct AttemptHandle {
    /// The connection that it is to make.
    connection: ConnectionId,
    /// Held while the attempt may run.
    _held: Held,
}

/// A watch that runs; dropping it cancels the watch.
struct WatchHandle {
    /// Held while the watch may run. First: the watch must find this released when its permits are closed.
    _held: Held,
    permit: Sender<()>,
}

impl ControlTask {
    /// Handles the events that have arrived, in up to [`ROUNDS`] rounds. Returns `Ready` when the
    /// channel is closed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.closing.as_ref().is_some_and(Closing::is_drained) {
            return self.poll_end(cx);
        }
        for _ in 0..ROUNDS {
            let mut handled = 0;
            while handled < BATCH
                && let Poll::Ready(event) = self.inbox.poll_next(cx)
            {
                // Without a handle, the calls that have begun go on. Until the deadline, if there is
                // one.
                if matches!(event, ControlEvent::Shutdown) && self.closing.is_none() {
                    self.shut_down(closing::shut_down());
                    return Poll::Ready(());
                }
                self.handle(event);
                handled += 1;
                self.do_outputs();
            }
            handled += self.poll_resolver(cx);
            handled += self.poll_connector(cx);
            self.core.settle(self.shared.runtime.now());
            self.do_outputs();
            if let Some(snapshot) = self.core.take_snapshot() {
                self.shared.publish(snapshot);
            }
            handled += self.answer_inspection();
            handled += self.look_at_lines();
            if let Some(closing) = &mut self.closing
                && let Poll::Ready(cut_off) = closing.poll_drained(&self.shared, cx)
            {
                self.shut_down(cut_off.clone().unwrap_or_else(closing::shut_down));
                if let Some(status) = cut_off {
                    self.live.cut_off(&status);
                }
                return self.poll_end(cx);
            }
            // Settling may ask the resolver. If that has no answer, the task need not go on.
            if self.is_resolver_asked {
                handled += self.poll_resolver(cx);
            }
            // Last, because settling may set a deadline.
            handled += self.poll_alarm(cx);
            if handled == 0 {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Drops the resolver, the policy and all connections. New calls, and those that wait, fail with
    /// `status`.
    fn shut_down(&mut self, status: Status) {
        self.core.shut_down(self.shared.runtime.now());
        self.do_outputs();
        self.inbox.close(status);
        self.lines.wake_planned();
    }

    /// Looks at the calls that wait for a free stream, where the core has asked for that. The snapshot
    /// is published.
    fn look_at_lines(&mut self) -> usize {
        self.lines.wake_planned();
        let looks = self.lines.take_looks();
        for id in &looks {
            let must_grow = self.lines.look(*id, self.core.ready(*id));
            self.core
                .handle_line(*id, must_grow, self.shared.runtime.now());
        }
        self.do_outputs();
        looks.len()
    }

    /// Waits, after all calls have ended or were cancelled, until nothing runs beside this task.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(closing) = &mut self.closing else {
            return Poll::Ready(());
        };
        // An event can hold a connection, which would not close while it is kept.
        while let Poll::Ready(event) = self.inbox.poll_next(cx) {
            match event {
                ControlEvent::Close { deadline, done } => closing.add(deadline, done),
                ControlEvent::Inspect { options, answer } => {
                    self.inspections.push_back((options, answer));
                }
                _ => {}
            }
        }
        while self.answer_inspection() > 0 {}
        let Some(closing) = &mut self.closing else {
            return Poll::Ready(());
        };
        if self.live.poll_gone(cx).is_ready() {
            closing.answer();
            return Poll::Ready(());
        }
        if let Poll::Ready(status) = closing.poll_late(&self.shared, cx) {
            self.live.cut_off(&status);
        }
        Poll::Pending
    }

    fn handle(&mut self, event: ControlEvent) {
        let now = self.shared.runtime.now();
        match event {
            ControlEvent::ExitIdle => self.core.exit_idle(now),
            ControlEvent::EnterIdle => self.core.enter_idle(now),
            ControlEvent::ResetBackoff => self.core.reset_backoff(now),
            ControlEvent::Progress {
                id,
                connection_id,
                phase,
            } => self.core.handle_progress(id, connection_id, phase, now),
            ControlEvent::Tried {
                id,
                connection_id,
                fate,
            } => self.core.handle_tried(id, connection_id, fate),
            ControlEvent::Connected {
                id,
                connection_id,
                connection,
                info,
            } => {
                self.forget_attempt(id, connection_id);
                self.live.add(connection.end());
                self.core
                    .handle_connected(id, connection_id, connection, info, now);
            }
            ControlEvent::Failed {
                id,
                connection_id,
                failure,
            } => {
                self.forget_attempt(id, connection_id);
                self.core.handle_failed(id, connection_id, failure, now);
            }
            ControlEvent::Watched { watch, event } => {
                let is_message = matches!(event, WatchEvent::Message(_));
                self.core.handle_watch(watch, event, now);
                if is_message {
                    self.permit_message(watch);
                } else {
                    self.watches.remove(&watch);
                }
            }
            ControlEvent::Lost {
                id,
                connection_id,
                why,
            } => self.core.handle_lost(id, connection_id, why, now),
            ControlEvent::CallWaiting { id } => self.core.handle_call_waiting(id),
            ControlEvent::Close { deadline, done } => {
                let closing = self.closing.get_or_insert_with(Closing::default);
                closing.add(deadline, done);
            }
            ControlEvent::Inspect { options, answer } => {
                self.inspections.push_back((options, answer))
            }
            ControlEvent::Shutdown => {}
        }
    }

    /// Forgets an attempt that has ended. The one that runs for its subchannel may be a later one: the end of
    /// an attempt can be on its way when that is cancelled.
    fn forget_attempt(&mut self, id: SubchannelId, connection: ConnectionId) {
        let running = self.attempts.get(&id);
        if running.is_some_and(|running| running.connection == connection) {
            self.attempts.remove(&id);
        }
    }

    /// Answers one request for an inspection: many at once must not hold up the events. Returns the number
    /// of answers.
    fn answer_inspection(&mut self) -> usize {
        // A future that waits for an answer may be gone.
        self.inspections.retain(|(_, answer)| !answer.is_closed());
        let Some((options, answer)) = self.inspections.pop_front() else {
            return 0;
        };
        // It has room for the one answer.
        let _ = answer.try_send(self.facts(options));
        1
    }

    /// Collects what an inspection of the channel shows.
    fn facts(&self, options: InspectOptions) -> ChannelFacts {
        let (first, most) = (options.first_subchannel, options.most_subchannels);
        let subchannels = self.core.subchannel_page(first, most, connection_facts);
        let life = match self.closing {
            Some(_) => ChannelLife::Closing,
            None => ChannelLife::Running,
        };
        let now = self.shared.runtime.now();
        ChannelFacts {
            now,
            life,
            core: self.core.facts(),
            schedule: self.resolver.as_ref().map(|resolver| resolver.schedule()),
            policy: options
                .policy
                .then(|| self.core.inspect_policy(now))
                .flatten(),
            subchannels,
            events: self.shared.observers.recent().last(options.most_events),
        }
    }

    fn poll_resolver(&mut self, cx: &mut Context<'_>) -> usize {
        self.is_resolver_asked = false;
        let Some(resolver) = &mut self.resolver else {
            return 0;
        };
        let polled = resolver.poll_resolution(cx);
        let now = self.shared.runtime.now();
        let Poll::Ready(resolution) = polled else {
            let waits = resolver.waiting_for();
            self.core.handle_resolver_waiting(waits, now);
            return 0;
        };
        let verdict = self.core.handle_resolution(resolution, now);
        resolver.handle_verdict(verdict);
        1
    }

    fn poll_connector(&mut self, cx: &mut Context<'_>) -> usize {
        let Some(changed) = &mut self.connector_changed else {
            return 0;
        };
        if changed.as_mut().poll(cx).is_pending() {
            return 0;
        }
        self.connector_changed = self.connector.changed();
        self.core
            .handle_connector_changed(self.shared.runtime.now());
        1
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> usize {
        let deadline = self.core.poll_timeout();
        let Poll::Ready(now) = self.alarm.poll(cx, deadline, &*self.shared.runtime) else {
            return 0;
        };
        self.core.handle_timeout(now);
        1
    }

    fn do_outputs(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Connect {
                    id,
                    connection,
                    address,
                    deadline,
                    keepalive_time,
                } => {
                    let mut http = self.http.clone();
                    http.keepalive.time = keepalive_time;
                    let (held, cancelled) = held();
                    let handle = AttemptHandle {
                        connection,
                        _held: held,
                    };
                    self.attempts.insert(id, handle);
                    let attempt = ConnectAttempt {
                        id,
                        connection_id: connection,
                        line: self.lines.get(id),
                        address,
                        deadline,
                        runtime: Arc::clone(&self.shared.runtime),
                        connector: Arc::clone(&self.connector),
                        http,
                        events: self.events.clone(),
                        alive: self.live.task(),
                        cancelled,
                    };
                    self.shared.runtime.spawn(Box::pin(attempt.run()));
                }
                Output::LookAtLine(id) => self.lines.plan_look(id),
                Output::WakeLine(id) => self.lines.plan_wake(id),
                Output::DropLine(id) => self.lines.remove(id),
                Output::Cancel(id) => drop(self.attempts.remove(&id)),
                Output::Watch { watch, ready, call } => self.start_watch(watch, &ready, call),
                Output::Unwatch(watch) => drop(self.watches.remove(&watch)),
                Output::StartResolver => self.start_resolver(),
                Output::StopResolver => self.resolver = None,
                Output::ResolveNow => {
                    if let Some(resolver) = &mut self.resolver {
                        resolver.resolve_now();
                        self.is_resolver_asked = true;
                    }
                }
                Output::LookAtCalls => {
                    let calls = self.shared.open_calls.counts();
                    self.core.handle_calls(calls, self.shared.runtime.now());
                }
                Output::Observe(event) => {
                    let at = self.shared.runtime.now();
                    self.shared.observers.observe(&event, at);
                }
            }
        }
    }

    fn start_watch(&mut self, watch: WatchId, ready: &ReadyConnection<Connection>, call: Watch) {
        let (held, cancelled) = held();
        let (permit, permits) = async_channel::bounded(1);
        let handle = WatchHandle {
            permit,
            _held: held,
        };
        self.watches.insert(watch, handle);
        let task = WatchTask {
            watch,
            call,
            connection: ready.connection.clone(),
            authority: ready.authority.clone(),
            security: ready.info.security,
            shared: Arc::clone(&self.shared),
            events: self.events.clone(),
            _alive: self.live.task(),
            permits,
            cancelled,
        };
        self.shared.runtime.spawn(Box::pin(task.run()));
    }

    /// Lets a watch report its next message.
    fn permit_message(&self, watch: WatchId) {
        if let Some(handle) = self.watches.get(&watch) {
            // The queue has room for one permit, and is empty: the watch takes the last permit
            // before it reports the next message.
            let _ = handle.permit.try_send(());
        }
    }

    fn start_resolver(&mut self) {
        match self.factory.build(&self.target, &self.resolver_options) {
            Ok(resolver) => {
                self.resolver = Some(resolver);
                self.is_resolver_asked = true;
            }
            Err(error) => {
                let resolution = Resolution::from_error(error);
                let now = self.shared.runtime.now();
                self.core.handle_resolution(resolution, now);
            }
        }
    }
}

/// Reads what an inspection shows of a connection.
fn connection_facts(ready: &ReadyConnection<Connection>) -> ConnectionFacts {
    ConnectionFacts::new(
        ready.connection_id,
        &ready.info,
        ready.connection.established(),
        ready.connection.stats(),
    )
}
