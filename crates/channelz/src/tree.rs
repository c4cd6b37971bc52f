//! A channel with its subchannels and sockets, made from the channel's events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trunkline_channel::{ChannelEvent, ConnectionId};
use trunkline_connector::ConnectionInfo;
use trunkline_endpoint::Address;
use trunkline_lb::{ConnectivityState, SubchannelId};

use crate::event::{connectivity, trace_event};
use crate::ids::next_id;
use crate::options::ChannelzOptions;
use crate::parts::{Socket, Subchannel};
use crate::proto::channel_trace_event::Severity;
use crate::table::CounterTable;
use crate::trace::{Trace, TraceEvent};

/// A channel with its subchannels and sockets.
///
/// A subchannel that was removed stays while an event of the channel's trace refers to it, so a reader
/// of the trace can look it up. The trace is bounded, and so is what stays. Sockets go with the end of
/// their use: a connection that takes no new calls has left its subchannel.
///
/// Source: [gRFC A3](https://github.com/grpc/proposal/blob/master/A3-channel-tracing.md), proposal.
#[derive(Debug)]
pub(crate) struct Tree {
    options: ChannelzOptions,
    state: ConnectivityState,
    trace: Trace,
    /// Whether the last list of the resolver has endpoints; `None` before the first list.
    has_endpoints: Option<bool>,
    /// True when the resolver has failed since it returned endpoints.
    is_failing: bool,
    /// The ids of the subchannels that were not removed.
    live: BTreeMap<SubchannelId, i64>,
    /// All subchannels, with those that were removed and are still referred to.
    subchannels: BTreeMap<i64, Subchannel>,
    sockets: BTreeMap<i64, Socket>,
    counters: Arc<CounterTable>,
}

impl Tree {
    /// Returns a channel that was built now.
    pub(crate) fn new(options: ChannelzOptions, counters: Arc<CounterTable>, now: Instant) -> Self {
        let mut trace = Trace::new(options.trace_events, now);
        let text = "the channel was built".to_owned();
        trace.push(TraceEvent::new(Severity::CtInfo, text, now));
        Self {
            options,
            state: ConnectivityState::Idle,
            trace,
            has_endpoints: None,
            is_failing: false,
            live: BTreeMap::new(),
            subchannels: BTreeMap::new(),
            sockets: BTreeMap::new(),
            counters,
        }
    }

    pub(crate) fn state(&self) -> ConnectivityState {
        self.state
    }

    pub(crate) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Returns the id and the description of each subchannel that was not removed, by id.
    pub(crate) fn live_subchannels(&self) -> impl Iterator<Item = (i64, &Subchannel)> {
        let all = self.subchannels.iter();
        let live = all.filter(|(_, subchannel)| subchannel.state != ConnectivityState::Shutdown);
        live.map(|(id, subchannel)| (*id, subchannel))
    }

    /// Returns true while a subchannel is not removed.
    pub(crate) fn has_subchannels(&self) -> bool {
        !self.live.is_empty()
    }

    /// Returns a subchannel, which may have been removed.
    pub(crate) fn subchannel(&self, id: i64) -> Option<&Subchannel> {
        self.subchannels.get(&id)
    }

    /// Returns the id and the description of each socket of a subchannel, the oldest first.
    pub(crate) fn sockets_of<'a>(
        &'a self,
        subchannel: &'a Subchannel,
    ) -> impl Iterator<Item = (i64, &'a Socket)> {
        let ids = subchannel.sockets.iter();
        ids.filter_map(|(_, id)| self.sockets.get(id).map(|socket| (*id, socket)))
    }

    pub(crate) fn socket(&self, id: i64) -> Option<&Socket> {
        self.sockets.get(&id)
    }

    /// Handles an event of the channel, which happened at `now`.
    pub(crate) fn handle_event(&mut self, event: &ChannelEvent, now: Instant) {
        match event {
            ChannelEvent::Endpoints(endpoints) => {
                self.handle_endpoints(!endpoints.is_empty(), event, now);
            }
            ChannelEvent::ResolverError(_) => self.handle_resolver_error(event, now),
            ChannelEvent::State(state) => {
                self.state = *state;
                self.log(event, now);
            }
            ChannelEvent::Config { .. }
            | ChannelEvent::ConfigIgnored(_)
            | ChannelEvent::ResolverWaiting { .. }
            | ChannelEvent::Policy { .. }
            | ChannelEvent::IdleLeft
            | ChannelEvent::IdleEntered
            | ChannelEvent::Ejection { .. }
            | ChannelEvent::KeepaliveRaised { .. } => self.log(event, now),
            ChannelEvent::SubchannelCreated { id, address } => {
                self.add_subchannel(*id, address, event, now);
            }
            ChannelEvent::SubchannelRemoved { id, .. } => self.remove_subchannel(*id, event, now),
            ChannelEvent::Subchannel { id, state, .. } => {
                if let Some(subchannel) = self.log_of(*id, event, now) {
                    subchannel.state = connectivity(state);
                }
            }
            ChannelEvent::Connected {
                id,
                connection,
                info,
                ..
            } => {
                self.log_of(*id, event, now);
                self.add_socket(*id, *connection, info);
            }
            ChannelEvent::Lost { id, connection, .. } => {
                self.log_of(*id, event, now);
                self.remove_socket(*id, *connection);
            }
            ChannelEvent::ConnectFailed { id, .. }
            | ChannelEvent::ConnectCancelled { id, .. }
            | ChannelEvent::ConnectionScaling { id, .. }
            | ChannelEvent::ServerNameIgnored { id, .. }
            | ChannelEvent::Health { id, .. }
            | ChannelEvent::LoadReportsUnsupported { id, .. } => {
                self.log_of(*id, event, now);
            }
            // The states of subchannels show the start of attempts. The steps of a resolver are too
            // many for a trace.
            _ => {}
        }
    }

    /// Logs a list if there was none before and now there is, or the other way round.
    ///
    /// Source: gRFC A3: the change between no endpoint and some is of interest, the list is not.
    fn handle_endpoints(&mut self, has_endpoints: bool, event: &ChannelEvent, now: Instant) {
        let is_recovery = has_endpoints && std::mem::take(&mut self.is_failing);
        if is_recovery || self.has_endpoints != Some(has_endpoints) {
            self.log(event, now);
        }
        self.has_endpoints = Some(has_endpoints);
    }

    /// Logs the first error of a row.
    fn handle_resolver_error(&mut self, event: &ChannelEvent, now: Instant) {
        if !std::mem::replace(&mut self.is_failing, true) {
            self.log(event, now);
        }
    }

    fn add_subchannel(
        &mut self,
        key: SubchannelId,
        address: &Address,
        event: &ChannelEvent,
        now: Instant,
    ) {
        let id = next_id();
        let subchannel = Subchannel {
            key,
            name: address.to_string(),
            state: ConnectivityState::Idle,
            trace: Trace::new(self.options.trace_events, now),
            counters: self.counters.insert(key),
            sockets: Vec::new(),
            mentions: 0,
        };
        self.live.insert(key, id);
        self.subchannels.insert(id, subchannel);
        self.log_of(key, event, now);
        self.mention(id, event, now);
    }

    fn remove_subchannel(&mut self, key: SubchannelId, event: &ChannelEvent, now: Instant) {
        let Some(id) = self.live.get(&key).copied() else {
            return;
        };
        let mut sockets = Vec::new();
        if let Some(subchannel) = self.log_of(key, event, now) {
            subchannel.state = ConnectivityState::Shutdown;
            sockets = std::mem::take(&mut subchannel.sockets);
            for (connection, _) in &sockets {
                subchannel.counters.remove_socket(*connection);
            }
        }
        for (_, socket) in sockets {
            self.sockets.remove(&socket);
        }
        self.live.remove(&key);
        self.mention(id, event, now);
    }

    fn add_socket(&mut self, key: SubchannelId, connection: ConnectionId, info: &ConnectionInfo) {
        let Some(subchannel) = self
            .live
            .get(&key)
            .and_then(|id| self.subchannels.get_mut(id))
        else {
            return;
        };
        let id = next_id();
        subchannel.sockets.push((connection, id));
        let socket = Socket {
            subchannel: key,
            connection,
            info: info.clone(),
            messages: subchannel.counters.add_socket(connection),
        };
        self.sockets.insert(id, socket);
    }

    fn remove_socket(&mut self, key: SubchannelId, connection: ConnectionId) {
        let Some(subchannel) = self
            .live
            .get(&key)
            .and_then(|id| self.subchannels.get_mut(id))
        else {
            return;
        };
        let place = |(own, _): &(ConnectionId, i64)| *own == connection;
        if let Some(at) = subchannel.sockets.iter().position(place) {
            let (_, id) = subchannel.sockets.remove(at);
            subchannel.counters.remove_socket(connection);
            self.sockets.remove(&id);
        }
    }

    /// Adds an event to the trace of the channel.
    fn log(&mut self, event: &ChannelEvent, now: Instant) {
        self.push(trace_event(event, now));
    }

    /// Adds an event about a subchannel to the trace of the channel.
    fn mention(&mut self, id: i64, event: &ChannelEvent, now: Instant) {
        if let Some(subchannel) = self.subchannels.get_mut(&id) {
            subchannel.mentions += 1;
        }
        self.push(trace_event(event, now).about(id));
    }

    /// Adds an event to the trace of a subchannel, and returns the subchannel, if it is not removed.
    fn log_of(
        &mut self,
        key: SubchannelId,
        event: &ChannelEvent,
        now: Instant,
    ) -> Option<&mut Subchannel> {
        let id = self.live.get(&key)?;
        let subchannel = self.subchannels.get_mut(id)?;
        subchannel.trace.push(trace_event(event, now));
        Some(subchannel)
    }

    /// Adds an event to the trace of the channel. A removed subchannel that only the event which makes
    /// room for it refers to is dropped.
    fn push(&mut self, event: TraceEvent) {
        let dropped = self.trace.push(event);
        let Some(id) = dropped.and_then(|event| event.child) else {
            return;
        };
        let Some(subchannel) = self.subchannels.get_mut(&id) else {
            return;
        };
        subchannel.mentions -= 1;
        if subchannel.mentions == 0 && subchannel.state == ConnectivityState::Shutdown {
            self.counters.remove(subchannel.key);
            self.subchannels.remove(&id);
        }
    }
}
