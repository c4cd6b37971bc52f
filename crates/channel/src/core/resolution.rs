//! The resolutions of a channel: which are used, and what happens where one cannot be.

use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::Endpoint;
use trunkline_lb::{OldList, Policy, Update};
use trunkline_resolver::{
    Rejection, RejectionKind, Resolution, ResolveError, ResolveErrorKind, Verdict,
};
use trunkline_status::Status;

use crate::core::Core;
use crate::core::answer::Answer;
use crate::core::config::ConfigOutcome;
use crate::core::event::ChannelEvent;

impl<C> Core<C> {
    /// Handles a resolution, and returns whether it could be used. [`Verdict`] has the effects of a
    /// rejection on calls.
    pub(crate) fn handle_resolution(&mut self, resolution: Resolution, now: Instant) -> Verdict {
        self.resolver_wait.handle_end();
        let endpoints = match &resolution.endpoints {
            Ok(endpoints) => Arc::clone(endpoints),
            Err(error) => {
                let old = if error.is_authoritative() {
                    OldList::DropList
                } else {
                    OldList::Keep
                };
                self.resolver_failed(error.clone(), old, now);
                return rejected(RejectionKind::Failed, error.clone());
            }
        };
        self.observe(ChannelEvent::Endpoints(Arc::clone(&endpoints)));
        self.answer = Some(Answer {
            endpoints: Arc::clone(&endpoints),
            note: Arc::clone(&resolution.resolution_note),
            at: now,
        });
        self.resolver_error = None;
        // The config may be new even where the policy publishes nothing new.
        self.is_stale = true;
        let place = resolution.service_config_place.as_ref();
        let routes_calls = resolution.config_selector.is_some();
        let source = &resolution.service_config;
        let outcome = self.config.apply(source, place, routes_calls, now);
        self.apply_max_connections();
        match outcome {
            ConfigOutcome::InForce { changed } => {
                if changed {
                    let facts = self.config.facts();
                    self.observe(ChannelEvent::Config {
                        config: facts.config,
                        origin: facts.origin,
                        place: facts.place,
                    });
                    let ignored = self.config.ignored(&endpoints);
                    if !ignored.is_empty() {
                        self.observe(ChannelEvent::ConfigIgnored(ignored.into()));
                    }
                }
                self.selector = resolution.config_selector.clone();
                let counts = ChannelEvent::ResolutionAccepted {
                    endpoints: endpoints.len(),
                    addresses: endpoints.iter().map(|own| own.addresses().len()).sum(),
                };
                let verdict = self.update(endpoints, resolution, now);
                if verdict.is_accepted() {
                    self.observe(counts);
                }
                verdict
            }
            ConfigOutcome::KeptOld(error) => {
                self.report_resolver_error(error.clone(), now);
                match self.update(endpoints, resolution, now) {
                    Verdict::Accepted => rejected(RejectionKind::ServiceConfigKept, error),
                    refused => refused,
                }
            }
            ConfigOutcome::NoConfig(error) => {
                self.resolver_failed(error.clone(), OldList::Keep, now);
                rejected(RejectionKind::ServiceConfigMissing, error)
            }
        }
    }

    fn update(
        &mut self,
        endpoints: Arc<[Endpoint]>,
        resolution: Resolution,
        now: Instant,
    ) -> Verdict {
        self.has_list = true;
        let choice = self.config.policy(&endpoints);
        if self.policy_name.as_ref() != Some(&choice.name) {
            let replaced = self.policy_name.replace(choice.name.clone());
            self.observe(ChannelEvent::Policy {
                name: choice.name.clone(),
                replaced,
            });
        }
        let mut update = Update::new(endpoints, Arc::clone(&choice.config));
        update.attributes = resolution.attributes;
        update.resolution_note = resolution.resolution_note;
        update.health_check = self.config.health_check();
        let result = self.notify_policy(now, |policy, control| {
            policy.handle_named_update(&choice.name, update, control)
        });
        self.carry_out_actions(now);
        let Err(status) = result else {
            return Verdict::Accepted;
        };
        let error = ResolveError::new(
            ResolveErrorKind::Unavailable,
            format!("the list of endpoints cannot be used: {}", status.message()),
        );
        self.report_resolver_error(error.clone(), now);
        rejected(RejectionKind::Endpoints, error)
    }

    fn report_resolver_error(&mut self, error: ResolveError, now: Instant) {
        self.last_resolver_error = Some((error.clone(), now));
        self.observe(ChannelEvent::ResolverError(error));
    }

    fn resolver_failed(&mut self, error: ResolveError, old: OldList, now: Instant) {
        self.report_resolver_error(error.clone(), now);
        let status = Status::unavailable(error.to_string());
        self.resolver_error = Some(error);
        self.notify_policy(now, |policy, control| {
            policy.handle_resolver_error(status, old, control);
        });
        self.carry_out_actions(now);
        self.is_stale = true;
    }

    /// Handles what the resolver waits for at present, as text. While there is no list, the errors of
    /// calls that wait quote it.
    pub(crate) fn handle_resolver_waiting(&mut self, waits: Option<String>, now: Instant) {
        let has_changed = self.resolver_wait.handle_waiting(waits, now);
        self.is_stale |= has_changed && !self.has_list;
    }

    /// Reports a wait for the resolver that has become a long one.
    pub(super) fn report_resolver_wait(&mut self, now: Instant) {
        if let Some(long) = self.resolver_wait.handle_timeout(now) {
            self.observe(ChannelEvent::ResolverWaiting {
                waits: long.what,
                waited: long.waited,
                has_list: self.has_list,
            });
        }
    }
}

fn rejected(kind: RejectionKind, error: ResolveError) -> Verdict {
    Verdict::Rejected(Rejection::new(kind, error))
}
