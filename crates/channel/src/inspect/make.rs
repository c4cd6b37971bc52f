//! Makes the inspection of what the control task has collected, in the task of the caller.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use trunkline_endpoint::{Attributes, Endpoint, ShortList};
use trunkline_lb::PolicyNode;
use trunkline_resolver::ResolveError;

use crate::core::config::ConfigFacts;
use crate::core::failure::ConnectPhase;
use crate::core::inspect::{CoreFacts, StageFacts, SubchannelFacts, SubchannelPage};
use crate::inspect::connection::{ConnectionFacts, ConnectionInspection};
use crate::inspect::facts::ChannelFacts;
use crate::inspect::inspection::Inspection;
use crate::inspect::options::{InspectOptions, MOST_ITEMS};
use crate::inspect::parts::{
    AnswerInspection, CallsInspection, EndpointInspection, ErrorInspection, EventInspection,
    InspectionPage, ResolverInspection, ServiceConfigInspection,
};
use crate::inspect::subchannel::{
    ConnectingStep, FailureInspection, LossInspection, SubchannelInspection, SubchannelStage,
};
use crate::observer::recent::{RecentEvent, cut_text};
use crate::shared::ChannelShared;

/// The longest JSON of a service config that an inspection has, in bytes.
const LONGEST_CONFIG: usize = 64 * 1024;

/// The longest message of an error, in bytes.
const LONGEST_MESSAGE: usize = 4096;

impl ChannelFacts {
    /// Makes the inspection.
    pub(crate) fn inspection(self, shared: &ChannelShared, options: InspectOptions) -> Inspection {
        let now = self.now;
        let age = |at: Instant| now.saturating_duration_since(at);
        let left = |at: Instant| at.saturating_duration_since(now);
        let core = self.core;
        let calls = shared.open_calls.counts();
        let (queued, queued_bytes) = shared.queue.counts();
        let schedule = self.schedule.unwrap_or_default();
        Inspection {
            id: shared.id,
            target: shared.target.to_string(),
            canonical_target: shared.canonical.clone(),
            authority: shared.authority.to_string(),
            taken_at: shared.runtime.system_time(),
            life: self.life,
            state: core.state,
            state_age: core.state_since.map(age),
            resolver: ResolverInspection {
                is_active: self.schedule.is_some(),
                is_resolving: schedule.is_resolving,
                waiting_for: core
                    .resolver_waits
                    .as_ref()
                    .map(|waits| cut_text(waits, LONGEST_MESSAGE)),
                last_answer: core.answer.as_ref().map(|answer| AnswerInspection {
                    age: age(answer.at),
                    endpoints: answer.endpoints.len(),
                    addresses: addresses_of(&answer.endpoints),
                    note: cut_text(&answer.note, LONGEST_MESSAGE),
                }),
                ttl_left: schedule.expires.map(left),
                next_in: schedule.next.map(left),
                last_error: core
                    .resolver_error
                    .as_ref()
                    .map(|error| inspect_error(error, age)),
            },
            service_config: core.config.as_ref().map(|config| ServiceConfigInspection {
                origin: config.origin,
                place: config
                    .place
                    .as_ref()
                    .map(|place| cut_text(place, LONGEST_MESSAGE)),
                config: config_json(config),
                has_selector: core.has_selector,
                rejected: config
                    .rejected
                    .as_ref()
                    .map(|error| inspect_error(error, age)),
            }),
            policy: self.policy.map(bounded_tree),
            endpoints: endpoints(&core, options),
            subchannels: InspectionPage {
                total: core.subchannels,
                next: self.subchannels.next,
                items: inspect_subchannels(self.subchannels, now),
            },
            calls: CallsInspection {
                begun: calls.begun,
                ended: calls.ended,
                open: calls.open(),
                queued,
                queued_bytes,
            },
            events: self
                .events
                .iter()
                .map(|event| inspect_event(event, age))
                .collect(),
        }
    }
}

fn inspect_error(
    (error, at): &(ResolveError, Instant),
    age: impl Fn(Instant) -> Duration,
) -> ErrorInspection {
    ErrorInspection {
        age: age(*at),
        message: cut_text(error, LONGEST_MESSAGE),
    }
}

fn inspect_event(event: &RecentEvent, age: impl Fn(Instant) -> Duration) -> EventInspection {
    let (name, level, text) = event.describe();
    EventInspection {
        age: age(event.at),
        name: name.to_owned(),
        level,
        text,
    }
}

/// Returns the JSON of a config, unless that is very long.
fn config_json(config: &ConfigFacts) -> Option<serde_json::Value> {
    let json = config.config.to_json();
    if json.len() > LONGEST_CONFIG {
        return None;
    }
    serde_json::from_str(&json).ok()
}

/// Returns a tree of policies without the entries of endpoints over [`MOST_ITEMS`].
fn bounded_tree(mut node: PolicyNode) -> PolicyNode {
    let mut room = MOST_ITEMS;
    bound(&mut node, &mut room);
    node
}

fn bound(node: &mut PolicyNode, room: &mut usize) {
    let left_out = node.endpoints.len().saturating_sub(*room);
    if left_out > 0 {
        node.endpoints.truncate(*room);
        node.facts.insert("endpoints_left_out", left_out);
    }
    *room -= node.endpoints.len();
    let of_endpoints = node.endpoints.iter_mut();
    let below = of_endpoints.filter_map(|endpoint| endpoint.policy.as_deref_mut());
    let children = node.children.iter_mut().map(|child| &mut child.node);
    for child in below.chain(children).chain(node.pending.as_deref_mut()) {
        bound(child, room);
    }
}

fn addresses_of(endpoints: &[Endpoint]) -> usize {
    let counts = endpoints.iter().map(|endpoint| endpoint.addresses().len());
    counts.sum()
}

fn endpoints(core: &CoreFacts, options: InspectOptions) -> InspectionPage<EndpointInspection> {
    let all = core.answer.as_ref().map(|answer| &*answer.endpoints);
    let all = all.unwrap_or_default();
    let first = options.first_endpoint.min(all.len());
    let end = all.len().min(first.saturating_add(options.most_endpoints));
    let items = all[first..end].iter().map(|endpoint| EndpointInspection {
        addresses: endpoint
            .addresses()
            .iter()
            .map(|address| address.location().clone())
            .collect(),
        attributes: inspect_attributes(endpoint.attributes()),
    });
    InspectionPage {
        total: all.len(),
        next: (end < all.len()).then_some(end),
        items: items.collect(),
    }
}

fn inspect_attributes(attributes: &Attributes) -> BTreeMap<String, String> {
    if attributes.is_empty() {
        return BTreeMap::new();
    }
    let pairs = attributes.to_strings().into_iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn inspect_subchannels(
    page: SubchannelPage<ConnectionFacts>,
    now: Instant,
) -> Vec<SubchannelInspection> {
    let mut connections = page.connections.into_iter();
    let subchannels = page.subchannels.into_iter();
    let inspect = |subchannel: SubchannelFacts| {
        let own = connections.by_ref().take(subchannel.connections);
        let own = own.map(|connection| connection.inspection(now)).collect();
        inspect_subchannel(subchannel, own, now)
    };
    subchannels.map(inspect).collect()
}

fn inspect_subchannel(
    subchannel: SubchannelFacts,
    connections: ShortList<ConnectionInspection>,
    now: Instant,
) -> SubchannelInspection {
    let age = |at: Instant| now.saturating_duration_since(at);
    let address = &subchannel.address;
    let (stage, connecting) = match subchannel.stage {
        StageFacts::Idle => (SubchannelStage::Idle, None),
        StageFacts::HeldBack => (SubchannelStage::HeldBack, None),
        StageFacts::Connecting(phase) => (SubchannelStage::Connecting, Some(phase)),
        StageFacts::Ready(growing) => (SubchannelStage::Ready, growing),
        StageFacts::BackingOff => (SubchannelStage::BackingOff, None),
    };
    SubchannelInspection {
        id: subchannel.id,
        address: address.location().clone(),
        server_name: address.server_name().map(str::to_owned),
        attributes: inspect_attributes(address.attributes()),
        stage,
        stage_age: age(subchannel.stage_since),
        connecting: connecting.map(step),
        wait_left: subchannel
            .wait_until
            .map(|until| until.saturating_duration_since(now)),
        attempts_started: subchannel.attempts_started,
        attempts_failed: subchannel.attempts_failed,
        last_failure: subchannel.last_failure.map(|last| FailureInspection {
            age: age(last.at),
            connection: last.connection,
            message: cut_text(&last.failure, LONGEST_MESSAGE),
        }),
        last_loss: subchannel.last_loss.map(|last| LossInspection {
            age: age(last.at),
            connection: last.connection,
            connection_age: last.why.age(),
            was_unused: last.why.is_unused(),
            message: cut_text(&last.why, LONGEST_MESSAGE),
        }),
        connections,
    }
}

fn step(phase: ConnectPhase) -> ConnectingStep {
    match phase {
        ConnectPhase::Dialing => ConnectingStep::Dialing,
        ConnectPhase::Proxy => ConnectingStep::Proxy,
        ConnectPhase::TlsHandshake => ConnectingStep::TlsHandshake,
        ConnectPhase::Handshake => ConnectingStep::Http2Handshake,
    }
}
