//! The resolver of `xds:` targets.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_backoff::{Backoff, BackoffPolicy};
use trunkline_resolver::{
    Resolution, ResolveError, ResolveErrorKind, Resolver, ResolverOptions, ResolverSchedule,
};
use trunkline_runtime::Alarm;
use trunkline_target::Target;

use super::channel_parts::ChannelParts;
use super::session::Session;
use crate::core::{Bootstrap, ResourceName};

/// Resolves one target while its channel is not idle.
pub(super) struct XdsResolver {
    parts: ChannelParts,
    target: Target,
    options: ResolverOptions,
    stage: Stage,
}

enum Stage {
    /// There is no bootstrap, or none for this target: it is read again at this time.
    Waiting {
        at: Instant,
        backoff: Backoff,
        alarm: Alarm,
    },
    /// The client of the target works.
    Running(Box<Session>),
}

impl XdsResolver {
    pub(super) fn new(parts: ChannelParts, target: Target, options: ResolverOptions) -> Self {
        let runtime = &options.runtime;
        let stage = Stage::Waiting {
            at: runtime.now(),
            backoff: Backoff::new(BackoffPolicy::default(), runtime.seed()),
            alarm: Alarm::new(),
        };
        Self {
            parts,
            target,
            options,
            stage,
        }
    }

    /// Returns the bootstrap, and the name of the listener of the target.
    fn find(&self) -> Result<(Arc<Bootstrap>, ResourceName), ResolveError> {
        let xds = &self.parts.xds;
        let bootstrap = xds.load(&*self.options.runtime).map_err(|error| {
            ResolveError::new(ResolveErrorKind::Unavailable, error.to_string()).with_source(error)
        })?;
        let listener = xds.listener_name(&bootstrap, &self.target)?;
        Ok((bootstrap, listener))
    }

    fn start(&self) -> Result<Session, ResolveError> {
        let (bootstrap, listener) = self.find()?;
        let (xds, runtime) = (&self.parts.xds, &self.options.runtime);
        let client = xds.client(&self.target, &bootstrap, runtime);
        let parts = self.parts.clone();
        Ok(Session::new(client, &listener, parts, self.options.clone()))
    }
}

impl Resolver for XdsResolver {
    fn poll_resolution(&mut self, cx: &mut Context<'_>) -> Poll<Resolution> {
        if let Stage::Waiting { at, alarm, .. } = &mut self.stage {
            let now = ready!(alarm.poll(cx, Some(*at), &*self.options.runtime));
            match self.start() {
                Ok(session) => self.stage = Stage::Running(Box::new(session)),
                Err(error) => {
                    if let Stage::Waiting { at, backoff, .. } = &mut self.stage {
                        *at = backoff.next_attempt(now);
                    }
                    return Poll::Ready(Resolution::from_error(error));
                }
            }
        }
        match &mut self.stage {
            Stage::Waiting { .. } => Poll::Pending,
            Stage::Running(session) => session.poll(cx),
        }
    }

    fn resolve_now(&mut self) {
        if let Stage::Running(session) = &mut self.stage {
            session.resolve_now();
        }
    }

    fn waiting_for(&self) -> Option<String> {
        match &self.stage {
            Stage::Waiting { .. } => None,
            Stage::Running(session) => session.waiting_for(),
        }
    }

    fn schedule(&self) -> ResolverSchedule {
        match &self.stage {
            Stage::Waiting { at, .. } => ResolverSchedule::default().with_next(Some(*at)),
            Stage::Running(session) => {
                ResolverSchedule::default().with_is_resolving(session.is_waiting())
            }
        }
    }
}

impl fmt::Debug for XdsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("XdsResolver");
        debug.field("target", &self.target.as_str());
        match &self.stage {
            Stage::Waiting { at, .. } => debug.field("reads_bootstrap_at", at),
            Stage::Running(session) => debug.field("session", session),
        };
        debug.finish_non_exhaustive()
    }
}
