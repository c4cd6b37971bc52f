//! The control task of a channel.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_channel::{Receiver, Sender};
use futures_core::Stream;
use trunkline_connector::Connector;
use trunkline_lb::SubchannelId;
use trunkline_resolver::{Resolution, Resolver, ResolverFactory, ResolverOptions};
use trunkline_runtime::Timer;
use trunkline_status::{Code, Status};
use trunkline_target::Target;
use trunkline_transport::{Connection, HttpOptions, Lost};

use crate::control::attempt::Attempt;
use crate::core::event::Observer;
use crate::core::snapshot::Snapshot;
use crate::core::{Core, CoreOptions, Output, Phase};
use crate::shared::Shared;

/// Something that the control task is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// Leave idleness.
    ExitIdle,
    /// End all back-offs.
    ResetBackoff,
    /// An attempt has come further.
    Progress { id: SubchannelId, phase: Phase },
    /// An attempt succeeded.
    Connected {
        id: SubchannelId,
        connection: Connection,
    },
    /// An attempt failed.
    Failed { id: SubchannelId, error: Status },
    /// A connection takes no calls any more.
    Lost { id: SubchannelId, why: Lost },
    /// The last handle of the channel is gone.
    Shutdown,
}

/// What the control task needs to start.
pub(crate) struct Control {
    pub(crate) shared: Arc<Shared>,
    pub(crate) target: Target,
    pub(crate) resolver: Arc<dyn ResolverFactory>,
    pub(crate) resolver_options: ResolverOptions,
    pub(crate) core: CoreOptions,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) http: HttpOptions,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) events: Sender<Event>,
    pub(crate) inbox: Inbox,
}

/// Where events arrive. With it the channel goes: callers are told, and what was still in it is
/// dropped (a connection may be, which its own link would otherwise keep here for ever).
pub(crate) struct Inbox {
    shared: Arc<Shared>,
    events: Pin<Box<Receiver<Event>>>,
    /// Whether the last handle of the channel is gone.
    is_closing: bool,
}

impl Inbox {
    pub(crate) fn new(shared: Arc<Shared>, events: Receiver<Event>) -> Self {
        Self {
            shared,
            events: Box::pin(events),
            is_closing: false,
        }
    }

    /// The next event; `None` when the channel is to be closed.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = ready!(self.events.as_mut().poll_next(cx));
        let event = event.filter(|event| !matches!(event, Event::Shutdown));
        self.is_closing = event.is_none();
        Poll::Ready(event)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let status = match self.is_closing {
            true => Status::new(Code::Cancelled, "the channel is closed"),
            // Else calls would wait for ever.
            false => Status::internal(
                "the channel's control task ended early: its runtime was shut down, or a resolver, \
                 a policy or an observer panicked",
            ),
        };
        self.shared.publish(Snapshot::shut_down(status));
        self.events.close();
        while self.events.try_recv().is_ok() {}
    }
}

/// Events that are handled before callers are shown what came of them: a thousand connections that
/// become ready together make a few new snapshots, not a thousand.
const BATCH: usize = 256;

impl Control {
    /// Runs until the last handle of the channel is gone.
    pub(crate) async fn run(self) {
        let mut core = Core::new(self.core, self.shared.runtime.seed());
        let now = self.shared.runtime.now();
        let resolver = match self.resolver.build(&self.target, &self.resolver_options) {
            Ok(resolver) => Some(resolver),
            Err(error) => {
                core.handle_resolution(Resolution::from_error(error), now);
                None
            }
        };
        let mut task = Task {
            timer: self.shared.runtime.timer(),
            shared: self.shared,
            core,
            resolver,
            connector: self.connector,
            http: self.http,
            observer: self.observer,
            events: self.events,
            inbox: self.inbox,
            attempts: BTreeMap::new(),
        };
        poll_fn(|cx| task.poll(cx)).await;
    }
}

/// The control task: it joins resolver, core and attempts, and decides nothing.
struct Task {
    shared: Arc<Shared>,
    core: Core<Connection>,
    resolver: Option<Box<dyn Resolver>>,
    timer: Box<dyn Timer>,
    connector: Arc<dyn Connector>,
    http: HttpOptions,
    observer: Option<Arc<dyn Observer>>,
    events: Sender<Event>,
    inbox: Inbox,
    /// Attempts that run; dropping the sender cancels one.
    attempts: BTreeMap<SubchannelId, Sender<()>>,
}

impl Task {
    /// Ready when the channel is closed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut handled = 0;
            while handled < BATCH
                && let Poll::Ready(event) = self.inbox.poll_next(cx)
            {
                match event {
                    None => return Poll::Ready(()),
                    Some(event) => self.handle(event),
                }
                handled += 1;
                self.do_outputs();
            }
            handled += self.poll_resolver(cx);
            self.core.settle(self.shared.runtime.now());
            self.do_outputs();
            if let Some(snapshot) = self.core.take_snapshot() {
                self.shared.publish(snapshot);
            }
            // Last: settling may have brought a deadline.
            handled += self.poll_timer(cx);
            if handled == 0 {
                return Poll::Pending;
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let now = self.shared.runtime.now();
        match event {
            Event::ExitIdle => self.core.exit_idle(now),
            Event::ResetBackoff => self.core.reset_backoff(now),
            Event::Progress { id, phase } => self.core.handle_progress(id, phase),
            Event::Connected { id, connection } => {
                self.attempts.remove(&id);
                self.core.handle_connected(id, connection, now);
            }
            Event::Failed { id, error } => {
                self.attempts.remove(&id);
                self.core.handle_failed(id, error, now);
            }
            Event::Lost { id, why } => {
                let is_unused = why.is_unused();
                self.core.handle_lost(id, why.to_string(), is_unused, now);
            }
            Event::Shutdown => {}
        }
    }

    fn poll_resolver(&mut self, cx: &mut Context<'_>) -> usize {
        let Some(resolver) = &mut self.resolver else {
            return 0;
        };
        let Poll::Ready(resolution) = resolver.poll_resolution(cx) else {
            return 0;
        };
        let verdict = self
            .core
            .handle_resolution(resolution, self.shared.runtime.now());
        resolver.handle_verdict(verdict);
        1
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> usize {
        let deadline = self.core.poll_timeout();
        self.timer.set(deadline);
        if deadline.is_none() || self.timer.poll_fired(cx).is_pending() {
            return 0;
        }
        self.core.handle_timeout(self.shared.runtime.now());
        1
    }

    fn do_outputs(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Connect {
                    id,
                    address,
                    deadline,
                } => {
                    let (cancel, cancelled) = async_channel::bounded(1);
                    self.attempts.insert(id, cancel);
                    let attempt = Attempt {
                        id,
                        address,
                        deadline,
                        runtime: Arc::clone(&self.shared.runtime),
                        connector: Arc::clone(&self.connector),
                        http: self.http.clone(),
                        events: self.events.clone(),
                        cancelled,
                    };
                    self.shared.runtime.spawn(Box::pin(attempt.run()));
                }
                Output::Cancel(id) => drop(self.attempts.remove(&id)),
                Output::ResolveNow => {
                    if let Some(resolver) = &mut self.resolver {
                        resolver.resolve_now();
                    }
                }
                Output::Tell(event) => {
                    if let Some(observer) = &self.observer {
                        observer.observe(&event, self.shared.runtime.now());
                    }
                }
            }
        }
    }
}
